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

"""Where the jaws of a tool end, and how far they are open."""

from dataclasses import dataclass
import math

import cv2
import numpy as np

from surgseg_ros.perception.region import outline
from surgseg_ros.perception.region import perpendicular

LEVELS = 12
"""Places along the jaws where they are looked at for a gap between them."""
MIN_JAW_SHARE = 0.15
"""Least length of a jaw beyond the gap, relative to the length of both."""
MIN_REACH = 0.5
"""How far the shorter jaw must reach, relative to the longer one."""
MIN_JAW_PX = 6.0
COARSE_SIDE = 96
"""Longest side of the mask in which the jaws are told apart, px."""
END_WIDTHS = 2.0
"""Length of what gives the middle line of closed jaws, in widths."""
END_SHARE = 0.5
"""Length of the end whose middle is the tip, relative to the width of the jaw."""


@dataclass(frozen=True)
class Jaws:
    """
    The ends of one jaw or two.

    :param tips: (x, y) of each, px: the last pixel on the middle line of the jaw
    :param angle: between the middle lines of two jaws in rad, NaN for one
    """

    tips: tuple[tuple[float, float], ...]
    angle: float

    @property
    def tip(self) -> tuple[float, float]:
        """Return the middle of the tips."""
        x, y = np.mean(self.tips, axis=0)
        return float(x), float(y)


def find_jaws(mask: np.ndarray, offset: tuple[int, int], base: np.ndarray) -> Jaws:
    """
    Find the ends of the jaws in a mask that ends with them.

    Seen from the base, the mask is cut at several distances. Where what lies beyond a cut falls
    into two pieces that are long enough, each is a jaw. Else there is one, or both are closed.

    :param mask: (h, w) uint8, non-zero inside, not empty
    :param offset: (x, y) of the mask's first pixel in the image
    :param base: (2,) x and y of a point at the other end
    """
    # Where the jaws are is seen from a few thousand pixels as well; their ends from all.
    step = math.ceil(max(mask.shape) / COARSE_SIDE)
    coarse = np.ascontiguousarray(mask[::step, ::step])
    if not coarse.any():
        step, coarse = 1, mask
    rows, columns = np.nonzero(coarse)
    points = step * np.stack([columns, rows], axis=1) + np.array(offset, np.float64)
    distance = np.linalg.norm(points - base, axis=1)
    pieces = _find_pieces(coarse, (rows, columns), distance)
    if pieces is None:
        low, high = distance.min(), distance.max()
        width = step**2 * len(points) / max(high - low, step)
        pieces = [distance >= high - END_WIDTHS * width]
    border = outline(mask, (0, 0)).astype(int)
    ends = []
    for piece in pieces:
        region = np.zeros_like(coarse)
        region[rows[piece], columns[piece]] = 1
        region = cv2.dilate(region, np.ones((3, 3), np.uint8))
        own = border[region[border[:, 1] // step, border[:, 0] // step] > 0]
        # A piece of a few pixels between others may have its outline elsewhere.
        ends.append(_find_end(points[piece], own + offset if len(own) else points[piece], base))
    angle = math.nan
    if len(ends) == 2:
        angle = math.acos(min(1.0, max(-1.0, float(ends[0][1] @ ends[1][1]))))
    return Jaws(tuple((float(tip[0]), float(tip[1])) for tip, _ in ends), angle)


def _find_pieces(
    mask: np.ndarray, pixels: tuple[np.ndarray, np.ndarray], distance: np.ndarray
) -> list[np.ndarray] | None:
    """Tell which pixels are those of each of two jaws, ``None`` if no gap parts them."""
    low, high = distance.min(), distance.max()
    beyond = np.zeros_like(mask)
    least = max(MIN_JAW_PX, MIN_JAW_SHARE * (high - low))
    reach_limit = low + MIN_REACH * (high - low)
    for level in np.linspace(low, high - least, LEVELS):
        beyond[pixels] = distance >= level
        count, numbers = cv2.connectedComponents(beyond, connectivity=8)
        if count < 3:
            continue
        own = numbers[pixels]
        reach = np.full(count, -np.inf)
        np.maximum.at(reach, own[own > 0], distance[own > 0])
        first, second = np.argsort(-reach)[:2]
        if reach[second] >= max(level + least, reach_limit):
            return [own == first, own == second]
    return None


def _find_end(
    points: np.ndarray, border: np.ndarray, base: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """
    Return where the middle line of a jaw ends, and its direction.

    :param points: (N, 2) all over the jaw
    :param border: (M, 2) its outline
    """
    center = points.mean(axis=0)
    arms = points - center
    _, axes = np.linalg.eigh(arms.T @ arms)
    axis = axes[:, 1] * (1.0 if axes[:, 1] @ (center - base) >= 0 else -1.0)
    normal = perpendicular(axis)
    along, across = (border - center) @ axis, (border - center) @ normal
    width = 4 * (arms @ normal).std()
    end = across[along >= along.max() - max(END_SHARE * width, 1.0)]
    middle = (end.min() + end.max()) / 2
    return center + axis * along.max() + normal * middle, axis
