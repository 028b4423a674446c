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

"""Tests of the processes that the demo and the node benchmark start."""

import os
import signal
import subprocess

import pytest

pytest.importorskip('rclpy')

from surgseg_ros.nodes.common.child_process import ChildProcess


def test_a_process_is_asked_to_end(tmp_path):
    child = ChildProcess('benchmark.network', [], os.environ, tmp_path / 'log')
    child.stop()
    assert child.exit_code == -signal.SIGTERM


def test_a_process_that_does_not_listen_is_killed(tmp_path):
    arguments = ['--ros-args', '-p', 'eyes:=[left]']
    child = ChildProcess('segmentation_node', arguments, os.environ, tmp_path / 'log')
    child.process.send_signal(signal.SIGSTOP)
    with pytest.raises(subprocess.TimeoutExpired):
        child.process.wait(0.2)
    child.kill()
    assert child.exit_code == -signal.SIGKILL
    assert 'segmentation_node was ended by SIGKILL' in child.describe_exit()


def test_an_exit_code_is_told_with_the_end_of_the_log(tmp_path):
    child = ChildProcess('benchmark.camera', ['--nonsense'], os.environ, tmp_path / 'log')
    text = child.describe_exit()
    assert 'benchmark.camera ended with exit code 2' in text
    assert 'arguments are required: --namespace' in text
    assert str(tmp_path / 'log') in text
