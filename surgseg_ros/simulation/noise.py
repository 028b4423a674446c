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


"""Smooth random fields, the raw material of every procedural texture here."""

import cv2
import numpy as np


def fractal_noise(rng: np.random.Generator, size: int, cells: int, octaves: int) -> np.ndarray:
    """
    Return smooth noise.

    :param rng: source
    :param size: pixels of a side
    :param cells: blobs along a side in the first octave; each further octave doubles them
    :param octaves: how many to add, each of half the amplitude
    :return: (size, size) float32, about -1..1
    """
    noise = np.zeros((size, size), np.float32)
    amplitude = 0.6
    for _ in range(octaves):
        count = min(cells, size) + 3
        grid = rng.uniform(-1, 1, (count, count)).astype(np.float32)
        noise += amplitude * cv2.resize(grid, (size, size), interpolation=cv2.INTER_CUBIC)
        amplitude *= 0.5
        cells *= 2
    return noise


def tileable_noise(rng: np.random.Generator, size: int, cells: int, octaves: int) -> np.ndarray:
    """Return noise like :func:`fractal_noise` whose opposite edges match."""
    noise = np.zeros((size, size), np.float32)
    amplitude = 0.6
    for _ in range(octaves):
        grid = np.pad(rng.uniform(-1, 1, (cells, cells)).astype(np.float32), 2, mode='wrap')
        margin = 2 * size // cells
        wide = cv2.resize(grid, (size + 2 * margin,) * 2, interpolation=cv2.INTER_CUBIC)
        noise += amplitude * wide[margin : margin + size, margin : margin + size]
        amplitude *= 0.5
        cells *= 2
    return noise


def warp(rng: np.random.Generator, image: np.ndarray, reach: float) -> np.ndarray:
    """
    Move every pixel by noise, which bends straight structures.

    :param rng: source
    :param image: (N, N) float32
    :param reach: largest shift as a share of the image
    """
    size = image.shape[0]
    shift = fractal_noise(rng, size, 10, 3) * (size * reach)
    grid = np.arange(size, dtype=np.float32)
    return cv2.remap(
        image,
        grid[None, :] + shift,
        grid[:, None] + shift.T,
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT,
    )


def to_unit(noise: np.ndarray) -> np.ndarray:
    """Map -1..1 to 0..1 and clip."""
    return np.clip(0.5 + 0.5 * noise, 0, 1)


def smoothstep(values: np.ndarray, width: float) -> np.ndarray:
    """Return 0 below -width, 1 above +width, smooth in between."""
    t = np.clip((values + width) / (2 * width), 0, 1)
    return t * t * (3 - 2 * t)
