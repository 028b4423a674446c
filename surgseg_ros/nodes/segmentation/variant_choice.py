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

"""The choice of branch and size for the next batch, where ``branch: auto`` leaves one."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
import statistics
import time

from surgseg_ros.inference.deadline import DeadlineController
from surgseg_ros.inference.deadline import Variant
from surgseg_ros.inference.segmenter import Segmenter

ARRIVALS = 31
"""Images of a camera whose intervals tell its rate."""


@dataclass(frozen=True)
class VariantState:
    """
    What the diagnostics say of the choice.

    :param variant: in use
    :param reason: of the last change, empty before
    :param missed_deadline_s: the deadline that even the cheapest variant does not keep, else
        ``None``
    """

    variant: Variant
    reason: str = ''
    missed_deadline_s: float | None = None


class VariantChoice:
    """
    Keep the deadline of the node with the variants of a segmenter.

    The inference thread reads :attr:`variant`, the publishing thread reports; the executor's
    thread notes arrivals.

    :param segmenter: warmed up
    """

    def __init__(self, segmenter: Segmenter) -> None:
        self._variants = segmenter.variants
        costs_s = segmenter.variant_costs_s
        self._controller = DeadlineController(costs_s) if costs_s else None
        self._deadline_s: float | None = None

    @property
    def variant(self) -> Variant:
        """Return the variant for the next batch."""
        return self._variants[0] if self._controller is None else self._controller.variant

    @property
    def state(self) -> VariantState:
        """Return what the diagnostics say."""
        if self._controller is None:
            return VariantState(self.variant)
        missed_s = self._deadline_s if self._controller.overrun else None
        return VariantState(self.variant, self._controller.reason, missed_s)

    def report(
        self,
        variant: Variant,
        latency_s: float,
        processing_s: float,
        service_s: float,
        deadline_s: float | None,
        interval_s: float | None,
    ) -> bool:
        """
        Take note of a published batch.

        :param variant: that the batch was segmented with
        :param latency_s: from the reception of its newest image to the last publication
        :param processing_s: of that in :meth:`Segmenter.segment`
        :param service_s: of that since the batch was taken out of its slots
        :param deadline_s: allowed for the latency; ``None``: the interval
        :param interval_s: between two images of a camera; ``None`` while unknown
        :return: whether the next batch is to be segmented with another variant
        """
        if self._controller is None:
            return False
        self._deadline_s = interval_s if deadline_s is None else deadline_s
        chosen = self._controller.report(
            variant,
            latency_s,
            processing_s,
            service_s,
            time.monotonic(),
            self._deadline_s,
            interval_s,
        )
        return chosen != variant


class CameraInterval:
    """
    Measure the time between two images of a camera.

    :param eyes: names of the cameras
    """

    def __init__(self, eyes: Sequence[str]) -> None:
        self._arrivals_s: dict[str, deque[float]] = {eye: deque(maxlen=ARRIVALS) for eye in eyes}

    def note(self, eye: str, now_s: float) -> None:
        """Note the arrival of an image, monotonic time in seconds."""
        self._arrivals_s[eye].append(now_s)

    @property
    def seconds(self) -> float | None:
        """Return the median interval of the fastest camera; ``None`` before the second image."""
        medians = [
            statistics.median(later - earlier for earlier, later in pairwise(times))
            for arrivals in self._arrivals_s.values()
            if len(times := tuple(arrivals)) > 1
        ]
        return min(medians, default=None)
