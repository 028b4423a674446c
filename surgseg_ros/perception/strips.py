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

"""Shafts in a mask: strips between two straight edges, also where several cross."""

from dataclasses import dataclass
import itertools
import math

import cv2
import numpy as np

from surgseg_ros.data.image_files import size_of
from surgseg_ros.perception.region import on_image_border
from surgseg_ros.perception.region import perpendicular

MIN_EDGE_PX = 30.0
"""Shorter straight pieces of an outline are no edge of a shaft."""
EDGE_TOLERANCE_PX = 2.5
"""Farthest that a point of an outline may lie from the line that is its edge."""
MIN_NORMAL_COSINE = 0.95
"""Cosine of the largest angle between an outline and the line that is its edge."""
TANGENT_REACH = 7
"""Points before and behind that give the direction of an outline."""
ANGLE_BIN_RAD = math.radians(3.0)
RHO_BIN_PX = 6.0
MAX_EDGES = 16
MAX_TAPER_RAD = math.radians(20.0)
"""Largest angle between both edges of one shaft, by perspective."""
MAX_SHIFT = 0.4
"""Farthest that strips of one shaft lie beside each other, relative to both widths together."""
MIN_SUPPORT = 0.4
"""Least length of both edges relative to the width; a disc has no more straight pieces."""
MIN_FILL = 0.8
"""Least share of the middle of a strip that belongs to the mask."""
FILL_SAMPLES = 32


@dataclass(frozen=True)
class Edge:
    """
    A straight piece of an outline.

    :param normal: (2,) unit vector out of the mask
    :param offset: of the line ``normal @ p == offset``, px
    :param span: coordinates of both ends along the direction (-normal[1], normal[0]), px
    :param length: number of outline points on it
    """

    normal: np.ndarray
    offset: float
    span: tuple[float, float]
    length: int

    @property
    def direction(self) -> np.ndarray:
        """Return the unit vector along the edge."""
        return perpendicular(self.normal)


@dataclass(frozen=True)
class Strip:
    """
    The part of a shaft that is seen, between two straight edges.

    :param point: (2,) a point of the axis, px
    :param axis: (2,) unit vector
    :param span: coordinates of both ends along the axis from ``point``, px
    :param edges: both edges
    :param width: distance of the edges in the middle, px
    """

    point: np.ndarray
    axis: np.ndarray
    span: tuple[float, float]
    edges: tuple[Edge, Edge]
    width: float

    @property
    def support(self) -> int:
        """Return how much of the outline is this strip's, px."""
        return min(edge.length for edge in self.edges)

    def distance_outside(self, points: np.ndarray) -> np.ndarray:
        """Return how far points (N, 2) lie outside the edges, negative between them, px."""
        return np.max([points @ edge.normal - edge.offset for edge in self.edges], axis=0)


def find_strips(
    mask: np.ndarray, offset: tuple[int, int], image_size: tuple[int, int]
) -> list[Strip]:
    """
    Find the shafts in a mask, longest first.

    :param mask: (h, w) uint8, non-zero inside
    :param image_size: (width, height) of the image that the mask is part of
    :param offset: (x, y) of the mask's first pixel
    """
    edges = find_edges(mask, offset, image_size)
    pairs = (_pair(first, second) for first, second in itertools.combinations(edges, 2))
    candidates = [
        strip
        for strip in pairs
        if strip is not None
        and strip.support >= MIN_SUPPORT * strip.width
        and _fill(strip, mask, offset) >= MIN_FILL
    ]
    strips: list[Strip] = []
    for strip in sorted(candidates, key=lambda item: -item.support):
        if not any(_is_same(strip, other) for other in strips):
            strips.append(strip)
    return strips


def _is_same(strip: Strip, longer: Strip) -> bool:
    """Tell whether two strips share an edge or one lies along the other: a sleeve on a shaft."""
    if any(edge is other for edge in strip.edges for other in longer.edges):
        return True
    across = (strip.point - longer.point) @ perpendicular(longer.axis)
    is_parallel = abs(strip.axis @ longer.axis) > math.cos(MAX_TAPER_RAD)
    return is_parallel and abs(across) < MAX_SHIFT * (strip.width + longer.width)


def find_edges(
    mask: np.ndarray, offset: tuple[int, int], image_size: tuple[int, int]
) -> list[Edge]:
    """Find the straight pieces of a mask's outline, longest first; see :func:`find_strips`."""
    points, normals = _oriented_outline(mask, offset, image_size)
    edges: list[Edge] = []
    while len(edges) < MAX_EDGES and len(points) >= MIN_EDGE_PX:
        inside = _longest_line(points, normals)
        if inside.sum() < MIN_EDGE_PX:
            break
        edges.append(_fit_edge(points[inside], normals[inside]))
        points, normals = points[~inside], normals[~inside]
    return edges


def _oriented_outline(
    mask: np.ndarray, offset: tuple[int, int], image_size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the outline (N, 2) off the image border and its outward normals (N, 2)."""
    contours, _ = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    points, normals = [], []
    for contour in contours:
        if len(contour) < 4 * TANGENT_REACH:
            continue
        line = contour[:, 0].astype(np.float64)
        tangent = np.roll(line, -TANGENT_REACH, axis=0) - np.roll(line, TANGENT_REACH, axis=0)
        length = np.linalg.norm(tangent, axis=1)
        good = (length > TANGENT_REACH) & ~on_image_border(line + offset, image_size)
        points.append(line[good] + offset)
        # OpenCV walks around outer outlines with the mask to its left (y down), holes likewise.
        normals.append(
            np.stack([-tangent[:, 1], tangent[:, 0]], axis=1)[good] / length[good, None]
        )
    if not points:
        return np.zeros((0, 2)), np.zeros((0, 2))
    return np.concatenate(points), np.concatenate(normals)


def _longest_line(points: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """Return which points lie on the line with most of them: a vote, then a refinement."""
    angle = np.arctan2(normals[:, 1], normals[:, 0])
    bins = round(2 * math.pi / ANGLE_BIN_RAD)
    column = np.floor((angle + math.pi) / ANGLE_BIN_RAD).astype(int) % bins
    # Offsets with the angle of the bin: one line gives one cell whatever the noise of a tangent.
    centers = (np.arange(bins) + 0.5) * ANGLE_BIN_RAD - math.pi
    directions = np.stack([np.cos(centers), np.sin(centers)], axis=1)
    offsets = (points * directions[column]).sum(axis=1)
    low = offsets.min()
    row = ((offsets - low) / RHO_BIN_PX).astype(int)
    counts = np.bincount(column * (row.max() + 1) + row, minlength=bins * (row.max() + 1))
    # A line lies between two offsets as often as in one: neighbors vote too.
    votes = cv2.blur(
        counts.reshape(bins, -1).astype(np.float32), (3, 1), borderType=cv2.BORDER_CONSTANT
    )
    best_column, best_row = np.unravel_index(votes.argmax(), votes.shape)
    normal = directions[best_column]
    offset = low + (best_row + 0.5) * RHO_BIN_PX
    inside = np.abs(points @ normal - offset) < 1.5 * RHO_BIN_PX
    inside &= normals @ normal > MIN_NORMAL_COSINE
    for tolerance in (2 * EDGE_TOLERANCE_PX, EDGE_TOLERANCE_PX, EDGE_TOLERANCE_PX):
        if np.count_nonzero(inside) < MIN_EDGE_PX:
            break
        normal, offset = _fit_line(points[inside], normal)
        inside = np.abs(points @ normal - offset) < tolerance
        inside &= normals @ normal > MIN_NORMAL_COSINE
    return inside


def _fit_line(points: np.ndarray, outward: np.ndarray) -> tuple[np.ndarray, float]:
    """Return normal and offset of the line through points (N, 2) by least squares."""
    center = points.mean(axis=0)
    arms = points - center
    _, axes = np.linalg.eigh(arms.T @ arms)
    normal = axes[:, 0] * (1.0 if axes[:, 0] @ outward > 0 else -1.0)
    return normal, float(normal @ center)


def _fit_edge(points: np.ndarray, normals: np.ndarray) -> Edge:
    normal, offset = _fit_line(points, normals.mean(axis=0))
    along = points @ perpendicular(normal)
    return Edge(normal, offset, (along.min(), along.max()), len(points))


def _pair(first: Edge, second: Edge) -> Strip | None:
    """Return the strip between two edges, ``None`` where they are not both sides of one."""
    if first.normal @ second.normal > -math.cos(MAX_TAPER_RAD):
        return None
    axis = first.direction - second.direction
    axis /= np.linalg.norm(axis)
    spans = []
    for edge in (first, second):
        ends = edge.normal * edge.offset + np.outer(edge.span, edge.direction)
        spans.append(sorted(ends @ axis))
    low, high = max(spans[0][0], spans[1][0]), min(spans[0][1], spans[1][1])
    if high <= low:
        return None
    middle = (low + high) / 2
    feet = [_at(edge, axis, middle) for edge in (first, second)]
    normal = perpendicular(axis)
    width = float((feet[0] - feet[1]) @ normal)
    # Both normals point away from the middle, else the strip is the gap between two tools.
    if width * (first.normal @ normal) <= 0:
        return None
    point = (feet[0] + feet[1]) / 2
    outer = min(spans[0][0], spans[1][0]) - middle, max(spans[0][1], spans[1][1]) - middle
    return Strip(point, axis, outer, (first, second), abs(width))


def _at(edge: Edge, axis: np.ndarray, coordinate: float) -> np.ndarray:
    """Return the point of an edge at a coordinate along an axis."""
    foot = edge.normal * edge.offset
    return foot + edge.direction * (coordinate - foot @ axis) / (edge.direction @ axis)


def _fill(strip: Strip, mask: np.ndarray, offset: tuple[int, int]) -> float:
    """Return the share of the middle of a strip that belongs to a mask."""
    places = np.linspace(*strip.span, FILL_SAMPLES)
    pixels = np.round(strip.point + places[:, None] * strip.axis).astype(int) - offset
    inside = ((pixels >= 0) & (pixels < size_of(mask))).all(axis=1)
    columns, rows = pixels[inside].T
    return float(np.count_nonzero(mask[rows, columns])) / max(1, int(inside.sum()))
