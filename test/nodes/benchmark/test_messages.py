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

"""Tests of the measurement of image messages, and of its subcommand."""

import json

import pytest

pytest.importorskip('sensor_msgs')

from surgseg_ros import cli
from surgseg_ros.commands import benchmark
from surgseg_ros.nodes.benchmark import messages
from surgseg_ros.nodes.benchmark.messages import FILL_LIMIT_MS
from surgseg_ros.nodes.benchmark.messages import is_too_slow
from surgseg_ros.nodes.benchmark.messages import Measurement


def test_table_and_file_hold_every_row(tmp_path, capsys):
    result = tmp_path / 'new' / 'result.json'
    code = messages.main(['--repetitions', '2', '--json', str(result)])
    content = json.loads(result.read_text())
    rows = content['measurements']
    table = capsys.readouterr().out.splitlines()
    assert 'median [ms]' in table[0]
    assert len(table) == len(rows) + 1
    images = [(row['task'], row['what']) for row in rows]
    for image in [('fill', 'rgb8'), ('fill', 'mono8'), ('read', 'bayer_rggb16 padded')]:
        assert image in images
    assert all(row['median_ms'] > 0 for row in rows)
    assert content['repetitions'] == 2
    assert code == int(rows[0]['median_ms'] > content['fill_limit_ms'])


@pytest.mark.parametrize(
    ('what', 'median_ms', 'slow'),
    [
        ('rgb8', FILL_LIMIT_MS, False),
        ('rgb8', FILL_LIMIT_MS + 0.1, True),
        ('mono8', FILL_LIMIT_MS + 0.1, False),
    ],
)
def test_the_limit_is_that_of_filling_rgb8(what, median_ms, slow):
    assert is_too_slow([Measurement('fill', what, 1920, 1080, median_ms)]) is slow


def test_slow_filling_ends_with_exit_code_1(monkeypatch, capsys):
    monkeypatch.setattr(messages, 'FILL_LIMIT_MS', 1e-9)
    assert messages.main(['--repetitions', '1']) == 1
    assert 'filling an rgb8 message takes more than' in capsys.readouterr().err


def test_help_says_what_is_measured(capsys):
    with pytest.raises(SystemExit) as ended:
        messages.main(['--help'])
    assert ended.value.code == 0
    output = capsys.readouterr().out
    for words in ('1920x1080', '1280x1024', 'exit code:', '--json'):
        assert words in output


def test_wrong_repetitions_are_refused(capsys):
    with pytest.raises(SystemExit) as ended:
        messages.main(['--repetitions', '0'])
    assert ended.value.code == 2
    assert 'at least 1' in capsys.readouterr().err


def test_subcommand_runs_the_measurement(tmp_path, capfd):
    result = tmp_path / 'result.json'
    code = cli.main(['benchmark', '--messages', '--repetitions', '3', '--json', str(result)])
    assert code in (0, 1)
    assert 'median [ms]' in capfd.readouterr().out
    assert json.loads(result.read_text())['repetitions'] == 3


def test_subcommand_without_ros_says_what_to_source(monkeypatch, capsys):
    monkeypatch.setattr(benchmark, 'find_spec', lambda name: None)
    assert cli.main(['benchmark', '--messages']) == 1
    assert 'source /opt/ros/<distro>/setup.bash' in capsys.readouterr().err
