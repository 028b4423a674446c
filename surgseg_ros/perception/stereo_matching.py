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

"""Which instruments of both eyes are the same one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from surgseg_ros.calibration.stereo import StereoCalibration
from surgseg_ros.perception.disparity_fit import compare_edges
from surgseg_ros.perception.disparity_fit import DisparityLine
from surgseg_ros.perception.disparity_fit import EdgeDisparities
from surgseg_ros.perception.disparity_fit import fit_line
from surgseg_ros.perception.region import Region
from surgseg_ros.perception.silhouette import find_silhouette
from surgseg_ros.perception.silhouette import Silhouette

MOTION_STD = 0.5
"""Share of the image motion between both eyes' stamps that stays unknown."""
UNKNOWN_SPEED = 0.1
"""Speed of an instrument whose motion is unknown, in image widths per second."""
OTHER_CLASS_COST = 0.3
IMPOSSIBLE_COST = 1e3


@dataclass(frozen=True)
class StereoOptions:
    """
    What is accepted as an instrument in space.

    :param min_depth: m
    :param max_depth: m
    :param min_overlap: of both masks, one shifted by the disparity, [0, 1]
    :param calibration_std_px: standard deviation of a disparity because of the calibration
    :raises ValueError: if a value cannot be used
    """

    min_depth: float = 0.015
    max_depth: float = 0.4
    min_overlap: float = 0.5
    calibration_std_px: float = 0.1

    def __post_init__(self) -> None:
        """Check the values."""
        if not 0 < self.min_depth < self.max_depth:
            raise ValueError('min_depth must be above 0 and below max_depth')
        if not 0 <= self.min_overlap <= 1:
            raise ValueError('min_overlap must be between 0 and 1')
        if self.calibration_std_px < 0:
            raise ValueError('calibration_std_px must not be negative')


@dataclass(frozen=True)
class EyeView:
    """
    What one eye shows.

    :param label_image: (H, W) uint8
    :param instruments: with their masks
    :param motions: (x, y) px/s of each instrument in the image, ``None`` if it is not known
    """

    label_image: np.ndarray
    instruments: Sequence[Region]
    motions: Sequence[np.ndarray | None] = ()

    def motion(self, index: int) -> np.ndarray | None:
        """Return the motion (2,) px/s of an instrument, ``None`` if it is not known."""
        return self.motions[index] if index < len(self.motions) else None


@dataclass(frozen=True)
class MatchedPair:
    """
    Silhouettes of one instrument in both eyes.

    :param left_index: position in the left eye's list
    :param right_index: position in the right eye's list
    :param left: of the left eye
    :param right: of the right eye, moved to where it was at the left eye's stamp
    :param direction: (2,) unit vector of the axis in the left image
    :param edges: disparities of the outline
    :param line: disparity along the axis
    :param left_common: (N,) bool, which of the left samples the right eye sees too
    :param right_common: (M,) bool, the reverse
    :param overlap: how well both masks agree, [0, 1]
    :param gap_std: standard deviation of the motion between the stamps, px
    """

    left_index: int
    right_index: int
    left: Silhouette
    right: Silhouette
    direction: np.ndarray
    edges: EdgeDisparities
    line: DisparityLine
    left_common: np.ndarray
    right_common: np.ndarray
    overlap: float
    gap_std: float


def match_instruments(
    left: EyeView,
    right: EyeView,
    calibration: StereoCalibration,
    options: StereoOptions,
    stamp_gap_s: float = 0.0,
) -> list[MatchedPair]:
    """
    Find the pairs with the best total of overlap, and of equal classes.

    Masks overlap once one is moved by the disparity: it is their place across the rows, size,
    shape and axis that must agree.

    :param stamp_gap_s: stamp of the right image less that of the left one
    :return: in the order of the left eye's instruments
    """
    left_silhouettes, right_silhouettes = (
        [
            find_silhouette(region, eye, view.label_image, calibration)
            for region in view.instruments
        ]
        for eye, view in (('left', left), ('right', right))
    )
    pairs: dict[tuple[int, int], MatchedPair] = {}
    costs = np.full((len(left_silhouettes), len(right_silhouettes)), IMPOSSIBLE_COST)
    for i, j in np.ndindex(costs.shape):
        speed = _speed(left.motion(i), right.motion(j))
        moved, gap_std = _gap_motion(speed, stamp_gap_s, right.label_image.shape[1])
        right_silhouette = right_silhouettes[j].shifted(-moved)
        pair = _compare((i, j), left_silhouettes[i], right_silhouette, gap_std, calibration)
        if pair is not None and _is_acceptable(pair, calibration, options):
            pairs[i, j] = pair
            other_class = left.instruments[i].class_id != right.instruments[j].class_id
            costs[i, j] = 1 - pair.overlap + OTHER_CLASS_COST * other_class
    chosen = zip(*linear_sum_assignment(costs), strict=True)
    return [pairs[i, j] for i, j in chosen if (i, j) in pairs]


def _speed(left: np.ndarray | None, right: np.ndarray | None) -> np.ndarray | None:
    """Return the motion (2,) px/s of an instrument from what both eyes know of it."""
    known = [motion for motion in (left, right) if motion is not None]
    return np.mean(known, axis=0) if known else None


def _gap_motion(
    speed: np.ndarray | None, stamp_gap_s: float, image_width: int
) -> tuple[np.ndarray, float]:
    """Return the motion between both eyes' stamps (2,) px, and its standard deviation."""
    if speed is None:
        return np.zeros(2), UNKNOWN_SPEED * image_width * abs(stamp_gap_s)
    moved = speed * stamp_gap_s
    return moved, MOTION_STD * float(np.linalg.norm(moved))


def _compare(
    indices: tuple[int, int],
    left: Silhouette,
    right: Silhouette,
    gap_std: float,
    calibration: StereoCalibration,
) -> MatchedPair | None:
    """Return a pair, ``None`` if the eyes have no rows in common."""
    angle = left.region.orientation
    direction = np.array([np.cos(angle), np.sin(angle)])
    edges = compare_edges(left, right, direction)
    if edges is None:
        return None
    line = fit_line(edges)
    there = left.samples - _across(line.at(left.samples @ direction))
    # A place in the right image has nearly the disparity of the same place along the axis.
    moved = right.samples + np.array([line.disparity, 0.0])
    here = right.samples + _across(line.at(moved @ direction))
    left_common, right_common = (
        right.contains(there, calibration),
        left.contains(here, calibration),
    )
    # What lies beyond the other eye's image border says nothing about the agreement.
    shares = (
        left_common.sum() / max(right.in_image(there, calibration).sum(), 1),
        right_common.sum() / max(left.in_image(here, calibration).sum(), 1),
    )
    overlap = float(np.mean(shares))
    return MatchedPair(
        *indices, left, right, direction, edges, line, left_common, right_common, overlap, gap_std
    )


def _across(disparity: np.ndarray) -> np.ndarray:
    """Return disparities (N,) as vectors (N, 2)."""
    return np.column_stack((disparity, np.zeros(len(disparity))))


def _is_acceptable(
    pair: MatchedPair, calibration: StereoCalibration, options: StereoOptions
) -> bool:
    nearest, farthest = (
        calibration.disparity_at(depth) for depth in (options.min_depth, options.max_depth)
    )
    seen = pair.left_common.any() and pair.right_common.any()
    in_range = farthest <= pair.line.disparity <= nearest
    return bool(seen and in_range and pair.overlap >= options.min_overlap)
