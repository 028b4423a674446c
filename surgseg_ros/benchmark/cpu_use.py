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

"""How much of the CPU other programs and other guests of the computer take."""

from collections.abc import Sequence
import os
from pathlib import Path
import time

from surgseg_ros.benchmark.process import process_cpu_s
from surgseg_ros.reporting.packages import check_packages

_ONLINE = Path('/sys/devices/system/cpu/online')


class ForeignLoad:
    """
    Measure what others take of the cores that this process may use.

    It counts while it is used as a context, any number of times.

    :param pids: running processes that do not count as others, like this one and those that it
        has waited for
    :raises MissingPackageError: if psutil is not installed
    """

    def __init__(self, pids: Sequence[int] = ()) -> None:
        check_packages('psutil')
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


def _running_cpu_s(pid: int) -> float:
    """Return the CPU time of a process, 0 once it was waited for: os.times() has it then."""
    import psutil

    try:
        return process_cpu_s(pid)
    except psutil.NoSuchProcess:
        return 0.0


def _read_busy_s() -> float:
    """Return the CPU time that the cores have spent, or lost to a hypervisor, so far (s)."""
    import psutil

    usable = os.sched_getaffinity(0)
    cores = zip(_online_cores(), psutil.cpu_times(percpu=True), strict=False)
    return sum(
        times.user + times.nice + times.system + times.irq + times.softirq + times.steal
        for core, times in cores
        if core in usable
    )


def _online_cores() -> list[int]:
    """Return the numbers of the cores in the order of psutil, which does not tell them."""
    if not _ONLINE.is_file():
        return []
    ranges = [part.split('-') for part in _ONLINE.read_text(encoding='ascii').strip().split(',')]
    return [core for ends in ranges for core in range(int(ends[0]), int(ends[-1]) + 1)]
