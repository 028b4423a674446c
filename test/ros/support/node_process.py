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

"""Nodes as processes: start them, read what they say, stop them and check how they ended."""

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
import json
import os
from pathlib import Path
import signal
import subprocess
import sys
import time

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 60.0
POLL_S = 0.02


def wait_until(condition: Callable[[], object], timeout_s: float, what: str) -> None:
    """
    Wait for a condition.

    :raises AssertionError: if it does not come true in time
    """
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f'waited {timeout_s} s in vain for {what}'
        time.sleep(POLL_S)


class LoggedProcess:
    """
    A process that prints into a file.

    :param command: program and arguments
    :param output: file for what it prints
    :param environment: variables beside those of this process
    :param own_session: keep it from the Ctrl-C of the terminal
    """

    def __init__(
        self,
        command: Sequence[str],
        output: Path,
        environment: Mapping[str, str] | None = None,
        own_session: bool = False,
    ) -> None:
        self._output = output
        with output.open('wb') as file:
            self._process = subprocess.Popen(
                command,
                stdout=file,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(environment or {})},
                start_new_session=own_session,
            )

    @property
    def pid(self) -> int:
        """Return the process id."""
        return self._process.pid

    @property
    def output(self) -> str:
        """Return everything printed so far."""
        return self._output.read_text(errors='replace')

    def is_running(self) -> bool:
        """Tell whether the process lives."""
        return self._process.poll() is None

    def kill(self) -> None:
        """End the process whatever it does."""
        self._process.kill()
        self._process.wait()


class NodeProcess(LoggedProcess):
    """
    A node of this package in a process of its own.

    :param module: name in ``surgseg_ros.nodes``, such as ``'segmentation_node'``
    :param parameters: ROS parameters
    :param namespace: of the node
    :param output: file for what the process prints
    :param own_session: keep it from the Ctrl-C of the terminal
    """

    def __init__(
        self,
        module: str,
        parameters: Mapping[str, object],
        namespace: str,
        output: Path,
        own_session: bool = False,
    ) -> None:
        self.module = module
        command = [sys.executable, *self._program(), '--ros-args', '-r', f'__ns:={namespace}']
        for name, value in parameters.items():
            command += ['-p', f'{name}:={json.dumps(value)}']
        super().__init__(command, output, own_session=own_session)

    def _program(self) -> list[str]:
        """Return what Python runs."""
        return ['-m', f'surgseg_ros.nodes.{self.module}']

    def wait_for_output(
        self, text: str, timeout_s: float = START_TIMEOUT_S, start: int = 0
    ) -> None:
        """Wait until the process has printed a text, after so many characters."""
        self._wait_until(
            lambda: text in self.output[start:] or not self.is_running(), timeout_s, text
        )
        assert text in self.output[start:], f'{self} ended without {text!r}'

    def wait_for_exit(self, timeout_s: float = STOP_TIMEOUT_S) -> int:
        """Wait until the process ends by itself and return its exit code."""
        self._wait_until(lambda: not self.is_running(), timeout_s, 'the end')
        return self._process.returncode

    def request_stop(self, signal_number: int = signal.SIGINT) -> None:
        """Send a signal."""
        self._process.send_signal(signal_number)

    def check_end(self) -> None:
        """Wait until the process ends and check that it does so cleanly."""
        assert self.wait_for_exit() == 0, str(self)
        assert 'Traceback' not in self.output, str(self)

    def stop(self, signal_number: int = signal.SIGINT) -> None:
        """Send a signal and check that the process ends cleanly."""
        self.request_stop(signal_number)
        self.check_end()

    def _wait_until(self, condition: Callable[[], bool], timeout_s: float, what: str) -> None:
        try:
            wait_until(condition, timeout_s, f'{what!r}')
        except AssertionError as error:
            # What it has printed by now tells why.
            raise AssertionError(f'{error}: {self}') from error

    def __str__(self) -> str:
        """Return name and output, for assertion messages."""
        return f'{self.module} (exit code {self._process.returncode}), printed:\n{self.output}'
