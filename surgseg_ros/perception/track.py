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

"""One instrument over time: its points, its class, and what is known of both."""

from dataclasses import dataclass
from dataclasses import field

import numpy as np

from surgseg_ros.perception.kalman import ConstantVelocityFilter

UNKNOWN_CLASSES = ('', 'instrument')
"""Names of instruments whose type is not known."""


@dataclass(frozen=True)
class PointEstimate:
    """
    Where a point of an instrument was seen.

    :param position: (n,) px or m
    :param covariance: (n, n) of it
    """

    position: np.ndarray
    covariance: np.ndarray

    @property
    def is_usable(self) -> bool:
        """Tell whether all is finite and the covariance is one."""
        if not (np.isfinite(self.position).all() and np.isfinite(self.covariance).all()):
            return False
        # Zero is an exact position, as of the simulator. Rounding to the floats of a message makes
        # none indefinite.
        variances = np.linalg.eigvalsh(self.covariance)
        return bool(variances[0] >= -1e-6 * abs(variances[-1]))


@dataclass(frozen=True)
class Observation:
    """
    An instrument in one image, or in one pair of images.

    :param points: each with its place: centroid and tip, in the image also the entry; ``None``
        where it is not seen
    :param class_name: empty or ``instrument`` if the type is not known
    :param score: [0, 1]
    :param index: position in the message that it comes from
    """

    points: tuple[PointEstimate | None, ...]
    class_name: str = ''
    score: float = 1.0
    index: int = 0


@dataclass(frozen=True)
class TrackedPoint:
    """
    A filtered point.

    :param position: (n,) px or m
    :param covariance: (n, n)
    :param velocity: (n,) per s
    :param velocity_covariance: (n, n)
    """

    position: np.ndarray
    covariance: np.ndarray
    velocity: np.ndarray
    velocity_covariance: np.ndarray


@dataclass
class Track:
    """
    An instrument that keeps its identity.

    :param track_id: from 1; never given twice by a tracker
    :param filters: of its points, ``None`` for one that is not known
    :param seen_s: time of the last observation
    :param age: frames since the first observation
    :param hits: observations
    :param index: position of the present observation in its message, ``None`` while it is not seen
    :param votes: sum of the scores for each class, older ones count less
    :param point_seen_s: when each point was seen last
    """

    track_id: int
    filters: list[ConstantVelocityFilter | None]
    seen_s: float
    age: int = 0
    hits: int = 1
    index: int | None = None
    votes: dict[str, float] = field(default_factory=dict)
    point_seen_s: list[float] = field(default_factory=list)

    @property
    def class_name(self) -> str:
        """Return the class with most votes, empty if the type was never known."""
        return max(self.votes, key=lambda name: self.votes[name], default='')

    def vote(self, class_name: str, score: float, decay: float) -> None:
        """Count an observed class; those before count less from now on."""
        for name in self.votes:
            self.votes[name] *= decay
        if class_name not in UNKNOWN_CLASSES:
            self.votes[class_name] = self.votes.get(class_name, 0.0) + score

    def disagreement(self, class_name: str) -> float:
        """Return which share of the votes is for other classes than this one, [0, 1]."""
        total = sum(self.votes.values())
        if class_name in UNKNOWN_CLASSES or total <= 0:
            return 0.0
        return 1 - self.votes.get(class_name, 0.0) / total

    def points_after(
        self, latency_s: float, acceleration_std: float
    ) -> tuple[TrackedPoint | None, ...]:
        """
        Return where its points will be.

        :param latency_s: from the last image on; 0: where they are
        :param acceleration_std: see :meth:`ConstantVelocityFilter.predict`
        """
        return tuple(
            None if item is None else _describe(item.predict(latency_s, acceleration_std))
            for item in self.filters
        )


def _describe(item: ConstantVelocityFilter) -> TrackedPoint:
    return TrackedPoint(
        item.position, item.position_covariance, item.velocity, item.velocity_covariance
    )
