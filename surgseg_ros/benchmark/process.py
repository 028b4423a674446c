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

"""CPU time and memory that a process takes."""

from pathlib import Path

from surgseg_ros.reporting.packages import check_packages


def process_cpu_s(pid: int) -> float:
    """
    Return the CPU time that all threads of a process have taken so far (s).

    :raises psutil.NoSuchProcess: if there is no such process
    :raises MissingPackageError: if psutil is not installed
    """
    check_packages('psutil')
    import psutil

    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


def resident_bytes(pid: int | None = None) -> int:
    """
    Return the resident memory of a process.

    :param pid: ``None``: this one
    :raises psutil.NoSuchProcess: if there is no such process
    :raises MissingPackageError: if psutil is not installed
    """
    check_packages('psutil')
    import psutil

    return psutil.Process(pid).memory_info().rss


def peak_resident_bytes(pid: int | None = None) -> int:
    """
    Return the largest resident memory that a process has had, which psutil does not tell.

    :param pid: ``None``: this one
    :raises FileNotFoundError: if there is no such process
    """
    status = Path('/proc', 'self' if pid is None else str(pid), 'status')
    lines = status.read_text(encoding='utf-8').splitlines()
    (peak_kib,) = (line.split()[1] for line in lines if line.startswith('VmHWM:'))
    return 1024 * int(peak_kib)
