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

"""Tests of the processes of the node benchmark."""

import os

import pytest

pytest.importorskip('rclpy')

from surgseg_ros.nodes.benchmark.process import BenchmarkError
from surgseg_ros.nodes.benchmark.process import check_running
from surgseg_ros.nodes.benchmark.process import memory_mb
from surgseg_ros.nodes.benchmark.process import Processes
from surgseg_ros.nodes.common.child_process import ChildProcess


def test_memory_of_a_process(tmp_path):
    child = ChildProcess('benchmark.camera', [], os.environ, tmp_path / 'log')
    try:
        memory = memory_mb(child)
        assert 0.0 < memory['now'] <= memory['peak']
    finally:
        child.stop()


def test_the_end_of_a_process_is_explained_by_its_log(tmp_path):
    child = ChildProcess('benchmark.camera', ['--nonsense'], os.environ, tmp_path / 'log')
    child.process.wait()
    with pytest.raises(BenchmarkError, match='(?s)benchmark.camera .* exit code 2.*--namespace'):
        check_running(child)


def test_all_processes_are_stopped_and_each_has_a_log(tmp_path):
    processes = Processes(tmp_path, os.environ)
    children = [processes.start('benchmark.camera', ['--nonsense']) for _ in range(2)]
    processes.stop_all()
    assert all(child.exit_code is not None for child in children)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        '0_benchmark.camera.log',
        '1_benchmark.camera.log',
    ]
