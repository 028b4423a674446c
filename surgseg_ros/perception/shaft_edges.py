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

"""The edges of an instrument's shaft: two straight lines."""

import cv2
import numpy as np

MIN_LENGTH_WIDTHS = 0.5
"""Shorter outlines beside the axis are no shaft's edges, in widths."""
END_SHARE = 0.15
"""Share of a shaft at either end that is left out: it joins the wrist, or enters the image."""
MIN_POINTS = 20
MAX_ANGLE_RAD = 0.35
"""Between an edge and the axis; perspective makes edges converge by less."""

Segment = tuple[tuple[float, float], tuple[float, float]]


def find_shaft_edges(
    boundary: np.ndarray, centroid: tuple[float, float], orientation: float
) -> tuple[Segment, ...]:
    """
    Return both edges of a shaft.

    Boundary pixels on either side of the axis, without its ends, each fitted by a line that some
    bumps do not move (Huber's distance).

    :param boundary: (N, 2) boundary pixels without those on the image border, x and y
    :param centroid: (x, y) px
    :param orientation: of the shaft in rad
    :return: two segments of (x, y) px, each in the direction of the orientation; empty if there
        are no two such lines
    """
    direction = np.array([np.cos(orientation), np.sin(orientation)])
    normal = np.array([-direction[1], direction[0]])
    arms = boundary - centroid
    along, across = arms @ direction, arms @ normal
    if len(along) < MIN_POINTS:
        return ()
    low, high = along.min(), along.max()
    margin = END_SHARE * (high - low)
    inner = (along > low + margin) & (along < high - margin)
    edges: list[Segment] = []
    for sign in (-1, 1):
        side = inner & (sign * across > 0)
        # The outline of a pixel lies half a pixel beyond its center.
        line = _fit(along[side], across[side] + sign * 0.5)
        if line is None:
            return ()
        offset, slope = line
        first, last = low + margin, high - margin
        edges.append((
            _place(centroid, direction, normal, first, offset + slope * first),
            _place(centroid, direction, normal, last, offset + slope * last),
        ))  # fmt: skip
    return tuple(edges)


def _fit(along: np.ndarray, across: np.ndarray) -> tuple[float, float] | None:
    """Return offset and slope of the line through points, ``None`` if they are no shaft's edge."""
    if len(along) < MIN_POINTS:
        return None
    points = np.column_stack((along, across)).astype(np.float32)
    vx, vy, x, y = cv2.fitLine(points, cv2.DIST_HUBER, 0, 0.01, 0.01).ravel().tolist()
    if abs(vy) > np.sin(MAX_ANGLE_RAD):
        return None
    slope = vy / vx
    width = abs(float(np.median(across)))
    if np.ptp(along) < MIN_LENGTH_WIDTHS * width:
        return None
    return y - slope * x, slope


def _place(
    centroid: tuple[float, float],
    direction: np.ndarray,
    normal: np.ndarray,
    along: float,
    across: float,
) -> tuple[float, float]:
    x, y = centroid + along * direction + across * normal
    return float(x), float(y)
