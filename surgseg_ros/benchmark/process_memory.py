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

"""Growth of the memory of this process, and what the computer has left."""

from collections.abc import Callable
from pathlib import Path

import torch

from surgseg_ros.benchmark.process import peak_resident_bytes
from surgseg_ros.benchmark.process import resident_bytes
from surgseg_ros.inference.memory import return_free_memory
from surgseg_ros.reporting.packages import check_packages

_CLEAR_REFS = Path('/proc/self/clear_refs')
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
        return peak_resident_bytes() - self._start_bytes if can_reset else None

    def _current(self) -> int:
        return_free_memory()
        if self._device.type == 'cuda':
            return torch.cuda.memory_allocated(self._device)
        return resident_bytes()


def available_bytes(device: torch.device) -> int:
    """Return the memory that a device, or the computer, has left."""
    if device.type == 'cuda':
        return torch.cuda.mem_get_info(device)[0]
    check_packages('psutil')
    import psutil

    return psutil.virtual_memory().available


def _reset_peak() -> bool:
    """Let the peak of the resident memory start anew, and tell whether that was possible."""
    try:
        _CLEAR_REFS.write_text(_RESET_PEAK, encoding='ascii')
    except OSError:
        return False
    return True
