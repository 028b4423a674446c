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

"""How well the images of both eyes belong together."""

from collections import deque
from dataclasses import dataclass
import threading

from surgseg_ros.reporting.percentiles import percentiles

WINDOW_BATCHES = 300


@dataclass(frozen=True)
class PairingSummary:
    """
    The last batches of a stereo rig.

    :param paired_fraction: share of the batches that held an image of each eye, ``None`` before
        the first
    :param stamp_gap_ms: 50th and 95th percentile of the difference of the stamps in those;
        ``None`` without any
    """

    paired_fraction: float | None
    stamp_gap_ms: tuple[float, float] | None


class PairingStatistics:
    """Collect the stamp gaps of batches; every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._gaps_ns: deque[int | None] = deque(maxlen=WINDOW_BATCHES)

    def record(self, num_eyes: int, gap_ns: int) -> None:
        """
        Note a batch.

        :param num_eyes: images in it
        :param gap_ns: difference of their stamps
        """
        with self._lock:
            self._gaps_ns.append(gap_ns if num_eyes > 1 else None)

    def summary(self) -> PairingSummary:
        """Return the statistics of the last batches."""
        with self._lock:
            gaps_ns = list(self._gaps_ns)
        paired = [gap / 1e6 for gap in gaps_ns if gap is not None]
        found = percentiles(paired)
        if found is None:
            return PairingSummary(0.0 if gaps_ns else None, None)
        return PairingSummary(len(paired) / len(gaps_ns), (found.p50, found.p95))
