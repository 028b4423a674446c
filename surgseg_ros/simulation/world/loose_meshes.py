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


"""Meshes of things that are not instruments: prints, draped sheets, knitted tubes, bands."""

from collections.abc import Callable

import cv2
import numpy as np

from surgseg_ros.simulation.noise import fractal_noise
from surgseg_ros.simulation.world.meshes import tube

Mesh = tuple[np.ndarray, np.ndarray]
"""(V, 3) float64 vertices in m and (F, 3) int32 faces."""

_LETTER_PX = 14


def printed_text(text: str, radius: float, start: float, height: float, angle: float) -> Mesh:
    """
    Return letters on a cylinder around the z axis, written along the axis.

    :param text: what to write; at least one letter
    :param radius: of the letters' surface in m
    :param start: z where the text begins in m
    :param height: of the letters in m
    :param angle: where around the axis, in rad
    """
    (width, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, _LETTER_PX / 22, 2)
    canvas = np.zeros((_LETTER_PX + 10, width + 4), np.uint8)
    cv2.putText(canvas, text, (2, _LETTER_PX + 4), 0, _LETTER_PX / 22, 255, 2, cv2.LINE_AA)
    rows, columns = np.nonzero(canvas > 100)
    step = height / _LETTER_PX
    corners = np.array([(0, 0), (1, 0), (1, 1), (0, 1)])
    along = start + step * (columns[:, None] + corners[None, :, 0])
    turn = angle + step / radius * (rows[:, None] + corners[None, :, 1] - _LETTER_PX / 2 - 4)
    vertices = np.stack((radius * np.cos(turn), radius * np.sin(turn), along), axis=-1)
    return vertices.reshape(-1, 3), _both_sides(_quads(len(rows)))


def sheet(
    outline: tuple[float, float],
    height_at: Callable[[float, float], float],
    rng: np.random.Generator,
    cells: int = 44,
    folds: float = 0.004,
) -> tuple[np.ndarray, np.ndarray]:
    """
    Return a crumpled sheet that lies on a surface.

    :param outline: half the length of its sides in m
    :param height_at: height of the surface at (x, y), in the frame of the sheet, in m
    :param rng: draws folds and outline
    :param cells: along each side
    :param folds: height of the folds in m
    :return: (cells + 1, cells + 1, 3) points in m and (cells, cells, 4, 3) int32 faces: of each
        cell two triangles, seen from both sides
    """
    count = cells + 1
    axis = np.linspace(-1, 1, count)
    bend = np.stack([fractal_noise(rng, count, 3, 2) for _ in range(2)], axis=-1)
    plane = np.stack(np.meshgrid(axis, axis), axis=-1) * outline
    # Folds draw the sheet together: it is no rectangle any more.
    plane += 0.25 * min(outline) * bend
    heights = np.array([height_at(x, y) for x, y in plane.reshape(-1, 2)]).reshape(count, count)
    heights = cv2.GaussianBlur(heights, (5, 5), 0)
    crumple = np.abs(fractal_noise(rng, count, int(rng.integers(2, 6)), 2))
    crumple = cv2.GaussianBlur(1.5 * crumple + 0.2 * fractal_noise(rng, count, 9, 1), (5, 5), 0)
    points = np.dstack((plane, heights + 0.0008 + folds * crumple))
    index = np.arange(count * count).reshape(count, count)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]
    triangles = ((a, b, c), (a, c, d), (a, c, b), (a, d, c))
    faces = np.stack([np.stack(triangle, axis=-1) for triangle in triangles], axis=2)
    return points, faces.astype(np.int32)


def knitted_tube(
    path: np.ndarray, radius: float, pitch: float, depth: float, sides: int = 72
) -> Mesh:
    """
    Return a tube whose surface is knitted.

    :param path: (N, 3) m, with a point every half pitch or more often
    :param radius: m
    :param pitch: of the stitches in m
    :param depth: of the stitches in m
    :param sides: vertices of one cross-section
    """
    vertices, faces = tube(path, radius, sides)
    count = len(path)
    along = np.linalg.norm(np.diff(path, axis=0), axis=1).sum() * np.linspace(0, 1, count)
    around = np.arange(sides) * (2 * np.pi / sides)
    stitches = max(3, round(2 * np.pi * radius / pitch))
    pattern = np.sin(np.pi * along / pitch)[:, None] * np.sin(stitches * around / 2)[None, :]
    rings = vertices[: count * sides].reshape(count, sides, 3)
    center = rings.mean(axis=1, keepdims=True)
    # The ends taper off.
    reach = np.clip(np.linspace(0, 12, count), 0, 1) ** 0.5
    scale = reach[:, None, None] * (1 + (depth / radius) * pattern[..., None])
    rings[:] = center + (rings - center) * scale
    return vertices, faces


def ring(radius: float, thickness: float, z: float) -> Mesh:
    """Return a torus around the z axis at a height, all in m."""
    turn = np.linspace(0, 2 * np.pi, 25)
    path = np.column_stack((radius * np.cos(turn), radius * np.sin(turn), np.full(25, z)))
    return tube(path, thickness, 8)


def _quads(count: int) -> np.ndarray:
    """Return the (2 * count, 3) int32 triangles of separate squares of four vertices."""
    first = 4 * np.arange(count)[:, None, None]
    triangles = first + np.array([(0, 1, 2), (0, 2, 3)])
    return triangles.reshape(-1, 3).astype(np.int32)


def _both_sides(faces: np.ndarray) -> np.ndarray:
    return np.vstack((faces, faces[:, ::-1]))
