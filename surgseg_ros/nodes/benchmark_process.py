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

"""What a process under the node benchmark costs, and whether it still runs."""

import os
from pathlib import Path
import re
import time

from surgseg_ros.nodes.child_process import ChildProcess

CLOCK_TICKS = os.sysconf('SC_CLK_TCK')


class BenchmarkError(RuntimeError):
    """The benchmark cannot go on; the message names cause and remedy."""


def check_running(child: ChildProcess) -> None:
    """
    Refuse to go on without a process.

    :raises BenchmarkError: if it has ended
    """
    if child.exit_code is not None:
        raise BenchmarkError(child.describe_exit())


def cpu_s(child: ChildProcess) -> float:
    """Return the CPU time that all threads of a process have taken so far (s)."""
    text = Path(f'/proc/{child.process.pid}/stat').read_text(encoding='utf-8')
    # The name in parentheses may contain anything; the numbers begin with field 3 behind it.
    fields = text.rpartition(')')[2].split()
    return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS


def memory_mb(child: ChildProcess) -> dict[str, float]:
    """Return the resident memory of a process, ``'now'`` and at its ``'peak'`` (MiB)."""
    text = Path(f'/proc/{child.process.pid}/status').read_text(encoding='utf-8')
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
        return _read_busy_s() - sum(os.times()[:4]) - cpu_s(self._child)


def _read_busy_s() -> float:
    """Return the CPU time that all cores have spent, or lost to a hypervisor, so far (s)."""
    with Path('/proc/stat').open(encoding='ascii') as lines:
        user, nice, system, _, _, *interrupts = map(int, next(lines).split()[1:9])
    return (user + nice + system + sum(interrupts)) / CLOCK_TICKS
