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

"""How finding positions in space goes, for diagnostics."""

from collections import deque
from dataclasses import dataclass
import threading
import time

from surgseg_ros.reporting.percentiles import percentiles

WINDOW_PAIRS = 300


@dataclass(frozen=True)
class StereoSummary:
    """
    The pairs of images since activation.

    :param problem: why there are no positions, empty if there are or nothing is wrong
    :param is_fault: whether the problem needs somebody's attention
    :param pairs: that were looked at
    :param located: instruments in the last of them
    :param unsynchronized: images that came without one of the other eye within the tolerance
    :param processing_ms: 50th and 95th percentile of the time for a pair, ``None`` without any
    :param silence_s: since the last pair, ``None`` before the first
    """

    problem: str
    is_fault: bool
    pairs: int
    located: int
    unsynchronized: int
    processing_ms: tuple[float, float] | None
    silence_s: float | None = None


class StereoStatistics:
    """Collect what happens to pairs; every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._times_ms: deque[float] = deque(maxlen=WINDOW_PAIRS)
        self._last_s = 0.0
        self._pairs = 0
        self._located = 0
        self._unsynchronized = 0
        self._problem = ''
        self._is_fault = False

    def record_pair(self, located: int, processing_s: float) -> None:
        """Note a pair with positions."""
        with self._lock:
            self._pairs += 1
            self._located = located
            self._times_ms.append(1e3 * processing_s)
            self._last_s = time.monotonic()
            self._problem, self._is_fault = '', False

    def record_problem(self, text: str, is_fault: bool) -> None:
        """Note why there are no positions."""
        with self._lock:
            self._problem, self._is_fault = text, is_fault

    def record_unsynchronized(self) -> None:
        """Note an image that is too far from the other eye's."""
        with self._lock:
            self._unsynchronized += 1

    @property
    def pairs(self) -> int:
        """Return the number of pairs with positions."""
        with self._lock:
            return self._pairs

    def summary(self) -> StereoSummary:
        """Return what was noted."""
        with self._lock:
            times_ms = list(self._times_ms)
            problem, is_fault = self._problem, self._is_fault
            counts = self._pairs, self._located, self._unsynchronized
            silence_s = time.monotonic() - self._last_s
        found = percentiles(times_ms)
        if found is None:
            return StereoSummary(problem, is_fault, *counts, None)
        return StereoSummary(problem, is_fault, *counts, (found.p50, found.p95), silence_s)
