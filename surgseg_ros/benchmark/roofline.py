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

"""What this computer can do at best: operations and memory traffic in a second, measured."""

from collections.abc import Callable
import time

import torch
from torch import Tensor

from surgseg_ros.inference.devices import PRECISIONS

MATRIX_SIDES = {'cpu': (1024, 2048), 'cuda': (4096, 8192)}
"""Products of square matrices of these sizes; the fastest counts."""

BUFFER_BYTES = {'cpu': 256 * 2**20, 'cuda': 2**30}
"""Size of what is copied: more than caches hold."""

SECONDS_PER_MEASUREMENT = 0.4
_MIN_RUNS = 3


class Roofline:
    """
    The most that was ever measured, by number format.

    A busy computer shows less than it can do, never more: measure again and again, between
    whatever is to be compared, and the best stays. The CPU threads are torch's.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._gflops_per_s: dict[str, float] = {}
        self._gigabytes_per_s = 0.0

    @property
    def gflops_per_s(self) -> dict[str, float]:
        """Return the peak of each number format that was measured, in GFLOP/s."""
        return dict(self._gflops_per_s)

    @property
    def gigabytes_per_s(self) -> float:
        """Return the peak of a copy in memory, read and written bytes, in GB/s."""
        return self._gigabytes_per_s

    def measure(self, precision: str) -> None:
        """Measure products of matrices in a number format, and a copy in memory."""
        for side in MATRIX_SIDES[self._device.type]:
            found = self._multiply(side, PRECISIONS[precision])
            self._gflops_per_s[precision] = max(found, self._gflops_per_s.get(precision, 0.0))
        self._gigabytes_per_s = max(self._copy(), self._gigabytes_per_s)

    def _multiply(self, side: int, dtype: torch.dtype) -> float:
        left, right = (torch.randn(side, side, device=self._device).to(dtype) for _ in range(2))
        product = torch.empty_like(left)
        shortest_s = self._shortest(lambda: torch.mm(left, right, out=product))
        return 2 * side**3 / shortest_s / 1e9

    def _copy(self) -> float:
        size = BUFFER_BYTES[self._device.type]
        source = torch.ones(size, dtype=torch.uint8, device=self._device)
        target = torch.ones_like(source)
        return 2 * size / self._shortest(lambda: target.copy_(source)) / 1e9

    def _shortest(self, run: Callable[[], Tensor]) -> float:
        """Return the shortest time of a run, in seconds."""
        run()
        self._synchronize()
        durations_s: list[float] = []
        while len(durations_s) < _MIN_RUNS or sum(durations_s) < SECONDS_PER_MEASUREMENT:
            start_s = time.perf_counter()
            run()
            self._synchronize()
            durations_s.append(time.perf_counter() - start_s)
        return min(durations_s)

    def _synchronize(self) -> None:
        if self._device.type == 'cuda':
            torch.cuda.synchronize(self._device)
