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

"""A drawn picture of two instruments before tissue, for comparing label images anywhere."""

from itertools import pairwise

import cv2
import numpy as np

PICTURE = 'a drawn picture of two instruments before tissue'

# Where the instruments lie: the end of the shaft and the wrist, as fractions of width and height.
_TOOLS = (((0.02, 0.95), (0.36, 0.58)), ((1.0, 0.75), (0.68, 0.5)))
_RADIUS = 0.04  # of the shaft, as a fraction of the width
_SHAFT, _METAL = (38.0, 40.0, 44.0), (150.0, 152.0, 158.0)
_STRIPS = 24
_SUBPIXEL_BITS = 4


def draw_picture(size: tuple[int, int], shift: int = 0) -> np.ndarray:
    """
    Draw the picture; the same size gives the same picture.

    :param size: (width, height) in pixels
    :param shift: pixels by which it lies further to the left, as for a right eye
    :return: (height, width, 3) uint8 RGB
    """
    image = _draw_tissue(size)
    for base, wrist in _TOOLS:
        _draw_tool(image, np.multiply(base, size), np.multiply(wrist, size))
    blurred = cv2.GaussianBlur(image, (0, 0), max(size[0] / 1000, 0.3))
    return np.roll(blurred, -shift, axis=1)


def _draw_tissue(size: tuple[int, int]) -> np.ndarray:
    """Return red blotches of several sizes, darker towards the corners."""
    width, height = size
    random = np.random.default_rng(0)
    blotches = np.zeros((height, width), np.float32)
    for cells, weight in ((4, 0.5), (12, 0.3), (48, 0.2)):
        coarse = random.random((cells, cells), np.float32)
        blotches += weight * cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)
    x = np.linspace(-1, 1, width, dtype=np.float32)
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    light = np.clip(1.1 - 0.45 * (x * x + y * y), 0.1, 1)
    channels = [
        light * (dark + spread * blotches) for dark, spread in ((130, 110), (40, 90), (35, 80))
    ]
    return np.clip(np.dstack(channels), 0, 255).astype(np.uint8)


def _draw_tool(image: np.ndarray, base: np.ndarray, wrist: np.ndarray) -> None:
    """Draw a dark shaft, a metal wrist and two jaws."""
    radius = _RADIUS * image.shape[1]
    axis = (wrist - base) / np.linalg.norm(wrist - base)
    side = np.array([-axis[1], axis[0]])
    hinge = wrist + 2.2 * radius * axis
    _draw_cylinder(image, base, wrist, radius * side, _SHAFT)
    _draw_cylinder(image, wrist, hinge, 0.8 * radius * side, _METAL)
    for sign, level in ((-1, 195), (1, 145)):
        across = sign * radius * side
        tip = hinge + 4 * radius * axis + 1.3 * across
        corners = [hinge + 0.6 * across, hinge - 0.1 * across, tip - 0.1 * across, tip]
        _fill(image, corners, (level, level, level + 8))


def _draw_cylinder(
    image: np.ndarray,
    start: np.ndarray,
    end: np.ndarray,
    across: np.ndarray,
    color: tuple[float, float, float],
) -> None:
    """Draw strips along a cylinder, dark at its outlines, with a highlight."""
    edges = np.linspace(-1, 1, _STRIPS + 1)
    for low, high in pairwise(edges):
        middle = (low + high) / 2
        light = 0.35 + 0.8 * np.sqrt(1 - middle**2)
        highlight = 100 * np.exp(-(((middle + 0.35) / 0.12) ** 2))
        shaded = np.clip(np.multiply(color, light) + highlight, 0, 255)
        corners = [start + low * across, start + high * across]
        corners += [end + high * across, end + low * across]
        _fill(image, corners, shaded.tolist())


def _fill(image: np.ndarray, corners: list[np.ndarray], color: tuple[float, ...]) -> None:
    points = np.round(np.array(corners) * 2**_SUBPIXEL_BITS).astype(np.int32)
    cv2.fillConvexPoly(image, points, color, cv2.LINE_AA, _SUBPIXEL_BITS)
