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

"""The geometry of one region of a label image."""

from dataclasses import dataclass
from dataclasses import field
import math

import cv2
import numpy as np

from surgseg_ros.data.image_files import size_of

BOUNDARY_STD_PX = 1.5
"""Standard deviation of a predicted outline, across it."""

BOUNDARY_CORRELATION_PX = 20.0
"""Length along an outline over which its errors are alike."""

TIP_STD_WIDTHS = (0.11, 0.05)
"""Standard deviation of a tip along the instrument and across, in minor axis lengths."""

MIN_TIP_STD_PX = 1.5

NO_POINT = (math.nan, math.nan)

WHOLE_INSTRUMENT = 255
"""Class id of an instrument whose pixels carry several classes (``Instrument.CLASS_MERGED``)."""


def _no_mask() -> np.ndarray:
    return np.zeros((0, 0), np.uint8)


@dataclass(frozen=True)
class Region:
    """
    One connected instrument, or one connected part of an instrument, in one image.

    Lengths are pixels of the full image; (0, 0) is the center of the top-left pixel, x points to
    the right, y down. The fields are those of ``surgseg_ros/msg/Instrument``.

    :param class_id: value in the label image, or :data:`WHOLE_INSTRUMENT`
    :param score: mean probability of the predicted class, [0, 1]; 1 if unknown
    :param instrument_index: for a part, the position of its instrument in the list
    :param centroid: area centroid
    :param centroid_covariance: (xx, xy, yy), uncertainty of the centroid in px^2, see
        :func:`centroid_covariance`
    :param orientation: principal axis in rad, from +x towards +y, [-pi/2, pi/2)
    :param major_axis_length: of the ellipse with the same second moments
    :param minor_axis_length: likewise
    :param tip: middle of the jaw tips, (nan, nan) unless ``tip_valid``
    :param bounding_box: (x, y, width, height)
    :param area: number of pixels
    :param touches_border: whether the region reaches the image border
    :param jaw_tips: ends of both jaws, or of the one that is seen; empty unless ``tip_valid``
    :param jaw_angle: between both jaws in the image in rad, nan unless both are seen
    :param entry: middle of where it enters the image, (nan, nan) unless ``entry_valid``
    :param shaft_edges: ends ((x, y), (x, y)) of both edges of the shaft, empty if it has none
    :param mask: (height, width) uint8 of the bounding box, non-zero inside
    """

    class_id: int
    class_name: str
    score: float
    instrument_index: int
    centroid: tuple[float, float]
    centroid_covariance: tuple[float, float, float]
    orientation: float
    major_axis_length: float
    minor_axis_length: float
    tip: tuple[float, float]
    tip_valid: bool
    bounding_box: tuple[int, int, int, int]
    area: int
    touches_border: bool
    jaw_tips: tuple[tuple[float, float], ...] = ()
    jaw_angle: float = math.nan
    entry: tuple[float, float] = NO_POINT
    entry_valid: bool = False
    shaft_edges: tuple[tuple[tuple[float, float], tuple[float, float]], ...] = ()
    mask: np.ndarray = field(default_factory=_no_mask, compare=False, repr=False)


@dataclass(frozen=True)
class Ellipse:
    """Centroid and second moments of a region, see :class:`Region` for units."""

    centroid: tuple[float, float]
    orientation: float
    major_axis_length: float
    minor_axis_length: float


def fit_ellipse(mask: np.ndarray, offset: tuple[int, int]) -> Ellipse:
    """
    Return the ellipse with a region's second moments.

    A pixel is a unit square, hence the 1/12 in the variances.

    :param mask: (h, w) uint8, non-zero inside, not empty
    :param offset: (x, y) of the mask's first pixel in the image
    """
    moments = cv2.moments(mask, binaryImage=True)
    area = moments['m00']
    centroid = (
        moments['m10'] / area + offset[0],
        moments['m01'] / area + offset[1],
    )
    xx = moments['mu20'] / area + 1 / 12
    yy = moments['mu02'] / area + 1 / 12
    xy = moments['mu11'] / area
    mean, spread = (xx + yy) / 2, math.hypot((xx - yy) / 2, xy)
    return Ellipse(
        centroid,
        _wrap_orientation(math.atan2(2 * xy, xx - yy) / 2),
        4 * math.sqrt(mean + spread),
        4 * math.sqrt(max(mean - spread, 1 / 12)),
    )


def _wrap_orientation(angle: float) -> float:
    """Return the same axis in [-pi/2, pi/2)."""
    return angle - math.pi if angle >= math.pi / 2 else angle


def outline(mask: np.ndarray, offset: tuple[int, int]) -> np.ndarray:
    """
    Return the boundary pixels of a region, those of its holes included.

    :param mask: (h, w) uint8, non-zero inside
    :param offset: (x, y) of the mask's first pixel in the image
    :return: (N, 2) float64, x and y
    """
    contours, _ = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    return np.concatenate(contours).reshape(-1, 2).astype(np.float64) + offset


def on_image_border(points: np.ndarray, image_size: tuple[int, int]) -> np.ndarray:
    """
    Tell which points lie in the first or last row or column of the image.

    :param points: (N, 2), x and y
    :param image_size: (width, height)
    :return: (N,) bool
    """
    last = np.array(image_size) - 1
    return np.any((points <= 0) | (points >= last), axis=1)


def perpendicular(vector: np.ndarray) -> np.ndarray:
    """Return a vector (2,) turned by a quarter from +x towards +y."""
    return np.array([-vector[1], vector[0]])


def border_runs(
    mask: np.ndarray, offset: tuple[int, int], image_size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """
    Find where a mask reaches the image border; each run of pixels there is one entry.

    :param mask: (h, w), non-zero inside
    :param offset: (x, y) of the mask's first pixel in the image
    :param image_size: (width, height)
    :return: pixels of the mask (N, 2), x and y, and the number of the run of each from 1 (N,)
    """
    width, height = image_size
    right, bottom = width - 1, height - 1
    frame = np.concatenate([
        np.stack([np.arange(width), np.zeros(width, int)], 1),
        np.stack([np.full(bottom, right), np.arange(1, height)], 1),
        np.stack([np.arange(right - 1, -1, -1), np.full(right, bottom)], 1),
        np.stack([np.zeros(max(bottom - 1, 0), int), np.arange(bottom - 1, 0, -1)], 1),
    ]) - offset  # fmt: skip
    in_crop = ((frame >= 0) & (frame < size_of(mask))).all(axis=1)
    inside = np.zeros(len(frame), bool)
    inside[in_crop] = mask[frame[in_crop, 1], frame[in_crop, 0]] > 0
    if inside.all():
        return frame, np.ones(len(frame), int)
    # Start where nothing is, so that no run is cut in two.
    start = int(np.argmin(inside))
    rolled = np.roll(inside, -start)
    numbers = np.cumsum(rolled & ~np.roll(rolled, 1))
    return np.roll(frame, -start, axis=0)[rolled], numbers[rolled]


def centroid_covariance(
    boundary: np.ndarray, centroid: tuple[float, float], area: int
) -> tuple[float, float, float]:
    """
    Return the uncertainty of an area centroid caused by errors of the outline.

    If the outline moves outward by n(s), the centroid moves by the integral of n(s) (p(s) - c) / A
    along it. For errors of standard deviation sigma that are alike over a length l the covariance
    is sigma^2 l / A^2 times the integral of (p - c)(p - c)^T, here a sum over boundary pixels.
    Where the image border cuts the instrument the outline is exact: leave those pixels out.

    :param boundary: (N, 2) boundary pixels, x and y
    :param centroid: (x, y)
    :param area: number of pixels of the region
    :return: (xx, xy, yy) in px^2
    """
    arms = boundary - centroid
    xx, xy, yy = (arms[:, (0, 0, 1)] * arms[:, (0, 1, 1)]).sum(axis=0)
    factor = BOUNDARY_STD_PX**2 * BOUNDARY_CORRELATION_PX / area**2
    return float(factor * xx), float(factor * xy), float(factor * yy)


def tip_covariance(orientation: float, minor_axis_length: float) -> np.ndarray:
    """
    Return the uncertainty of a tip in the image: larger along the instrument.

    :param orientation: of the instrument, rad
    :param minor_axis_length: of the instrument, px
    :return: (2, 2) px^2
    """
    along, across = (max(share * minor_axis_length, MIN_TIP_STD_PX) for share in TIP_STD_WIDTHS)
    direction = np.array([math.cos(orientation), math.sin(orientation)])
    outer = np.outer(direction, direction)
    return np.asarray(along**2 * outer + across**2 * (np.eye(2) - outer))
