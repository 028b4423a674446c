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


"""Tests of distances of outlines against other libraries and by hand."""

import cv2
import numpy as np
import pytest
from scipy.spatial.distance import directed_hausdorff
from surface_distance import compute_robust_hausdorff
from surface_distance import compute_surface_distances
import torch

from surgseg_ros.evaluation.labels.surface_metrics import count_one_sided
from surgseg_ros.evaluation.labels.surface_metrics import hausdorff_rows
from surgseg_ros.evaluation.labels.surface_metrics import mean_finite
from surgseg_ros.evaluation.labels.surface_metrics import surface_distances
from surgseg_ros.evaluation.labels.surface_metrics import SurfaceDistances
from surgseg_ros.evaluation.labels.surface_metrics import TOLERANCE_PX


def rectangle(left: int, top: int, right: int, bottom: int) -> np.ndarray:
    labels = np.zeros((60, 80), np.uint8)
    labels[top:bottom, left:right] = 1
    return labels


def blob(seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    labels = np.zeros((60, 80), np.uint8)
    for _ in range(3):
        center = tuple(random.integers((10, 10), (70, 50)).tolist())
        axes = tuple(random.integers(3, 25, 2).tolist())
        cv2.ellipse(labels, center, axes, int(random.integers(180)), 0, 360, 1, -1)
    return labels


def outline_points(mask: np.ndarray) -> np.ndarray:
    """Return the pixels that a cross-shaped erosion takes away."""
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    inside = cv2.erode(mask, cross, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return np.argwhere(mask != inside)


def nearest(points: np.ndarray, others: np.ndarray) -> np.ndarray:
    return np.sqrt(((points[:, None] - others[None]) ** 2).sum(axis=2).min(axis=1))


def measure(truth: np.ndarray, prediction: np.ndarray) -> tuple[float, float, float]:
    found = surface_distances(truth, prediction, 2)
    return found.hausdorff[0], found.hausdorff_95[0], found.nsd[0]


@pytest.mark.parametrize('seed', range(6))
def test_outlines_point_by_point(seed):
    truth, prediction = blob(seed), blob(seed + 100)
    there, back = (outline_points(mask) for mask in (prediction, truth))
    ways = nearest(there, back), nearest(back, there)
    near = np.concatenate(ways) <= TOLERANCE_PX
    hausdorff, hausdorff_95, nsd = measure(truth, prediction)
    assert hausdorff == pytest.approx(
        max(directed_hausdorff(there, back)[0], directed_hausdorff(back, there)[0]), abs=1e-5
    )
    assert hausdorff_95 == pytest.approx(
        max(np.quantile(distances, 0.95) for distances in ways), abs=1e-5
    )
    assert nsd == pytest.approx(near.mean(), abs=1e-6)


@pytest.mark.filterwarnings('ignore::DeprecationWarning')
@pytest.mark.parametrize('shift', [(5, 0), (0, 7), (3, 4)])
def test_a_shift_as_surface_distance_measures_it(shift):
    x, y = shift
    truth, prediction = rectangle(20, 20, 40, 35), rectangle(20 + x, 20 + y, 40 + x, 35 + y)
    distances = compute_surface_distances(truth > 0, prediction > 0, (1, 1))
    hausdorff, _, nsd = measure(truth, prediction)
    assert hausdorff == pytest.approx(compute_robust_hausdorff(distances, 100))
    assert hausdorff == pytest.approx(np.hypot(x, y))
    assert nsd == 1.0


@pytest.mark.filterwarnings('ignore::FutureWarning')
def test_normalized_surface_distance_as_the_challenge_computes_it():
    from monai.metrics import compute_surface_dice

    truth, prediction = blob(3), blob(103)
    hot = [
        torch.nn.functional.one_hot(torch.from_numpy(labels).long(), 2).permute(2, 0, 1)[None]
        for labels in (prediction, truth)
    ]
    expected = compute_surface_dice(*hot, class_thresholds=[TOLERANCE_PX])
    assert measure(truth, prediction)[2] == pytest.approx(float(expected), abs=1e-6)


@pytest.mark.parametrize(
    ('truth', 'prediction', 'expected'),
    [
        (rectangle(5, 5, 9, 9), np.zeros((60, 80), np.uint8), (np.inf, np.inf, 0)),
        (np.zeros((60, 80), np.uint8), rectangle(5, 5, 9, 9), (np.inf, np.inf, 0)),
        (np.zeros((60, 80), np.uint8), np.zeros((60, 80), np.uint8), (np.nan, np.nan, 1)),
        (rectangle(0, 0, 80, 60), rectangle(0, 0, 80, 60), (0, 0, 1)),
    ],
)
def test_what_is_empty_or_full(truth, prediction, expected):
    np.testing.assert_array_equal(measure(truth, prediction), expected)


def test_ignored_pixels_have_no_outline():
    truth, prediction = rectangle(10, 10, 30, 30), rectangle(10, 10, 30, 30)
    prediction[40:50, 40:50] = 1
    assert measure(truth, prediction)[0] > 10
    truth[40:50, 40:50] = 255
    assert measure(truth, prediction)[0] == 0


def test_infinite_distances_are_counted_not_averaged():
    distances = np.array([[2.0, np.inf], [4.0, np.nan], [np.inf, np.inf]])
    np.testing.assert_array_equal(mean_finite(distances), [3.0, np.nan])
    np.testing.assert_array_equal(count_one_sided(distances), [1, 2])


@pytest.mark.parametrize('seed', range(4))
def test_rows_as_in_the_code_of_islam2019(seed):
    truth, prediction = blob(seed), blob(seed + 100)
    expected = directed_hausdorff(prediction, truth)[0]
    assert hausdorff_rows(truth > 0, prediction > 0) == pytest.approx(expected, abs=1e-5)


def test_rows_do_not_see_a_vertical_shift():
    truth, prediction = rectangle(20, 10, 40, 30), rectangle(20, 25, 40, 45)
    assert hausdorff_rows(truth > 0, prediction > 0) == 0
    assert measure(truth, prediction)[0] == 15


def test_rows_need_the_class_in_the_truth_only():
    empty, filled = np.zeros((60, 80), np.uint8), rectangle(20, 10, 40, 30)
    assert np.isnan(surface_distances(empty, filled, 2).hausdorff_rows[0])
    assert surface_distances(filled, empty, 2).hausdorff_rows[0] == 0  # of an empty row


def test_stacks_and_missing_predictions():
    empty = np.zeros((60, 80), np.uint8)
    frame = surface_distances(empty, empty, 3)
    assert frame.nsd.tolist() == [1, 1]
    stacked = SurfaceDistances.stack([frame, frame.without_prediction()])
    assert stacked.nsd.tolist() == [[1, 1], [0, 0]]
    assert stacked.select(np.array([False, True])).nsd.tolist() == [[0, 0]]
