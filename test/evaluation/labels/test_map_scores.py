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

"""Tests of thresholds and scores of probability maps."""

import numpy as np
import pytest

from surgseg_ros.evaluation.labels.map_scores import otsu_mask
from surgseg_ros.evaluation.labels.map_scores import otsu_threshold
from surgseg_ros.evaluation.labels.map_scores import score_adaptation
from surgseg_ros.evaluation.labels.map_scores import score_maps
from surgseg_ros.perception.anchors import Anchors

TRUTH = np.zeros((8, 8), np.uint8)
TRUTH[:, :4] = 2


def test_otsu_separates_the_values_of_faint_maps_too():
    for scale in (1.0, 0.01):
        values = scale * np.array([[0.1, 0.12, 0.8, 0.82]], np.float32)
        assert scale * 0.12 < otsu_threshold(values) < scale * 0.8
        np.testing.assert_array_equal(otsu_mask(values), [[False, False, True, True]])


def test_overlap_by_hand():
    # 16 of 32 pixels are found and 16 others: TP 16, FP 16, FN 16.
    prediction = np.zeros((8, 8), np.float32)
    prediction[:, 2:6] = 0.7
    dice, iou = score_maps([prediction], [TRUTH])
    assert dice == pytest.approx(0.5)
    assert iou == pytest.approx(1 / 3)
    assert score_maps([prediction], [TRUTH], threshold=0.8).dice == 0


def test_scores_are_means_over_images():
    perfect = (TRUTH > 0).astype(np.float32)
    scores = score_maps([perfect, 1 - perfect], [TRUTH, TRUTH], 0.5)
    assert scores == (0.5, 0.5)


def test_images_without_instruments():
    nothing, everything = np.zeros((8, 8), np.float32), np.ones((8, 8), np.float32)
    empty = np.zeros_like(TRUTH)
    assert score_maps([nothing], [empty], 0.5).dice == 1
    assert score_maps([everything], [empty], 0.5).dice == 0


def test_anchors_and_prediction_are_scored_at_the_size_of_the_truth():
    small = np.array([[[0.3, 0.3, 0.0, 0.0]] * 4])
    scores = score_adaptation(Anchors(small, 0.9 - small), small[..., ::-1], [TRUTH])
    assert scores.positive.dice == pytest.approx(1)
    assert scores.inverted_negative.dice == pytest.approx(1)
    assert scores.prediction.dice == 0
