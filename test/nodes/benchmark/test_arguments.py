# Copyright 2026 surgseg_ros contributors
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.

"""Tests of the command line of the node benchmark."""

import pytest

pytest.importorskip('rclpy')

from surgseg_ros.nodes.benchmark.arguments import AUTO
from surgseg_ros.nodes.benchmark.arguments import parse_arguments


def test_parameters_of_the_node_are_json_or_text():
    given = [f'--parameter={text}' for text in ('queue=3', 'names=["a"]', 'look=plain', 'a=b=c')]
    assert parse_arguments(given).parameter == [
        *(('queue', 3), ('names', ['a']), ('look', 'plain'), ('a', 'b=c')),
    ]


def test_the_rate_is_chosen_or_given():
    assert parse_arguments([]).rate == AUTO
    assert parse_arguments(['--rate', 'auto']).rate == AUTO
    assert parse_arguments(['--rate', '12.5']).rate == 12.5


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['--parameter', 'queue'], 'must be NAME=VALUE'),
        (['--rate', '0'], '--rate'),
        (['--frames', '10', '--seconds', '1'], 'not allowed with'),
        (['--compare', 'other'], '--compare'),
    ],
)
def test_refuses_what_cannot_be_measured(arguments, message, capsys):
    with pytest.raises(SystemExit):
        parse_arguments(arguments)
    assert message in capsys.readouterr().err
