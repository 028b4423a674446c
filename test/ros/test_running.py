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

"""How a process that runs a node ends."""

import os
import signal
import subprocess
import sys
import textwrap

from node_process import START_TIMEOUT_S
from node_process import STOP_TIMEOUT_S
import pytest

PROGRAM = """
import sys

from rclpy.node import Node
from surgseg_ros.nodes.common.running import NodeError, NodeFinished, run_node


class Ticker(Node):
    def __init__(self):
        super().__init__('ticker')
        self.declare_parameter('rate_hz', 50.0)
        self.create_timer(1 / self.get_parameter('rate_hz').value, self.tick)

    def tick(self):
        print('tick', flush=True)
        {action}

    def destroy_node(self):
        print('destroyed', flush=True)
        super().destroy_node()


sys.exit(run_node(lambda: Ticker))
"""


@pytest.fixture
def start(ros_context):
    """Return a function that starts a node whose timer callback does something."""
    processes = []

    def start(action='', *arguments):
        program = textwrap.dedent(PROGRAM).format(action=action)
        process = subprocess.Popen(
            [sys.executable, '-c', program, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=dict(os.environ),
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def outcome(process):
    output, _ = process.communicate(timeout=START_TIMEOUT_S + STOP_TIMEOUT_S)
    return process.returncode, output


@pytest.mark.parametrize('signal_number', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_destroys_the_node_and_exits_with_0(start, signal_number):
    process = start()
    assert process.stdout.readline() == 'tick\n'
    process.send_signal(signal_number)
    code, output = outcome(process)
    assert code == 0
    assert output.rstrip().endswith('destroyed')
    assert 'Traceback' not in output


def test_a_signal_in_a_callback_lets_it_finish(start):
    action = 'import time; end = time.monotonic() + 1\n        while time.monotonic() < end: pass'
    process = start(action + "\n        print('finished', flush=True)")
    assert process.stdout.readline() == 'tick\n'
    process.send_signal(signal.SIGINT)
    code, output = outcome(process)
    assert code == 0
    assert output.startswith('finished')
    assert 'Traceback' not in output


def test_finished_work_exits_with_0(start):
    code, output = outcome(start('raise NodeFinished'))
    assert code == 0
    assert output.count('tick') == 1
    assert 'Traceback' not in output


def test_an_error_is_one_line_and_exits_with_1(start):
    code, output = outcome(start("raise NodeError('no film in the camera; load one')"))
    assert code == 1
    assert 'no film in the camera; load one' in output
    assert 'Traceback' not in output


def test_a_programming_error_keeps_its_traceback(start):
    code, output = outcome(start('1 / 0'))
    assert code == 1
    assert 'ZeroDivisionError' in output


def test_a_parameter_of_the_wrong_type_is_one_line(start):
    code, output = outcome(start('', '--ros-args', '-p', 'rate_hz:=fast'))
    assert code == 1
    assert 'rate_hz' in output
    assert 'Traceback' not in output


@pytest.mark.parametrize('module', ['segmentation_node', 'video_publisher_node'])
def test_no_thread_of_the_middleware_outlives_main(module, ros_context):
    program = textwrap.dedent(f"""
        import pathlib, sys
        from surgseg_ros.nodes.{module} import main
        code = main()
        print(*(path.read_text() for path in pathlib.Path('/proc/self/task').glob('*/comm')))
        sys.exit(code)
    """)
    finished = subprocess.run(
        [sys.executable, '-c', program, '--ros-args', '-p', 'left:=/nowhere', '-p', 'threads:=-1'],
        capture_output=True,
        text=True,
        timeout=START_TIMEOUT_S,
        check=False,
    )
    assert finished.returncode == 1, finished.stderr
    assert 'python' in finished.stdout
    assert 'dds.udp' not in finished.stdout


EARLY_PROGRAM = """
import os, signal, sys
import importlib.abc

class SignalWhenImporting(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.{signal_name})

sys.meta_path.insert(0, SignalWhenImporting())
from surgseg_ros.nodes.segmentation_node import main
sys.exit(main())
"""


@pytest.mark.parametrize('signal_name', ['SIGINT', 'SIGTERM'])
@pytest.mark.parametrize('module', ['rclpy', 'torch'])
def test_a_signal_while_importing_exits_with_0(module, signal_name, ros_context):
    program = EARLY_PROGRAM.format(module=module, signal_name=signal_name)
    finished = subprocess.run(
        [sys.executable, '-c', program],
        capture_output=True,
        text=True,
        timeout=START_TIMEOUT_S,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    assert 'Traceback' not in finished.stderr
    # Not even made: a node that starts by itself says what it does.
    assert '[segmentation]' not in finished.stdout + finished.stderr
