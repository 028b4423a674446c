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

"""
Objectness: how much the surroundings of a pixel look like an object of any class.

B. Alexe, T. Deselaers, V. Ferrari: Measuring the Objectness of Image Windows. IEEE TPAMI 34(11),
2012, https://doi.org/10.1109/TPAMI.2012.28, written from the paper. Windows of many sizes are
scored by four measures, and the scores of the best are summed up in the pixels that they cover
(the heat maps of section 6.5):

* multi-scale saliency, section 3.1, on the spectral residual of X. Hou and L. Zhang, CVPR 2007;
* color contrast with the surroundings, section 3.2;
* edge density near the window's border, section 3.3;
* superpixels straddling the window's border, section 3.4.

Deviations: windows come from a regular grid instead of being sampled; the superpixels are those
of a watershed from a grid of seeds; the paper learns the likelihood of each measure from labeled
images, here each is stretched to the range of the image's windows, so that nothing is learned,
and they are multiplied as its naive Bayes model does.
"""

from dataclasses import dataclass
from functools import cache
import itertools

import cv2
import numpy as np

from surgseg_ros.perception.cues import stretch_to_unit

WORKING_SIDE = 160
"""The longer side of the image is shrunk to so many pixels; windows need no more detail."""

WINDOW_SIDES = (0.12, 0.2, 0.32, 0.5, 0.75)
"""Widths and heights of the windows, relative to those of the image, in every combination."""

WINDOW_STEP = 0.25
"""Distance of neighboring windows, relative to their own size."""

BEST_SHARE = 0.1
"""Share of the windows, the best ones, that is summed up."""

SALIENCY_SIDES = (16, 24, 32, 48, 64)
SALIENCY_SHARE = 0.5
"""A pixel counts as salient above this share of the map's maximum."""

SURROUNDING = 1.5
"""Width and height of the surroundings that the color is compared with, relative to the window."""

COLOR_BINS = 4
"""Of the color histogram, for each of L, A and B."""

INNER_SHARE = 0.7
"""Width and height that the ring of the edges leaves free inside the window."""

SEED_STEP = 10
"""Distance of the superpixels' seeds, px."""


@dataclass(frozen=True)
class _Windows:
    """
    Windows, one an entry, in whole pixels.

    Left and top are inside, right and bottom outside.
    """

    left: np.ndarray
    top: np.ndarray
    right: np.ndarray
    bottom: np.ndarray

    @property
    def area(self) -> np.ndarray:
        return (self.right - self.left) * (self.bottom - self.top)

    def scaled(self, factor: float, size: tuple[int, int]) -> '_Windows':
        """Return windows about the same centers, cut at the border of the (width, height)."""
        width, height = size
        across = (self.right - self.left) * (factor - 1) / 2
        down = (self.bottom - self.top) * (factor - 1) / 2
        return _Windows(
            np.clip(np.round(self.left - across), 0, width).astype(int),
            np.clip(np.round(self.top - down), 0, height).astype(int),
            np.clip(np.round(self.right + across), 0, width).astype(int),
            np.clip(np.round(self.bottom + down), 0, height).astype(int),
        )

    def sums(self, image: np.ndarray) -> np.ndarray:
        """
        Return the sum of an image's values in every window.

        :param image: (H, W) or (H, W, C)
        :return: (windows,) or (windows, C)
        """
        margin = [(1, 0), (1, 0), *[(0, 0)] * (image.ndim - 2)]
        integral = np.pad(image.astype(np.float32), margin).cumsum(0).cumsum(1)
        return (
            integral[self.bottom, self.right]
            - integral[self.top, self.right]
            - integral[self.bottom, self.left]
            + integral[self.top, self.left]
        )


def objectness_cue(image: np.ndarray) -> np.ndarray:
    """
    Return the objectness of every pixel.

    :param image: (H, W, 3) uint8 RGB
    :return: (H, W) float32 in [0, 1], stretched to that range
    """
    height, width = image.shape[:2]
    factor = WORKING_SIDE / max(width, height)
    size = max(round(width * factor), 1), max(round(height * factor), 1)
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB)
    windows = _make_windows(size)
    scores = (
        _saliency_scores(small, windows)
        * _contrast_scores(lab, windows)
        * _edge_scores(small, windows)
        * _straddling_scores(lab, windows)
    )
    heat = _accumulate(scores, windows, size)
    return cv2.resize(heat, (width, height), interpolation=cv2.INTER_LINEAR)


@cache
def _make_windows(size: tuple[int, int]) -> _Windows:
    boxes = []
    for across, down in itertools.product(WINDOW_SIDES, WINDOW_SIDES):
        width, height = (
            max(round(share * side), 1) for share, side in zip((across, down), size, strict=True)
        )
        for left, top in itertools.product(_starts(size[0], width), _starts(size[1], height)):
            boxes.append((left, top, left + width, top + height))
    return _Windows(*np.array(boxes).T)


def _starts(side: int, length: int) -> range:
    return range(0, side - length + 1, max(round(length * WINDOW_STEP), 1))


def _saliency_scores(image: np.ndarray, windows: _Windows) -> np.ndarray:
    """Return the salient mass of each window times its density, summed over the scales."""
    height, width = image.shape[:2]
    total = np.zeros(len(windows.left), np.float32)
    for side in SALIENCY_SIDES:
        saliency = cv2.resize(spectral_residual(image, side), (width, height))
        salient = saliency >= SALIENCY_SHARE * saliency.max()
        mass = windows.sums(np.where(salient, saliency, 0))
        total += mass * windows.sums(salient) / windows.area
    return stretch_to_unit(total)


def spectral_residual(image: np.ndarray, side: int) -> np.ndarray:
    """
    Return the spectral residual saliency at one scale, the mean of the color channels.

    :param image: (H, W, 3) uint8
    :param side: width and height in pixels that it is computed at
    :return: (side, side) float32 in [0, 1]
    """
    small = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA).astype(np.float32)
    spectrum = np.fft.fft2(small, axes=(0, 1))
    amplitude = np.log(np.abs(spectrum) + 1e-6).astype(np.float32)
    residual = amplitude - cv2.blur(amplitude, (3, 3))
    back = np.fft.ifft2(np.exp(residual + 1j * np.angle(spectrum)), axes=(0, 1))
    power = (np.abs(back) ** 2).mean(axis=2).astype(np.float32)
    return stretch_to_unit(cv2.GaussianBlur(power, (0, 0), side / 20))


def _contrast_scores(lab: np.ndarray, windows: _Windows) -> np.ndarray:
    """Return the chi-square distance of the colors in each window to those around it."""
    height, width = lab.shape[:2]
    bins = lab.astype(int) * COLOR_BINS // 256
    index = (bins[..., 0] * COLOR_BINS + bins[..., 1]) * COLOR_BINS + bins[..., 2]
    present, index = np.unique(index, return_inverse=True)
    one_hot = np.eye(len(present), dtype=np.float32)[index.reshape(height, width)]
    inside = windows.sums(one_hot)
    around = windows.scaled(SURROUNDING, (width, height)).sums(one_hot) - inside
    inside /= np.maximum(inside.sum(axis=1, keepdims=True), 1)
    around /= np.maximum(around.sum(axis=1, keepdims=True), 1)
    distance = (inside - around) ** 2 / np.maximum(inside + around, 1e-9)
    return stretch_to_unit(distance.sum(axis=1))


def _edge_scores(image: np.ndarray, windows: _Windows) -> np.ndarray:
    """Return the number of edge pixels near the border of each window for its perimeter."""
    height, width = image.shape[:2]
    gray = cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (3, 3), 0)
    high = max(float(cv2.threshold(gray, 0, 255, cv2.THRESH_OTSU)[0]), 1.0)
    edges = cv2.Canny(gray, high / 2, high) > 0
    inner = windows.scaled(INNER_SHARE, (width, height))
    perimeter = 2 * (windows.right - windows.left + windows.bottom - windows.top)
    return stretch_to_unit((windows.sums(edges) - inner.sums(edges)) / perimeter)


def _straddling_scores(lab: np.ndarray, windows: _Windows) -> np.ndarray:
    """Return ``1 - sum_s min(|s outside w|, |s inside w|) / |w|`` over the superpixels s."""
    superpixels = make_superpixels(lab)
    one_hot = np.eye(superpixels.max() + 1, dtype=np.float32)[superpixels]
    inside = windows.sums(one_hot)
    outside = one_hot.sum(axis=(0, 1)) - inside
    straddling = np.minimum(inside, outside).sum(axis=1) / windows.area
    return stretch_to_unit(np.maximum(1 - straddling, 0))


def make_superpixels(image: np.ndarray) -> np.ndarray:
    """
    Return regions of similar color, by a watershed from a grid of seeds.

    :param image: (H, W, 3) uint8
    :return: (H, W) int, the number of each pixel's region
    """
    height, width = image.shape[:2]
    seeds = np.zeros((height, width), np.int32)
    rows, columns = (np.arange(SEED_STEP // 2, side, SEED_STEP) for side in (height, width))
    grid = np.arange(1, len(rows) * len(columns) + 1, dtype=np.int32)
    seeds[np.ix_(rows, columns)] = grid.reshape(len(rows), len(columns))
    regions = cv2.watershed(np.ascontiguousarray(image), seeds)
    # The watershed leaves lines of -1 between the regions: they go to a neighbor.
    return cv2.dilate(np.maximum(regions, 0).astype(np.float32), np.ones((3, 3))).astype(int)


def _accumulate(scores: np.ndarray, windows: _Windows, size: tuple[int, int]) -> np.ndarray:
    """Return the sum of the best scores in every pixel, (height, width) float32 in [0, 1]."""
    width, height = size
    best = np.argsort(scores)[-max(round(BEST_SHARE * len(scores)), 1) :]
    corners = np.zeros((height + 1, width + 1))
    for rows, columns, sign in (
        (windows.top, windows.left, 1),
        (windows.top, windows.right, -1),
        (windows.bottom, windows.left, -1),
        (windows.bottom, windows.right, 1),
    ):
        np.add.at(corners, (rows[best], columns[best]), sign * scores[best])
    return stretch_to_unit(corners.cumsum(0).cumsum(1)[:height, :width])
