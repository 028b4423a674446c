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

"""Observations and tracks of one scene against the truth, in the image or in space."""

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
import math
from typing import Any

import numpy as np

from surgseg_ros.evaluation.tracks.metrics import IdentityCounter
from surgseg_ros.evaluation.tracks.metrics import PointErrors
from surgseg_ros.perception.region import Region
from surgseg_ros.perception.track import Observation
from surgseg_ros.perception.track import PointEstimate
from surgseg_ros.perception.track import Track
from surgseg_ros.perception.track import TrackedPoint

POINTS = ('centroid', 'tip')
"""Points that have a truth, in the order of :attr:`Observation.points`."""
MIN_OWN_SHARE = 0.5
"""Share of a region's pixels that must lie on one instrument."""
WORKING_DEPTHS = (0.06, 0.12)
"""Where instruments work, m."""
IMAGE, SPACE = 'image', 'space'
"""Where the positions are."""


@dataclass(frozen=True)
class TrueInstrument:
    """
    Where an instrument is, in the image or in space.

    :param number: of the instrument, from 1
    :param points: (n,) px or m for each of :data:`POINTS`, NaN where it is not seen
    :param counts: whether it is large enough to be missed
    """

    number: int
    points: tuple[np.ndarray, ...]
    counts: bool


@dataclass(frozen=True)
class Ownership:
    """
    Which instrument is behind each region.

    :param owners: number of the instrument of each region, ``None`` if there is none
    :param largest: whether it is the instrument's largest region
    """

    owners: Sequence[int | None]
    largest: Sequence[bool]


@dataclass(frozen=True)
class TrackMoment:
    """
    Where all were at one time.

    :param time_s: simulated time
    :param truths: centroid (n,) of each instrument by its number
    :param tracks: centroid (n,) of each track by its identity
    """

    time_s: float
    truths: Mapping[int, np.ndarray]
    tracks: Mapping[int, np.ndarray]


@dataclass
class TrackScores:
    """
    What a tracker got and made of it in one scene.

    :param place: :data:`IMAGE` or :data:`SPACE`
    :param identities: which track is which instrument
    :param observed: errors of the measurements of each of :data:`POINTS`
    :param tracked: errors of the filtered positions, while an instrument is seen
    :param expected: how often an instrument was there to be found
    :param found: how often it was
    :param tips_expected: how often the tip of an observed instrument was visible
    :param hidden_tips: how often a tip was told that is not visible
    :param moments: one a frame
    """

    place: str
    identities: IdentityCounter
    observed: dict[str, PointErrors] = field(default_factory=lambda: _no_errors())
    tracked: dict[str, PointErrors] = field(default_factory=lambda: _no_errors())
    expected: int = 0
    found: int = 0
    tips_expected: int = 0
    hidden_tips: int = 0
    moments: list[TrackMoment] = field(default_factory=list)

    def update(
        self,
        time_s: float,
        truths: Sequence[TrueInstrument],
        observations: Sequence[Observation],
        ownership: Ownership,
        tracks: Sequence[Track],
    ) -> None:
        """
        Count a frame.

        :param time_s: simulated time
        :param truths: every instrument
        :param observations: what the tracker took
        :param ownership: of the observations
        :param tracks: what it gave
        """
        by_number = {truth.number: truth for truth in truths}
        self._count_observations(by_number, observations, ownership)
        seen = {track.track_id: track for track in tracks if track.index is not None}
        for track in seen.values():
            truth = _truth_of(track, by_number, ownership)
            if truth is not None:
                _add_points(self.tracked, track.points_after(0.0, 1.0), truth)
        counted = {truth.number: truth.points[0] for truth in truths if truth.counts}
        judged = [track for track in seen.values() if not _is_excused(track, by_number, ownership)]
        self.identities.update(counted, _places(judged))
        self.moments.append(TrackMoment(time_s, counted, _places(tracks)))

    def _count_observations(
        self,
        truths: Mapping[int, TrueInstrument],
        observations: Sequence[Observation],
        ownership: Ownership,
    ) -> None:
        largest = {
            owner: observation
            for observation, owner, is_largest in zip(
                observations, ownership.owners, ownership.largest, strict=True
            )
            if owner is not None and is_largest
        }
        for number, truth in truths.items():
            self.expected += truth.counts
            if number not in largest:
                continue
            self.found += truth.counts
            points = largest[number].points
            _add_points(self.observed, points, truth)
            tip_visible = bool(np.isfinite(truth.points[1]).all())
            self.tips_expected += tip_visible
            self.hidden_tips += points[1] is not None and not tip_visible

    def summary(self, scale: float = 1.0) -> dict[str, Any]:
        """
        Return the figures but those of the identities, ready for JSON.

        :param scale: of lengths, such as 1000 for errors in mm
        """
        content: dict[str, Any] = {
            name: getattr(self, name)
            for name in ('expected', 'found', 'tips_expected', 'hidden_tips')
        }
        content |= {name: errors.summary(scale) for name, errors in self.observed.items()}
        content |= {
            f'tracked_{name}': errors.summary(scale) for name, errors in self.tracked.items()
        }
        if self.place == SPACE:
            content['by_depth'] = {
                name: errors.by_depth(scale) for name, errors in self.observed.items()
            }
            content['working_depths'] = {
                name: errors.between(*WORKING_DEPTHS).summary(scale)
                for name, errors in self.observed.items()
            }
        return content

    def extend(self, other: 'TrackScores') -> None:
        """Count all that another scene counts, but for identities and moments."""
        for name in POINTS:
            self.observed[name].extend(other.observed[name])
            self.tracked[name].extend(other.tracked[name])
        self.expected += other.expected
        self.found += other.found
        self.tips_expected += other.tips_expected
        self.hidden_tips += other.hidden_tips


def find_owners(regions: Sequence[Region], instances: np.ndarray) -> Ownership:
    """
    Return the instrument behind each region: the one that most of its pixels show.

    :param regions: of one image
    :param instances: (H, W) uint8, true number of the instrument of each pixel, 0 for none
    """
    owners: list[int | None] = []
    shared = []
    for region in regions:
        x, y, width, height = region.bounding_box
        crop = instances[y : y + height, x : x + width]
        counts = np.bincount(crop[region.mask > 0], minlength=2)
        number = int(counts[1:].argmax()) + 1
        owns = counts[number] > MIN_OWN_SHARE * region.area
        owners.append(number if owns else None)
        shared.append(int(counts[number]))
    most = {
        owner: max(count for count, other in zip(shared, owners, strict=True) if other == owner)
        for owner in owners
    }
    largest = [count == most[owner] for count, owner in zip(shared, owners, strict=True)]
    return Ownership(owners, largest)


def _no_errors() -> dict[str, PointErrors]:
    return {name: PointErrors() for name in POINTS}


def _add_points(
    errors: Mapping[str, PointErrors],
    points: Sequence[PointEstimate | TrackedPoint | None],
    truth: TrueInstrument,
) -> None:
    for name, point, true_point in zip(POINTS, points, truth.points, strict=False):
        if point is not None:
            depth = float(true_point[2]) if len(true_point) > len('xy') else math.nan
            errors[name].add(point.position, point.covariance, true_point, depth)


def _places(tracks: Sequence[Track]) -> dict[int, np.ndarray]:
    """Return the filtered centroid (n,) of each track that has one, by its identity."""
    firsts = {track.track_id: track.filters[0] for track in tracks}
    return {track_id: item.position for track_id, item in firsts.items() if item is not None}


def _truth_of(
    track: Track, truths: Mapping[int, TrueInstrument], ownership: Ownership
) -> TrueInstrument | None:
    """Return the instrument whose largest region a track has taken."""
    if track.index is None or not ownership.largest[track.index]:
        return None
    return truths.get(ownership.owners[track.index] or 0)


def _is_excused(track: Track, truths: Mapping[int, TrueInstrument], ownership: Ownership) -> bool:
    """Tell whether a track shows an instrument that need not be found."""
    owner = None if track.index is None else ownership.owners[track.index]
    truth = None if owner is None else truths.get(owner)
    return truth is not None and not truth.counts
