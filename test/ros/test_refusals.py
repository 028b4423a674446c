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

"""Every executable ends with its message and exit status 1 when it must refuse a parameter."""

from collections.abc import Iterator

from node_process import NodeProcess
import pytest
from refused_starts import Refusal
from refused_starts import REFUSALS
from refused_starts import write_files

NAMED = {
    f'{refusal.executable}-{refusal.message}-{number}': refusal
    for number, refusal in enumerate(REFUSALS)
}

Started = dict[str, tuple[Refusal, NodeProcess]]


@pytest.fixture(scope='module')
def refused(ros_context: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    """Start all at the same time, so that they get to know each other while they end."""
    folder = tmp_path_factory.mktemp('refused')
    write_files(folder)
    started = {
        name: (refusal, refusal.start(folder, folder / f'{number}.log'))
        for number, (name, refusal) in enumerate(NAMED.items())
    }
    yield started
    for _, process in started.values():
        process.kill()


@pytest.mark.parametrize('name', NAMED)
def test_a_refused_start_prints_its_message_alone_and_exits_with_1(refused, name):
    refusal, process = refused[name]
    assert process.wait_for_exit() == 1, str(process)
    assert refusal.is_said_by(process.output), str(process)
