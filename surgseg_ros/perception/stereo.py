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

"""From instruments in two images to instruments in space."""

from dataclasses import dataclass

import numpy as np

from surgseg_ros.calibration.stereo import StereoCalibration
from surgseg_ros.perception.disparity_fit import DisparityLine
from surgseg_ros.perception.disparity_fit import fit_line
from surgseg_ros.perception.disparity_fit import STRUCTURE_STD
from surgseg_ros.perception.region import Region
from surgseg_ros.perception.region import tip_covariance
from surgseg_ros.perception.stereo_matching import EyeView
from surgseg_ros.perception.stereo_matching import match_instruments
from surgseg_ros.perception.stereo_matching import MatchedPair
from surgseg_ros.perception.stereo_matching import StereoOptions

MODEL_STD = 0.008
"""Standard deviation of a disparity because silhouettes are not the tool's middle, relative."""
MISSING_SHIFT = 0.25
"""How far a missing part of an instrument moves its centroid, relative to its length."""
TIP_REACH_WIDTHS = 0.8
"""Reach of the edges that tell a tip's disparity, in minor axis lengths."""
TIP_DISPARITY_STD_PX = 5.0
"""Of the difference of the tips that both eyes found."""
TIP_AGREEMENT_STD = 3.0
"""How far the tips of both eyes may be from one point, in standard deviations."""
TIP_STRUCTURE_STD = 0.02
"""How far a tip lies off the edges near it, relative to its depth."""
AXIS_REACH = 0.35
"""Half the length of the part that tells the axis, in major axis lengths."""
MAX_SIDEWAYS = 10.0
"""Largest sideways motion of an edge per row that is reckoned with."""


@dataclass(frozen=True)
class StereoPoint:
    """
    A point that both eyes see.

    :param position: (3,) m in the optical frame of the left image, x right, y down, z forward
    :param covariance: (3, 3) m^2
    :param reprojection_error: root mean square distance of the point's projections from what was
        seen, px
    :param left: (2,) px in the left image
    :param right: (2,) px in the right image
    """

    position: np.ndarray
    covariance: np.ndarray
    reprojection_error: float
    left: np.ndarray
    right: np.ndarray


@dataclass(frozen=True)
class StereoInstrument:
    """
    An instrument in space.

    :param left_index: position in the left eye's list
    :param right_index: position in the right eye's list
    :param region: as the left eye sees it
    :param centroid: the point of the instrument's middle line behind the area centroid of the
        part that both eyes see; see :func:`locate_instruments`
    :param tip: the middle between the jaws' tips, if it is seen
    :param axis: (3,) unit vector towards the tip, or downwards in the image without entry
    :param axis_std: standard deviation of the axis' direction in rad
    :param overlap: of both masks, one shifted by the disparity, [0, 1]
    """

    left_index: int
    right_index: int
    region: Region
    centroid: StereoPoint
    tip: StereoPoint | None
    axis: np.ndarray
    axis_std: float
    overlap: float


def locate_instruments(
    left: EyeView,
    right: EyeView,
    calibration: StereoCalibration,
    options: StereoOptions | None = None,
    stamp_gap_s: float = 0.0,
) -> list[StereoInstrument]:
    """
    Find the instruments that both eyes see, and where they are.

    The centroids of two masks are not the same point of an instrument when the image border or
    another instrument cuts them. So the disparity comes from the outlines: in every rectified
    row the left and the right edge that both eyes see, fitted along the instrument's axis. Edges
    on both sides average to the middle line, the axis of a shaft. The centroid is that of the
    part of the left mask that, moved by the disparity, lies on the right mask.

    :param stamp_gap_s: stamp of the right image less that of the left one; what is found holds
        for the left one, with a covariance that tells the motion between both
    :return: in the order of the left eye's instruments
    """
    options = options or StereoOptions()
    pairs = match_instruments(left, right, calibration, options, stamp_gap_s)
    return [_locate(pair, calibration, options) for pair in pairs]


def _locate(
    pair: MatchedPair, calibration: StereoCalibration, options: StereoOptions
) -> StereoInstrument:
    region = pair.left.region
    center = _common_center(pair, calibration)
    along = float(center @ pair.direction)
    disparity = float(pair.line.at(along))
    seen_right = pair.right.samples[pair.right_common].mean(axis=0)
    covariance = np.zeros((3, 3))
    covariance[:2, :2] = _center_covariance(pair, disparity)
    covariance[2, 2] = _disparity_variance(pair, pair.line, along, options)
    axis, axis_std = _find_axis(center, pair, calibration)
    return StereoInstrument(
        left_index=pair.left_index,
        right_index=pair.right_index,
        region=region,
        centroid=_make_point(center, disparity, covariance, seen_right, calibration),
        tip=_locate_tip(pair, calibration, options),
        axis=axis,
        axis_std=axis_std,
        overlap=pair.overlap,
    )


def _common_center(pair: MatchedPair, calibration: StereoCalibration) -> np.ndarray:
    """Return the centroid (2,) of the part that both eyes see, rectified px of the left eye."""
    samples = pair.left.samples
    # The samples are few; their difference is more exact than their mean.
    shift = samples[pair.left_common].mean(axis=0) - samples.mean(axis=0)
    whole = calibration.rectify('left', np.array([pair.left.region.centroid]))[0]
    return np.asarray(whole + shift)


def _center_covariance(pair: MatchedPair, disparity: float) -> np.ndarray:
    """
    Return the covariance (2, 2) px^2 of the centroid of the common part.

    Besides the outline's errors: where the part ends is as uncertain as the disparity of an
    instrument's parts, and if the masks disagree, one of them lacks some of its length. What the
    right eye's image border cuts off is another part at its own stamp: along an instrument that
    moves by m between the stamps the centroid moves by m / 2, which is ``gap_std``.
    """
    region = pair.left.region
    xx, xy, yy = region.centroid_covariance
    missing_std = MISSING_SHIFT * (1 - pair.overlap) * region.major_axis_length
    return (
        np.array([[xx, xy], [xy, yy]])
        + (missing_std**2 + pair.gap_std**2) * np.outer(pair.direction, pair.direction)
        + np.diag([(STRUCTURE_STD * disparity) ** 2, 0.0])
    )


def _disparity_variance(
    pair: MatchedPair, line: DisparityLine, along: float, options: StereoOptions
) -> float:
    """Return the variance of a disparity, px^2: outlines, model, calibration, motion."""
    sideways = min(abs(pair.direction[0] / (pair.direction[1] or 1e-9)), MAX_SIDEWAYS)
    motion_std = pair.gap_std * np.hypot(1.0, sideways)
    model_std = MODEL_STD * line.disparity
    systematic = motion_std**2 + model_std**2 + options.calibration_std_px**2
    return float(line.variance_at(along) + systematic)


def _make_point(
    pixel: np.ndarray,
    disparity: float,
    covariance: np.ndarray,
    seen_right: np.ndarray,
    calibration: StereoCalibration,
) -> StereoPoint:
    """
    Triangulate a point.

    :param pixel: (2,) rectified px of the left eye
    :param covariance: (3, 3) px^2 of x, y and disparity
    :param seen_right: (2,) rectified px, where the right eye itself saw it
    """
    position, spread = calibration.triangulate(pixel, disparity, covariance)
    projected = pixel - (disparity, 0.0)
    return StereoPoint(
        position=position,
        covariance=spread,
        # Moved half-way, the point would be as far from what either eye saw.
        reprojection_error=float(np.linalg.norm(projected - seen_right)) / 2,
        left=calibration.unrectify('left', pixel[None])[0],
        right=calibration.unrectify('right', projected[None])[0],
    )


def _locate_tip(
    pair: MatchedPair, calibration: StereoCalibration, options: StereoOptions
) -> StereoPoint | None:
    """Return the tip if both eyes see the same one: its disparity is that of the edges near it."""
    left, right = pair.left.region, pair.right.region
    if not (left.tip_valid and right.tip_valid):
        return None
    pixel = calibration.rectify('left', np.array([left.tip]))[0]
    seen_right = calibration.rectify('right', np.array([right.tip]))[0] + pair.right.shift
    along = float(pixel @ pair.direction)
    line = fit_line(pair.edges, (along, TIP_REACH_WIDTHS * left.minor_axis_length))
    edge_variance = _disparity_variance(pair, line, along, options)
    direct_variance = TIP_DISPARITY_STD_PX**2 + pair.gap_std**2
    across, down = pixel - (float(line.at(along)), 0.0) - seen_right
    limit = TIP_AGREEMENT_STD * np.sqrt(edge_variance + direct_variance)
    if abs(across) > limit or abs(down) > TIP_AGREEMENT_STD * np.sqrt(direct_variance):
        return None
    direct = pixel[0] - seen_right[0]
    variance = 1 / (1 / edge_variance + 1 / direct_variance)
    disparity = variance * (line.at(along) / edge_variance + direct / direct_variance)
    if not _is_depth(float(disparity), calibration, options):
        return None
    covariance = np.zeros((3, 3))
    covariance[:2, :2] = tip_covariance(left.orientation, left.minor_axis_length)
    covariance[2, 2] = variance + (TIP_STRUCTURE_STD * disparity) ** 2
    return _make_point(pixel, float(disparity), covariance, seen_right, calibration)


def _is_depth(disparity: float, calibration: StereoCalibration, options: StereoOptions) -> bool:
    nearest, farthest = (
        calibration.disparity_at(depth) for depth in (options.min_depth, options.max_depth)
    )
    return farthest <= disparity <= nearest


def _find_axis(
    center: np.ndarray, pair: MatchedPair, calibration: StereoCalibration
) -> tuple[np.ndarray, float]:
    """Return the axis (3,) through two places of the middle line, and its std in rad."""
    region = pair.left.region
    reach = AXIS_REACH * region.major_axis_length
    direction = pair.direction * _sense(region, pair.direction)
    ends = []
    spread = 0.0
    for pixel in (center - reach * direction, center + reach * direction):
        along = float(pixel @ pair.direction)
        disparity = max(float(pair.line.at(along)), 1e-3)
        covariance = np.diag([0.0, 0.0, pair.line.variance_at(along)])
        end, end_covariance = calibration.triangulate(pixel, disparity, covariance)
        ends.append(end)
        spread += float(np.trace(end_covariance))
    axis = ends[1] - ends[0]
    length = float(np.linalg.norm(axis))
    return axis / length, float(np.sqrt(spread)) / length


def _sense(region: Region, direction: np.ndarray) -> float:
    """Return 1 or -1: whether the axis points from where it enters the image to the tip."""
    start = np.array(region.entry if region.entry_valid else region.centroid)
    end = np.array(region.tip if region.tip_valid else region.centroid)
    return -1.0 if float((end - start) @ direction) < 0 else 1.0
