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

"""The disparity of an instrument along its axis, from both eyes' silhouettes."""

from dataclasses import dataclass
from dataclasses import replace

import numpy as np

from surgseg_ros.perception.silhouette import Silhouette

MIN_ROWS = 6
"""Fewer edge points tell nothing."""
BLOCK_ROWS = 16
"""Rows of an edge that are taken together; the errors of nearer ones are alike."""
MIN_NOISE_PX = 0.15
"""Least standard deviation across an outline that is reckoned with."""
STRUCTURE_STD = 0.02
"""How far parts of an instrument lie off a common line, relative to their depth."""
SLOPE_PRIOR = 0.1
"""Standard deviation of the disparity's change along an instrument, px per px."""
ROUNDS = 10
SETTLED_PX = 0.01
"""The fit is done when no residual changes by more."""
OUTLIER_STD = 2.5
LEAST_WEIGHT = 1e-4
MAD_TO_STD = 1.4826
CHI_SQUARE_MEDIAN = 0.455


@dataclass(frozen=True)
class EdgeDisparities:
    """
    Disparity of blocks of an outline that both eyes see.

    :param along: (N,) position along the instrument's axis in the left image, px
    :param disparity: (N,) px
    :param variance: (N,) px^2, because of the outline's noise
    """

    along: np.ndarray
    disparity: np.ndarray
    variance: np.ndarray


@dataclass(frozen=True)
class DisparityLine:
    """
    Disparity as a linear function of the position along the axis.

    :param center: position where the two following are uncorrelated, px
    :param disparity: at the center, px
    :param slope: px per px
    :param variance: of the disparity at the center, px^2
    :param slope_variance: of the slope
    """

    center: float
    disparity: float
    slope: float
    variance: float
    slope_variance: float

    def at(self, along: np.ndarray | float) -> np.ndarray:
        """Return the disparity at positions (N,), (N,) px."""
        return np.asarray(self.disparity + self.slope * (np.asarray(along) - self.center))

    def variance_at(self, along: float) -> float:
        """Return the variance of the disparity at a position, px^2."""
        return self.variance + self.slope_variance * (along - self.center) ** 2


def compare_edges(
    left: Silhouette, right: Silhouette, direction: np.ndarray
) -> EdgeDisparities | None:
    """
    Return the disparity of the edges that both eyes see in the same rows.

    :param direction: (2,) unit vector of the instrument's axis in the left image
    :return: ``None`` if the eyes have too few rows in common
    """
    first, last = max(left.first_row, right.first_row), min(left.last_row, right.last_row)
    if last - first + 1 < MIN_ROWS:
        return None
    left_edges, left_slopes = left.rows(first, last)
    right_edges, right_slopes = right.rows(first, last)
    disparity = left_edges - right_edges
    # An error across the outline moves an edge that runs along the row much farther sideways.
    stretch = 1 + (left_slopes**2 + right_slopes**2) / 2
    usable = np.isfinite(disparity) & np.isfinite(stretch)
    if usable.sum() < MIN_ROWS:
        return None
    rows = np.broadcast_to(np.arange(last - first + 1), disparity.shape)
    along = left_edges * direction[0] + (rows + first) * direction[1]
    blocks_an_edge = (last - first) // BLOCK_ROWS + 1
    block = rows // BLOCK_ROWS + np.array([[0], [blocks_an_edge]])
    return _average_blocks(along[usable], disparity[usable], stretch[usable], block[usable])


def _average_blocks(
    along: np.ndarray, disparity: np.ndarray, stretch: np.ndarray, block: np.ndarray
) -> EdgeDisparities:
    """Average edge points (N,) with equal block numbers (N,)."""
    _, block, count = np.unique(block, return_inverse=True, return_counts=True)

    def average(values: np.ndarray) -> np.ndarray:
        return np.bincount(block, values) / count

    centers, means = average(along), average(disparity)
    arms, rises = along - centers[block], disparity - means[block]
    trend = average(arms * rises) / np.maximum(average(arms**2), 1e-9)
    left_over = (rises - trend[block] * arms) ** 2 / stretch
    noise = max(float(np.median(left_over)) / CHI_SQUARE_MEDIAN, MIN_NOISE_PX**2)
    return EdgeDisparities(centers, means, noise * average(stretch) / count)


def fit_line(edges: EdgeDisparities, focus: tuple[float, float] | None = None) -> DisparityLine:
    """
    Fit the disparity along an instrument, whatever some edges do.

    Weighted least squares with Tukey's weights. Besides noise, blocks lie off the line because
    an instrument is not straight: its jaws open towards the camera.

    :param focus: (position, standard deviation of the weights' bell) to fit a place, not the whole
    """
    structure = (STRUCTURE_STD * float(np.median(edges.disparity))) ** 2
    variance = edges.variance + structure
    weight = 1 / variance
    if focus is not None:
        position, reach = focus
        bell = np.exp(-(((edges.along - position) / reach) ** 2) / 2)
        weight = weight * np.maximum(bell, LEAST_WEIGHT)
    # A first guess that most edges agree with.
    residual = edges.disparity - _weighted_median(edges.disparity, weight)
    for _ in range(ROUNDS):
        before = residual
        robust = _tukey(residual / np.sqrt(variance), weight)
        line, residual = _solve(edges, weight * robust)
        if np.abs(residual - before).max() < SETTLED_PX:
            break
    misfit = float(np.average(residual**2 / variance, weights=weight * robust))
    scale = max(misfit, 1.0)
    return replace(
        line, variance=scale * line.variance, slope_variance=scale * line.slope_variance
    )


def _solve(edges: EdgeDisparities, weight: np.ndarray) -> tuple[DisparityLine, np.ndarray]:
    """Return the line for edges of the variance 1 / weight, and the residuals (N,)."""
    center = float(np.average(edges.along, weights=weight))
    arms = edges.along - center
    mean = float(np.average(edges.disparity, weights=weight))
    curvature = float((weight * arms**2).sum()) + 1 / SLOPE_PRIOR**2
    slope = float((weight * arms * (edges.disparity - mean)).sum()) / curvature
    line = DisparityLine(center, mean, slope, 1 / float(weight.sum()), 1 / curvature)
    return line, edges.disparity - line.at(edges.along)


def _tukey(normalized: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return Tukey's weights of normalized residuals (N,), nearly 0 for outliers."""
    scale = _weighted_median(np.abs(normalized), weight) * MAD_TO_STD
    limit = 2 * OUTLIER_STD * max(scale, 1.0)
    return np.maximum(1 - np.minimum(np.abs(normalized) / limit, 1.0) ** 2, LEAST_WEIGHT) ** 2


def _weighted_median(values: np.ndarray, weight: np.ndarray) -> float:
    order = np.argsort(values)
    cumulated = np.cumsum(weight[order])
    return float(values[order[np.searchsorted(cumulated, cumulated[-1] / 2)]])
