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

"""Processes that the node benchmark starts, and what each of them costs."""

from collections import deque
from collections.abc import Mapping
from collections.abc import Sequence
import os
from pathlib import Path
import re
import signal
import subprocess
import sys
import time

LOG_LINES = 15
CLOCK_TICKS = os.sysconf('SC_CLK_TCK')


class BenchmarkError(RuntimeError):
    """The benchmark cannot go on; the message names cause and remedy."""


class ChildProcess:
    """
    A module of this package in a process of its own, what it prints in a log file.

    :param module: name in ``surgseg_ros.nodes``
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
        self.log = log
        # In a session of its own: Ctrl-C reaches the benchmark alone, which stops the others.
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

    def is_running(self) -> bool:
        """Tell whether the process lives."""
        return self.process.poll() is None

    def check(self) -> None:
        """
        Refuse to go on without the process.

        :raises BenchmarkError: if it has ended
        """
        if not self.is_running():
            code = self.process.returncode
            how = signal.Signals(-code).name if code < 0 else f'exit code {code}'
            raise BenchmarkError(f'{self.module} ended by {how}. {self.quote_log()}')

    def stop(self) -> None:
        """End the process: ask first, then kill it."""
        for signal_number, patience_s in ((signal.SIGTERM, 20.0), (signal.SIGKILL, 5.0)):
            if not self.is_running():
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

    def quote_log(self) -> str:
        """Return the end of the log with its name."""
        with self.log.open(encoding='utf-8', errors='replace') as lines:
            end = ''.join(deque(lines, LOG_LINES))
        return f'The end of its log:\n{end or "(empty)"}'

    def cpu_s(self) -> float:
        """Return the CPU time that all threads of the process have taken so far (s)."""
        text = Path(f'/proc/{self.process.pid}/stat').read_text(encoding='utf-8')
        # The name in parentheses may contain anything; the numbers begin with field 3 behind it.
        fields = text.rpartition(')')[2].split()
        return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS

    def memory_mb(self) -> dict[str, float]:
        """Return the resident memory, ``'now'`` and at its ``'peak'`` (MiB)."""
        text = Path(f'/proc/{self.process.pid}/status').read_text(encoding='utf-8')
        found = dict(re.findall(r'^(VmRSS|VmHWM):\s+(\d+) kB', text, re.MULTILINE))
        return {'now': int(found['VmRSS']) / 1024, 'peak': int(found['VmHWM']) / 1024}


class ForeignLoad:
    """
    Measure how many CPU cores other programs, and other guests of the computer, take.

    :param child: a process that does not count as foreign, as this one and those that it has
        waited for
    """

    def __init__(self, child: ChildProcess) -> None:
        self._child = child
        self._start_s = time.monotonic()
        self._foreign_s = self._read_foreign_s()

    def cores(self) -> float:
        """Return the mean since the start."""
        foreign_s = self._read_foreign_s() - self._foreign_s
        return max(foreign_s, 0.0) / (time.monotonic() - self._start_s)

    def _read_foreign_s(self) -> float:
        return _read_busy_s() - sum(os.times()[:4]) - self._child.cpu_s()


def _read_busy_s() -> float:
    """Return the CPU time that all cores have spent, or lost to a hypervisor, so far (s)."""
    with Path('/proc/stat').open(encoding='ascii') as lines:
        user, nice, system, _, _, *interrupts = map(int, next(lines).split()[1:9])
    return (user + nice + system + sum(interrupts)) / CLOCK_TICKS
