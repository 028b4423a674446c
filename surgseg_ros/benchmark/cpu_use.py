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

"""How much of the CPU a process, other programs and other guests of the computer take."""

from collections.abc import Sequence
import os
from pathlib import Path
import time

_TICKS_PER_S = os.sysconf('SC_CLK_TCK')
_STAT = Path('/proc/stat')
# Columns of a cpu line, see proc(5).
_BUSY = slice(0, 3)  # user, nice, system
_INTERRUPTS = slice(5, 7)
_STOLEN = 7


class ForeignLoad:
    """
    Measure what others take of the cores that this process may use.

    It counts while it is used as a context, any number of times.

    :param pids: running processes that do not count as others, like this one and those that it
        has waited for
    """

    def __init__(self, pids: Sequence[int] = ()) -> None:
        self._pids = pids
        self._foreign_s = 0.0
        self._available_s = 0.0
        self._begin = (0.0, 0.0, 0.0)

    @property
    def fraction(self) -> float | None:
        """Return the fraction of the cores' time, 0 to 1; ``None``: nothing is known."""
        if not self._available_s:
            return None
        return min(max(self._foreign_s / self._available_s, 0.0), 1.0)

    @property
    def cores(self) -> float | None:
        """Return the mean number of cores; ``None``: nothing is known."""
        return None if self.fraction is None else self.fraction * len(os.sched_getaffinity(0))

    def __enter__(self) -> 'ForeignLoad':
        """Begin to count."""
        self._begin = self._read()
        return self

    def __exit__(self, *_: object) -> None:
        """Pause."""
        busy_s, own_s, now_s = (
            end - begin for end, begin in zip(self._read(), self._begin, strict=True)
        )
        if busy_s > 0:
            self._foreign_s += busy_s - own_s
            self._available_s += now_s * len(os.sched_getaffinity(0))

    def _read(self) -> tuple[float, float, float]:
        """Return seconds: cores busy or taken by a hypervisor, own processes', the clock's."""
        own_s = sum(os.times()[:4]) + sum(_running_cpu_s(pid) for pid in self._pids)
        return _read_busy_s(), own_s, time.monotonic()


def process_cpu_s(pid: int) -> float:
    """
    Return the CPU time that all threads of a process have taken so far (s).

    :raises FileNotFoundError: if there is no such process
    """
    text = Path(f'/proc/{pid}/stat').read_text(encoding='utf-8')
    # The name in parentheses may contain anything; the numbers begin with field 3 behind it.
    fields = text.rpartition(')')[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def _running_cpu_s(pid: int) -> float:
    """Return the CPU time of a process, 0 once it was waited for: os.times() has it then."""
    try:
        return process_cpu_s(pid)
    except FileNotFoundError:
        return 0.0


def _read_busy_s() -> float:
    """Return the CPU time that the cores have spent, or lost to a hypervisor, so far (s)."""
    cores = {f'cpu{core}' for core in os.sched_getaffinity(0)}
    lines = _STAT.read_text(encoding='ascii').splitlines() if _STAT.is_file() else []
    ticks = 0
    for name, *texts in (line.split() for line in lines if line):
        if name in cores:
            values = [int(text) for text in texts]
            ticks += sum(values[_BUSY]) + sum(values[_INTERRUPTS]) + values[_STOLEN]
    return ticks / _TICKS_PER_S
