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

"""Where the points of an instrument truly are, by the definitions of the stereo positions."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

RAYS = 200
"""How many pixels of an instrument tell its disparity."""
MIN_RAYS = 10
"""Fewer that hit the instrument tell nothing."""


@dataclass(frozen=True)
class MiddlePoint:
    """
    The point of an instrument's middle line behind the centroid of what both eyes see.

    :param pixel: (2,) px in the left image
    :param disparity: px
    """

    pixel: np.ndarray
    disparity: float


def find_middle_point(
    left_mask: np.ndarray,
    right_mask: np.ndarray,
    disparity_of: Callable[[np.ndarray], np.ndarray],
    generator: np.random.Generator,
) -> MiddlePoint | None:
    """
    Return the true centroid of an instrument in space, ``None`` if no part is seen by both eyes.

    The disparity of its middle is a linear function of the place in the image, fitted to some
    pixels by least squares. Moved by it, the pixels of the left mask that lie on the right one
    are what both eyes see.

    :param left_mask: (H, W) bool, its pixels in the left image
    :param right_mask: (H, W) bool, those in the right image at the same instant
    :param disparity_of: returns the disparities (N,) px of the middle between front and back
        behind pixels (N, 2) of the left image; NaN where there is none
    :param generator: draws the pixels
    """
    rows, columns = np.nonzero(left_mask)
    if len(rows) < MIN_RAYS:
        return None
    chosen = generator.choice(len(rows), min(RAYS, len(rows)), replace=False)
    pixels = np.column_stack((columns[chosen], rows[chosen])).astype(float)
    disparities = disparity_of(pixels)
    hits = np.isfinite(disparities)
    if hits.sum() < MIN_RAYS:
        return None
    origin = pixels[hits].mean(axis=0)
    terms = np.column_stack((pixels[hits] - origin, np.ones(int(hits.sum()))))
    slope_x, slope_y, mean = np.linalg.lstsq(terms, disparities[hits], rcond=None)[0]
    moved = columns - (slope_x * (columns - origin[0]) + slope_y * (rows - origin[1]) + mean)
    targets = np.rint(moved).astype(int)
    seen = (targets >= 0) & (targets < right_mask.shape[1])
    seen[seen] = right_mask[rows[seen], targets[seen]]
    if not seen.any():
        return None
    pixel = np.array([columns[seen].mean(), rows[seen].mean()])
    disparity = float((columns[seen] - moved[seen]).mean())
    return MiddlePoint(pixel, disparity)
