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

"""Which instrument is which from one image to the next."""

from collections.abc import Sequence
from dataclasses import dataclass
import math
from typing import TypeVar

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.special import chdtri

from surgseg_ros.perception.kalman import compare
from surgseg_ros.perception.kalman import ConstantVelocityFilter
from surgseg_ros.perception.track import Observation
from surgseg_ros.perception.track import PointEstimate
from surgseg_ros.perception.track import Track

IMPOSSIBLE_COST = 1e6
FAR = 3.0
"""Distances count as at most so many gates: one point that is covered must not decide alone."""
VOTE_DECAY = 0.97
OLD_HITS = 30
"""Tracks with fewer observations are new."""
POINT_MEMORY_S = 0.3
"""A point that is not seen for longer, while its instrument is, is forgotten."""

_Item = TypeVar('_Item')


@dataclass(frozen=True)
class TrackerOptions:
    """
    How instruments move and when an identity ends. Lengths are px or m.

    :param acceleration_std: standard deviation of each component of the acceleration, per s^2
    :param speed_std: likewise of the velocity of a new instrument, per s
    :param noise_floor: least standard deviation of an observation that is reckoned with
    :param gate_probability: of accepting a point's own next observation
    :param class_cost: cost of an observation of another class, in squared standard deviations
    :param confirm_frames: observations before an instrument is reported
    :param coast_s: time for which an instrument is reported that is not seen
    :param max_gap_s: time after which one that is not seen loses its identity; larger steps of
        time, and steps back, reset the tracker
    :param fade_s: time constant with which the velocity of an instrument fades that is not seen
    :param max_jump: longest way that an instrument may seem to jump from one image to the next
    :param max_tracks: more observations than this are not followed
    :raises ValueError: naming the option that cannot be
    """

    acceleration_std: float
    speed_std: float
    noise_floor: float
    gate_probability: float = 0.999
    class_cost: float = 9.0
    confirm_frames: int = 3
    coast_s: float = 0.5
    max_gap_s: float = 2.0
    fade_s: float = 0.3
    max_jump: float = 0.0
    max_tracks: int = 16

    def __post_init__(self) -> None:
        """Check the values."""
        for name in ('acceleration_std', 'speed_std', 'noise_floor', 'max_gap_s', 'fade_s'):
            if not getattr(self, name) > 0:
                raise ValueError(f'{name} must be above 0, got {getattr(self, name)}')
        for name, least in (
            ('class_cost', 0), ('confirm_frames', 1), ('coast_s', 0), ('max_jump', 0),
            ('max_tracks', 1),
        ):  # fmt: skip
            if not getattr(self, name) >= least:
                raise ValueError(f'{name} must be at least {least}, got {getattr(self, name)}')
        if not 0 < self.gate_probability < 1:
            raise ValueError(
                f'gate_probability must be between 0 and 1, got {self.gate_probability}'
            )

    @classmethod
    def for_pixels(cls, image_width: int, **changes: float) -> 'TrackerOptions':
        """
        Return options for positions in an image.

        A millimeter at 80 mm is about 1 % of the width of a da Vinci image: these are the values
        of :meth:`for_metres` as seen there.

        :param image_width: px
        :param changes: options with other values
        """
        width = float(image_width)
        values = {
            'acceleration_std': 4 * width, 'speed_std': 0.5 * width, 'noise_floor': width / 1280,
            'max_jump': 0.15 * width,
        }  # fmt: skip
        return cls(**(values | changes))  # type: ignore[arg-type]

    @classmethod
    def for_metres(cls, **changes: float) -> 'TrackerOptions':
        """
        Return options for positions in space.

        :param changes: options with other values
        """
        values = {
            'acceleration_std': 0.4, 'speed_std': 0.05, 'noise_floor': 0.0003, 'max_jump': 0.015,
        }  # fmt: skip
        return cls(**(values | changes))  # type: ignore[arg-type]


class InstrumentTracker:
    """
    Give instruments identities that last.

    Each point of an instrument has a Kalman filter. Observations and tracks are assigned with the
    least total cost, the negative logarithm of the likelihood: the mean over the points that both
    have of their squared Mahalanobis distance and of the logarithm of its covariance's
    determinant, plus a cost for another class and for new tracks. Points far away count as a few
    gates at most, and one within its gate is enough: a tool that another one covers, so that its
    centroid jumps, is still known by its tip or by where it enters the image. What is left is
    assigned by distance, see :attr:`TrackerOptions.max_jump`.

    :param options: read anew for every image
    """

    def __init__(self, options: TrackerOptions) -> None:
        self.options = options
        self.resets = 0
        """How often time jumped."""
        self._tracks: list[Track] = []
        self._next_id = 1
        self._time_s: float | None = None

    def reset(self) -> None:
        """Forget all instruments; no id is given again."""
        self._tracks = []
        self._time_s = None

    def update(self, time_s: float, observations: Sequence[Observation]) -> list[Track]:
        """
        Take what is seen in an image.

        :param time_s: stamp of the image
        :param observations: without a usable first point they are left out, other points that
            cannot be used are
        :return: the confirmed instruments, those seen a short time ago too
        """
        interval_s = self._advance(time_s)
        usable = [clean for item in observations if (clean := _clean(item)) is not None]
        self._predict(interval_s)
        matches = self._match(usable)
        for track in self._tracks:
            track.index = None
            track.age += 1
        for track_index, observation_index in matches:
            self._see(self._tracks[track_index], usable[observation_index])
        matched = {observation_index for _, observation_index in matches}
        self._tracks = [track for track in self._tracks if not self._is_over(track)]
        for index, observation in enumerate(usable):
            if index not in matched and len(self._tracks) < self.options.max_tracks:
                self._begin(observation)
        return [track for track in self._tracks if self._is_reported(track)]

    def _advance(self, time_s: float) -> float:
        """Move the clock and return the time since the last image."""
        before = self._time_s
        interval_s = 0.0 if before is None else time_s - before
        if not 0 <= interval_s <= self.options.max_gap_s:
            self.reset()
            self.resets += 1
            interval_s = 0.0
        self._time_s = time_s
        return interval_s

    def _predict(self, interval_s: float) -> None:
        options = self.options
        for track in self._tracks:
            was_seen = track.index is not None
            track.filters = [
                None
                if item is None
                else item.predict(
                    interval_s,
                    options.acceleration_std,
                    math.inf if was_seen else options.fade_s,
                )
                for item in track.filters
            ]

    def _match(self, observations: Sequence[Observation]) -> list[tuple[int, int]]:
        """Return the pairs of track and observation with the least total cost."""
        if not self._tracks or not observations:
            return []
        matches = _assign(self._costs(observations))
        rows = {i for i, _ in matches}
        columns = {j for _, j in matches}
        # Whose outline jumped, as when tools are told apart in another way, is still itself.
        jumps = self._jump_costs(observations)
        jumps[list(rows)] = IMPOSSIBLE_COST
        jumps[:, list(columns)] = IMPOSSIBLE_COST
        return matches + _assign(jumps)

    def _jump_costs(self, observations: Sequence[Observation]) -> np.ndarray:
        """
        Return the cost of jumps of instruments seen a short time ago, (tracks, observations).

        It is the mean distance of the points, and a longest jump for another class.
        """
        assert self._time_s is not None
        costs = np.full((len(self._tracks), len(observations)), IMPOSSIBLE_COST)
        for i, track in enumerate(self._tracks):
            if self._time_s - track.seen_s > self.options.coast_s:
                continue
            for j, observation in enumerate(observations):
                distances = [
                    float(np.linalg.norm(point.position - item.position))
                    for item, point in zip(track.filters, observation.points, strict=False)
                    if item is not None and point is not None
                ]
                reach = self.options.max_jump
                cost = float(np.mean(distances))
                cost += reach * track.disagreement(observation.class_name)
                costs[i, j] = cost if cost <= reach else IMPOSSIBLE_COST
        return costs

    def _costs(self, observations: Sequence[Observation]) -> np.ndarray:
        """Return the cost of every observation for every track, (tracks, observations)."""
        total, shared, near = np.zeros((3, len(self._tracks), len(observations)))
        for place in range(max(len(track.filters) for track in self._tracks)):
            filters = {
                index: item
                for index, track in enumerate(self._tracks)
                if (item := _at(track.filters, place)) is not None
            }
            points = {
                index: point
                for index, observation in enumerate(observations)
                if (point := _at(observation.points, place)) is not None
            }
            if not filters or not points:
                continue
            both = np.ix_(list(filters), list(points))
            floor = self._floor(next(iter(filters.values())).dimension)
            distances, vagueness = compare(
                list(filters.values()),
                np.stack([point.position for point in points.values()]),
                np.stack([point.covariance for point in points.values()]) + floor,
            )
            gate = self._gate(floor.shape[0])
            total[both] += np.minimum(distances, FAR * gate) + vagueness
            shared[both] += 1
            near[both] += distances <= gate
        other_class = np.array([
            [track.disagreement(item.class_name) for item in observations]
            for track in self._tracks
        ])  # fmt: skip
        costs = total / np.maximum(shared, 1) + self.options.class_cost * other_class
        # What was seen often is rather what comes back than what was seen a few times.
        hits = np.array([min(track.hits, OLD_HITS) for track in self._tracks])
        costs += 2 * np.log(OLD_HITS / hits)[:, None]
        return np.where(near > 0, costs, IMPOSSIBLE_COST)

    def _floor(self, dimension: int) -> np.ndarray:
        return self.options.noise_floor**2 * np.eye(dimension)

    def _gate(self, dimension: int) -> float:
        return float(chdtri(dimension, 1 - self.options.gate_probability))

    def _see(self, track: Track, observation: Observation) -> None:
        """Let a track take its observation."""
        assert self._time_s is not None
        more = max(0, len(observation.points) - len(track.filters))
        track.filters += [None] * more
        track.point_seen_s += [self._time_s] * more
        for place in range(len(track.filters)):
            point = _at(observation.points, place)
            if point is not None:
                track.filters[place] = self._filter(track.filters[place], point)
                track.point_seen_s[place] = self._time_s
            elif self._time_s - track.point_seen_s[place] > POINT_MEMORY_S:
                track.filters[place] = None
        track.vote(observation.class_name, observation.score, VOTE_DECAY)
        track.seen_s, track.index = self._time_s, observation.index
        track.hits += 1

    def _filter(
        self, item: ConstantVelocityFilter | None, point: PointEstimate
    ) -> ConstantVelocityFilter:
        """Return the filter of a point after an observation."""
        dimension = len(point.position)
        covariance = point.covariance + self._floor(dimension)
        gate = self._gate(dimension)
        if item is None or item.distance_squared(point.position, covariance) > gate:
            # A jump, as when another instrument covers a part, is no velocity.
            return ConstantVelocityFilter.start(point.position, covariance, self.options.speed_std)
        return item.update(point.position, covariance)

    def _begin(self, observation: Observation) -> None:
        assert self._time_s is not None
        filters = [
            None if point is None else self._filter(None, point) for point in observation.points
        ]
        track = Track(self._next_id, filters, self._time_s, index=observation.index)
        track.point_seen_s = [self._time_s] * len(filters)
        track.vote(observation.class_name, observation.score, VOTE_DECAY)
        self._next_id += 1
        self._tracks.append(track)

    def _is_over(self, track: Track) -> bool:
        """Tell whether an instrument has lost its identity."""
        assert self._time_s is not None
        unseen_s = self._time_s - track.seen_s
        is_ghost = track.hits < self.options.confirm_frames and track.index is None
        return is_ghost or unseen_s > self.options.max_gap_s

    def _is_reported(self, track: Track) -> bool:
        assert self._time_s is not None
        is_confirmed = track.hits >= self.options.confirm_frames
        return is_confirmed and self._time_s - track.seen_s <= self.options.coast_s


def _assign(costs: np.ndarray) -> list[tuple[int, int]]:
    """Return the possible pairs (row, column) with the least total cost."""
    pairs = zip(*linear_sum_assignment(costs), strict=True)
    return [(int(i), int(j)) for i, j in pairs if costs[i, j] < IMPOSSIBLE_COST]


def _at(items: Sequence[_Item | None], place: int) -> _Item | None:
    """Return the item at a place, ``None`` beyond the last one."""
    return items[place] if place < len(items) else None


def _clean(observation: Observation) -> Observation | None:
    """Return an observation with usable points only, ``None`` if the first is none."""
    points = tuple(
        point if point is not None and point.is_usable else None for point in observation.points
    )
    if not points or points[0] is None:
        return None
    return Observation(points, observation.class_name, observation.score, observation.index)
