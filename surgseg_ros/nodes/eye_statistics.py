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

"""Rolling statistics of one eye: rate, latency and the last error."""

from collections import Counter
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
import threading
import time

import numpy as np

WINDOW_FRAMES = 300
RATE_WINDOW_S = 5.0


@dataclass(frozen=True)
class EyeSummary:
    """
    The statistics of one eye at one moment.

    :param rate_hz: published results a second over the last seconds
    :param latency_ms: 50th, 95th and 99th percentile from the reception of an image to the
        publication of its result; empty before the first result
    :param age_ms: from the stamp of the last image to the publication of its result; ``None``
        before the first result and for images without a stamp
    :param silence_s: time since the last image, or since the start when there was none
    :param rejected: number of rejected frames by cause
    :param last_error: why the last rejected frame was rejected, empty when there was none
    """

    rate_hz: float
    latency_ms: tuple[float, ...]
    age_ms: float | None
    silence_s: float
    rejected: dict[str, int]
    last_error: str


class EyeStatistics:
    """
    Collect the timing of one eye; every method may be called from any thread.

    :param clock: monotonic time in seconds
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._start = clock()
        self._last_image = self._start
        self._latencies_s: deque[float] = deque(maxlen=WINDOW_FRAMES)
        self._published: deque[float] = deque()
        self._age_ms: float | None = None
        self._rejected: Counter[str] = Counter()
        self._last_error = ''

    def record_image(self) -> None:
        """Note that an image arrived."""
        with self._lock:
            self._last_image = self._clock()

    def record_result(self, latency_s: float, age_ms: float | None) -> None:
        """Note that a result was published."""
        with self._lock:
            now = self._clock()
            self._latencies_s.append(latency_s)
            self._published.append(now)
            self._forget_old_results(now)
            self._age_ms = age_ms

    def record_rejection(self, cause: str, text: str) -> bool:
        """
        Note why a frame was rejected.

        :param cause: a short word that equal faults share
        :param text: the explanation
        :return: whether it is the first frame rejected for this cause
        """
        with self._lock:
            self._rejected[cause] += 1
            self._last_error = text
            return self._rejected[cause] == 1

    def summary(self) -> EyeSummary:
        """Return the statistics of this moment."""
        with self._lock:
            now = self._clock()
            self._forget_old_results(now)
            window_s = min(RATE_WINDOW_S, now - self._start)
            return EyeSummary(
                rate_hz=len(self._published) / window_s if window_s > 0.0 else 0.0,
                latency_ms=self._percentiles_ms(),
                age_ms=self._age_ms,
                silence_s=now - self._last_image,
                rejected=dict(self._rejected),
                last_error=self._last_error,
            )

    def _forget_old_results(self, now: float) -> None:
        while self._published and self._published[0] < now - RATE_WINDOW_S:
            self._published.popleft()

    def _percentiles_ms(self) -> tuple[float, ...]:
        if not self._latencies_s:
            return ()
        return tuple(np.percentile(np.array(self._latencies_s) * 1e3, (50, 95, 99)).tolist())
