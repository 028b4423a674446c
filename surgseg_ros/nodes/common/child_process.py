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

"""Processes that the demo and the node benchmark start: their log, their end."""

from collections import deque
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
import signal
import subprocess
import sys

LOG_LINES = 15


class ChildProcess:
    """
    A module of this package in a process of its own, what it prints in a log file.

    :param module: name below ``surgseg_ros.nodes``, such as ``'segmentation_node'``
    :param arguments: of the command line
    :param environment: of the process
    :param log: file for what it prints
    :param has_pipes: connect its standard input and output with :attr:`process`; only errors go
        into the log then
    """

    def __init__(
        self,
        module: str,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        log: Path,
        has_pipes: bool = False,
    ) -> None:
        self.module = module
        self._log = log
        # In a session of its own: Ctrl-C reaches the parent alone, which stops the others in the
        # right order.
        with log.open('w', encoding='utf-8') as output:
            self.process = subprocess.Popen(
                [sys.executable, '-m', f'surgseg_ros.nodes.{module}', *arguments],
                env=dict(environment),
                stdin=subprocess.PIPE if has_pipes else subprocess.DEVNULL,
                stdout=subprocess.PIPE if has_pipes else output,
                stderr=output,
                start_new_session=True,
                text=True,
            )

    @property
    def exit_code(self) -> int | None:
        """Return the exit code, negative for a signal, or ``None`` while it runs."""
        return self.process.poll()

    def stop(self) -> None:
        """End the process: ask first, then kill it."""
        for signal_number, patience_s in ((signal.SIGTERM, 20.0), (signal.SIGKILL, 5.0)):
            if self.exit_code is not None:
                return
            self.process.send_signal(signal_number)
            try:
                self.process.wait(patience_s)
            except subprocess.TimeoutExpired:
                continue

    def kill(self) -> None:
        """End the process at once."""
        self.process.kill()
        self.process.wait()

    def describe_exit(self) -> str:
        """Return how it has ended, and the end of its log: a message for people."""
        code = self.process.wait()
        if code < 0:
            how = f'was ended by {signal.Signals(-code).name}'
        else:
            how = f'ended with exit code {code}'
        return f'{self.module} {how}. {self.quote_log()}'

    def quote_log(self) -> str:
        """Return the end of the log with its name."""
        with self._log.open(encoding='utf-8', errors='replace') as lines:
            end = ''.join(deque(lines, LOG_LINES))
        return f"The end of its log, '{self._log}':\n{end or '(empty)'}"
