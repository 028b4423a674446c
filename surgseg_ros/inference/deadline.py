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

"""
Choose branch and size of the network so that results keep a deadline.

The decision of ``branch: auto`` alone: times go in, a variant of the network comes out. What slows
a computer down slows all variants alike, so that the present slow-down, measured on the variant in
use, and the costs measured at warm-up predict every other variant without trying it.
"""

from collections import deque
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
import math

STAY_FRACTION = 0.97
"""The variant in use is left when its latency is predicted above this share of the deadline."""

ENTER_FRACTION = 0.92
"""Another variant is entered only when its latency is predicted below this share."""

WINDOW_S = 2.0
"""Frames of this time (s) are judged, and a variant runs as long before a better one is tried."""

MIN_FRAMES = 3
"""As many of the last frames are judged, however old: two of them outvote an outlier."""

FEW_FRAMES = 10
"""Of fewer frames, the slowest one decides whether a better variant is entered."""

MAX_FRAMES = 60
"""No more of the last frames are judged, however young."""

STAY_BUSY = 1.1
ENTER_BUSY = 1.05
"""
Processing of nine of ten batches, relative to the interval of the images, above which frames are
expected to wait: of the variant in use, and of another one.
"""

MIN_WAITS = 20
"""Frames that must tell how long frames wait, before that is held against a variant."""

TRIAL_S = 5.0
TRIAL_FRAMES = 30
"""A better variant has proved itself after that time (s) and that many frames."""

FIRST_RETRY_S = 4.0
LAST_RETRY_S = 64.0
"""Shortest and longest pause (s) after a better variant failed; doubled from one to the next."""

SAME_LOAD = 0.1
"""Relative change of the load up to which a failed try tells what the next one would bring."""

_PROCESSING_QUANTILE = 0.9
_WAIT_QUANTILE = 0.75


@dataclass(frozen=True)
class Variant:
    """
    One way to run a network.

    :param branch: output of the network, such as ``'main'`` or ``'auxiliary'``
    :param scale: of the network's input, relative to the full width and height
    """

    branch: str
    scale: float = 1.0

    def __str__(self) -> str:
        """Return a name for logs and diagnostics."""
        return self.branch if self.scale == 1.0 else f'{self.branch} at {self.scale:g} size'


DEFAULT_VARIANTS = (
    Variant('main', 1.0),
    Variant('auxiliary', 1.0),
    Variant('main', 0.5),
    Variant('auxiliary', 0.5),
)
"""Best first."""


@dataclass(frozen=True)
class _Sample:
    """
    What the variant in use did with one batch.

    :param now_s: monotonic time of the report
    :param slowdown: seconds of processing relative to the variant's cost
    :param overhead_s: decoding and publishing, which no variant makes shorter
    :param wait_s: waiting for the worker
    """

    now_s: float
    slowdown: float
    overhead_s: float
    wait_s: float


@dataclass(frozen=True)
class _Failure:
    """
    A better variant that was entered and soon left again.

    :param rank: its index
    :param load: slow-down over deadline (1/s) before it was entered
    :param until_s: monotonic time before which the same load is no reason to enter it again
    :param pause_s: how long that was from the failure on
    """

    rank: int
    load: float
    until_s: float
    pause_s: float


@dataclass(frozen=True)
class _Trial:
    """
    A better variant that was just entered.

    :param load: slow-down over deadline (1/s) before it was entered
    :param end_s: monotonic time from which on it has proved itself, with enough frames
    """

    load: float
    end_s: float


class DeadlineController:
    """
    Name the best variant of a network that keeps the deadline on the computer as it is now.

    Two slow frames in a row, or more than a tenth of the last two seconds, lead at once to the
    best variant that is predicted to be fast enough; one slow frame never does. The way back goes,
    after two seconds, straight to the best variant predicted to be fast enough with some margin.
    A variant that fails after it was entered is left alone for a while, as long as the load is
    the one at which it was entered: a load that ends is always answered.

    The worker calls :meth:`report`; any thread may read the properties.

    :param costs_s: seconds of processing of a full batch by variant, best first, all measured at
        warm-up under the same load: best the least of several runs
    :raises ValueError: if there is no variant or a cost is not above 0
    """

    def __init__(self, costs_s: Mapping[Variant, float]) -> None:
        if not costs_s or not all(0.0 < cost < math.inf for cost in costs_s.values()):
            raise ValueError(
                f'costs {dict(costs_s)} s of the variants; give at least one variant, each with '
                'the seconds above 0 that it took at warm-up'
            )
        self._variants = list(costs_s)
        self._costs_s = list(costs_s.values())
        self._cheapest = self._costs_s.index(min(self._costs_s))
        self._rank = 0  # index of the variant in use
        self._entered_s = -math.inf
        self._frames = 0  # of the variant in use since it was entered
        self._samples: deque[_Sample] = deque(maxlen=MAX_FRAMES)
        self._least_wait_s = math.inf  # ever: for the image of the other eye
        self._trial: _Trial | None = None
        self._failure: _Failure | None = None
        self._overrun = False
        self._reason = ''

    @property
    def variant(self) -> Variant:
        """Return the variant that the next batch is to be processed with."""
        return self._variants[self._rank]

    @property
    def overrun(self) -> bool:
        """Tell whether even the cheapest variant, now in use, does not keep the deadline."""
        return self._overrun

    @property
    def reason(self) -> str:
        """Return why the variant was changed the last time, a sentence; empty before."""
        return self._reason

    def report(
        self,
        variant: Variant,
        latency_s: float,
        processing_s: float,
        service_s: float,
        now_s: float,
        deadline_s: float | None,
        interval_s: float | None,
    ) -> Variant:
        """
        Take note of a batch whose results are published.

        The number of its images does not matter: a batch of one eye among pairs is a fast frame,
        and where only one eye comes, its time is what counts.

        :param variant: that processed the batch
        :param latency_s: seconds from the reception of the newest image to its publication
        :param processing_s: seconds of that in what was measured at warm-up
        :param service_s: seconds of that in which the worker could take no newer image
        :param now_s: monotonic time, seconds
        :param deadline_s: for the latency, seconds; ``None`` while it is unknown
        :param interval_s: between two images of a camera, seconds; ``None`` while it is unknown
        :return: the variant for the next batch
        """
        if variant != self.variant:  # was on its way when the variant changed
            return self.variant
        self._take_sample(latency_s, processing_s, service_s, now_s)
        if deadline_s is not None and interval_s is not None and len(self._samples) > 1:
            self._decide(now_s, deadline_s, interval_s)
        return self.variant

    def _take_sample(
        self, latency_s: float, processing_s: float, service_s: float, now_s: float
    ) -> None:
        slowdown = processing_s / self._costs_s[self._rank]
        overhead_s = max(service_s - processing_s, 0.0)
        wait_s = max(latency_s - service_s, 0.0)
        self._least_wait_s = min(self._least_wait_s, wait_s)
        self._samples.append(_Sample(now_s, slowdown, overhead_s, wait_s))
        while len(self._samples) > MIN_FRAMES and self._samples[0].now_s < now_s - WINDOW_S:
            self._samples.popleft()
        self._frames += 1

    def _decide(self, now_s: float, deadline_s: float, interval_s: float) -> None:
        """Move to the best variant that is fast enough, or to the cheapest."""
        load = _quantile(self._slowdowns(), 0.5) / deadline_s
        if len(self._samples) >= MIN_FRAMES:
            self._review(now_s, load)
        is_settled = len(self._samples) >= MIN_FRAMES and now_s >= self._entered_s + WINDOW_S
        latencies_s = self._predict_latencies(interval_s)
        rank = next(
            (
                rank
                for rank, latency_s in enumerate(latencies_s)
                if self._is_fast_enough(rank, latency_s / deadline_s)
                and (rank >= self._rank or (is_settled and not self._is_paused(rank, now_s)))
            ),
            self._cheapest,
        )
        self._overrun = rank == self._cheapest and latencies_s[rank] > STAY_FRACTION * deadline_s
        if rank != self._rank:
            self._reason = self._explain(rank, latencies_s, deadline_s)
            self._move(rank, now_s, load)

    def _review(self, now_s: float, load: float) -> None:
        """End a trial that was passed, and forget a failure under another load."""
        trial, failure = self._trial, self._failure
        if trial is not None:
            if now_s >= trial.end_s and self._frames >= TRIAL_FRAMES:
                self._trial = self._failure = None
        elif failure is not None and abs(load - failure.load) > SAME_LOAD * failure.load:
            self._failure = None

    def _is_fast_enough(self, rank: int, share: float) -> bool:
        """Tell so of a variant whose latency is predicted to be this share of the deadline."""
        return share <= (STAY_FRACTION if rank == self._rank else ENTER_FRACTION)

    def _is_paused(self, rank: int, now_s: float) -> bool:
        """Tell whether a better variant, or a worse one than it, has just failed."""
        failure = self._failure
        return failure is not None and rank <= failure.rank and now_s < failure.until_s

    def _slowdown(self) -> float:
        """Return the slow-down that nine of ten frames keep, or what the last two agree on."""
        slowdowns = self._slowdowns()
        return max(_quantile(slowdowns, _PROCESSING_QUANTILE), min(slowdowns[-2:]))

    def _slowdowns(self) -> list[float]:
        return [sample.slowdown for sample in self._samples]

    def _predict_latencies(self, interval_s: float) -> list[float]:
        """Return the latency of every variant in seconds."""
        slowdown = self._slowdown()
        # Few frames say little: only if not even the slowest is too slow, a better one is tried.
        cautious = max(self._slowdowns()) if len(self._samples) < FEW_FRAMES else slowdown
        waits_s = [sample.wait_s for sample in self._samples]
        seen_s = _quantile(waits_s, _WAIT_QUANTILE) if len(waits_s) >= MIN_WAITS else 0.0
        overhead_s = _quantile([sample.overhead_s for sample in self._samples], 0.5)
        latencies_s = []
        for rank, cost_s in enumerate(self._costs_s):
            service_s = cost_s * (cautious if rank < self._rank else slowdown) + overhead_s
            # A worker that is always busy takes the newest image at any moment of its interval.
            is_busy = service_s > interval_s * (STAY_BUSY if rank == self._rank else ENTER_BUSY)
            wait_s = self._least_wait_s + (interval_s if is_busy else 0.0)
            # What makes frames wait now makes them wait for a slower variant too.
            wait_s = max(wait_s, seen_s) if rank <= self._rank else wait_s
            latencies_s.append(service_s + wait_s)
        return latencies_s

    def _explain(self, rank: int, latencies_s: Sequence[float], deadline_s: float) -> str:
        old, new = self._variants[self._rank], self._variants[rank]
        return (
            f'{old} takes {1e3 * latencies_s[self._rank]:.0f} ms and {new} about '
            f'{1e3 * latencies_s[rank]:.0f} ms of the {1e3 * deadline_s:.0f} ms allowed'
        )

    def _move(self, rank: int, now_s: float, load: float) -> None:
        """Enter a variant; one that is left during its trial has failed."""
        trial, failure = self._trial, self._failure
        if rank < self._rank:
            self._trial = _Trial(load, now_s + TRIAL_S)
        else:
            self._trial = None
            if trial is not None:
                pause_s = min(2.0 * failure.pause_s, LAST_RETRY_S) if failure else FIRST_RETRY_S
                self._failure = _Failure(self._rank, trial.load, now_s + pause_s, pause_s)
        self._rank = rank
        self._entered_s = now_s
        self._frames = 0
        self._samples.clear()


def _quantile(values: Sequence[float], share: float) -> float:
    """Return a quantile, rounded down: never the largest of two or more values."""
    return sorted(values)[int(share * (len(values) - 1))]
