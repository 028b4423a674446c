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

"""Rolling statistics of one eye: rates, latency, losses and the last error."""

from collections import Counter
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
import threading
import time

from surgseg_ros.perception.image_quality import QualityReport
from surgseg_ros.reporting.percentiles import percentiles

WINDOW_FRAMES = 300
RATE_WINDOW_S = 5.0
FAULT_WINDOW_S = 10.0
QUALITY_WINDOW_S = 2.0


@dataclass(frozen=True)
class EyeSummary:
    """
    The statistics of one eye at one moment.

    :param input_rate_hz: images received a second over the last seconds
    :param rate_hz: published results a second over the last seconds
    :param latency_ms: 50th, 95th and 99th percentile from the reception of an image to the
        publication of its result; empty before the first result
    :param age_ms: from the stamp of the last image to the publication of its result; ``None``
        before the first result and for images without a stamp
    :param silence_s: time since the last image, or since the camera is listened to
    :param lost: images that the transport lost since the start, as it counts them
    :param lost_fraction: lost ones among all images sent over the last seconds
    :param rejected: number of rejected frames by cause
    :param recently_rejected: number of frames rejected over the last seconds
    :param last_error: why the last rejected frame was rejected, empty when there was none
    :param quality: what the last image looked like, ``None`` before the first
    :param poor_fraction: share of the images of the last seconds that had a quality problem
    :param frame_id: of the last image, ``None`` before the first
    :param is_stamped: whether the last image had a stamp
    :param bits_remark: why the images look as if ``bits`` were wrong, empty if they do not
    """

    input_rate_hz: float
    rate_hz: float
    latency_ms: tuple[float, ...]
    age_ms: float | None
    silence_s: float
    lost: int
    lost_fraction: float
    rejected: dict[str, int]
    recently_rejected: int
    last_error: str
    quality: QualityReport | None
    poor_fraction: float = 0.0
    frame_id: str | None = None
    is_stamped: bool = True
    bits_remark: str = ''


class _Window:
    """Count what happened over the last seconds."""

    def __init__(self, length_s: float) -> None:
        self._length_s = length_s
        self._events: deque[tuple[float, int]] = deque()
        self._total = 0

    def add(self, now: float, count: int = 1) -> None:
        self._events.append((now, count))
        self._total += count
        self.total(now)

    def total(self, now: float) -> int:
        while self._events and self._events[0][0] < now - self._length_s:
            self._total -= self._events.popleft()[1]
        return self._total


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
        self._received = _Window(RATE_WINDOW_S)
        self._published = _Window(RATE_WINDOW_S)
        self._recently_received = _Window(FAULT_WINDOW_S)
        self._recently_lost = _Window(FAULT_WINDOW_S)
        self._recently_rejected = _Window(FAULT_WINDOW_S)
        self._lost = 0
        self._age_ms: float | None = None
        self._rejected: Counter[str] = Counter()
        self._last_error = ''
        self._quality: QualityReport | None = None
        self._looked_at = _Window(QUALITY_WINDOW_S)
        self._poor = _Window(QUALITY_WINDOW_S)
        self._frame_id: str | None = None
        self._is_stamped = True
        self._bits_remark = ''

    def expect_images(self) -> None:
        """Note that the camera is listened to from now on; silence counts from here."""
        with self._lock:
            self._last_image = self._clock()

    def record_image(self) -> None:
        """Note that an image arrived."""
        with self._lock:
            self._last_image = self._clock()
            self._received.add(self._last_image)
            self._recently_received.add(self._last_image)

    def record_header(self, frame_id: str, is_stamped: bool) -> None:
        """Note what the header of an image says."""
        with self._lock:
            self._frame_id = frame_id
            self._is_stamped = is_stamped

    def record_bit_depth(self, remark: str) -> None:
        """Note why the images look as if ``bits`` were wrong, empty if they do not."""
        with self._lock:
            self._bits_remark = remark

    def record_loss(self, count: int) -> None:
        """Note that the transport lost a number of images."""
        with self._lock:
            self._lost += count
            self._recently_lost.add(self._clock(), count)

    def record_quality(self, report: QualityReport) -> None:
        """Note what an image looks like."""
        with self._lock:
            now = self._clock()
            self._quality = report
            self._looked_at.add(now)
            self._poor.add(now, 1 if report.problems else 0)

    def record_result(self, latency_s: float, age_ms: float | None) -> None:
        """Note that a result was published."""
        with self._lock:
            self._latencies_s.append(latency_s)
            self._published.add(self._clock())
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
            self._recently_rejected.add(self._clock())
            self._last_error = text
            return self._rejected[cause] == 1

    def summary(self) -> EyeSummary:
        """Return the statistics of this moment."""
        with self._lock:
            now = self._clock()
            window_s = min(RATE_WINDOW_S, now - self._start)
            return EyeSummary(
                input_rate_hz=_rate_hz(self._received.total(now), window_s),
                rate_hz=_rate_hz(self._published.total(now), window_s),
                latency_ms=self._percentiles_ms(),
                age_ms=self._age_ms,
                silence_s=now - self._last_image,
                lost=self._lost,
                lost_fraction=self._lost_fraction(now),
                rejected=dict(self._rejected),
                recently_rejected=self._recently_rejected.total(now),
                last_error=self._last_error,
                quality=self._quality,
                poor_fraction=_fraction(self._poor.total(now), self._looked_at.total(now)),
                frame_id=self._frame_id,
                is_stamped=self._is_stamped,
                bits_remark=self._bits_remark,
            )

    def _lost_fraction(self, now: float) -> float:
        lost = self._recently_lost.total(now)
        return _fraction(lost, lost + self._recently_received.total(now))

    def _percentiles_ms(self) -> tuple[float, ...]:
        return percentiles(1e3 * latency_s for latency_s in self._latencies_s) or ()


def _rate_hz(count: int, window_s: float) -> float:
    return count / window_s if window_s > 0.0 else 0.0


def _fraction(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
