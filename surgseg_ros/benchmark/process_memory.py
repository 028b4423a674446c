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

"""Memory of this process and what the computer has left, as Linux counts it."""

from collections.abc import Callable
from pathlib import Path

import torch

from surgseg_ros.inference.memory import return_free_memory

_STATUS = Path('/proc/self/status')
_CLEAR_REFS = Path('/proc/self/clear_refs')
_MEMORY = Path('/proc/meminfo')
_RESET_PEAK = '5'  # see proc(5)


class MemoryMeter:
    """
    Measure by how much memory grows from one moment to the peak during some work.

    On a CPU this is the resident memory of the process, on a CUDA device what torch has allocated
    there.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._start_bytes = self._current()

    def peak_growth(self, work: Callable[[], None]) -> int | None:
        """
        Do some work; return the peak during it less the memory at the start, in bytes.

        ``None`` where the system does not tell the peak.
        """
        if self._device.type == 'cuda':
            torch.cuda.reset_peak_memory_stats(self._device)
            work()
            return torch.cuda.max_memory_allocated(self._device) - self._start_bytes
        return_free_memory()
        can_reset = _reset_peak()
        work()
        return _read_bytes(_STATUS, 'VmHWM') - self._start_bytes if can_reset else None

    def _current(self) -> int:
        return_free_memory()
        if self._device.type == 'cuda':
            return torch.cuda.memory_allocated(self._device)
        return _read_bytes(_STATUS, 'VmRSS')


def available_bytes(device: torch.device) -> int:
    """Return the memory that a device, or the computer, has left; 0 if it is not known."""
    if device.type == 'cuda':
        return torch.cuda.mem_get_info(device)[0]
    return _read_bytes(_MEMORY, 'MemAvailable')


def _reset_peak() -> bool:
    """Let the peak of the resident memory start anew, and tell whether that was possible."""
    try:
        _CLEAR_REFS.write_text(_RESET_PEAK, encoding='ascii')
    except OSError:
        return False
    return True


def _read_bytes(file: Path, key: str) -> int:
    """Return a value in kB of a file of /proc, in bytes; 0 if it is not there."""
    lines = file.read_text(encoding='utf-8').splitlines() if file.is_file() else []
    values = [line.split()[1] for line in lines if line.startswith(f'{key}:')]
    return 1024 * int(values[0]) if values else 0
