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

"""Tests of the metrics against values computed by hand."""

import numpy as np
import pytest

from surgseg_ros.evaluation.labels.metrics import binary_confusion
from surgseg_ros.evaluation.labels.metrics import confusion_matrix
from surgseg_ros.evaluation.labels.metrics import dice_per_class


def test_hand_calculated_example():
    truth = np.array([[0, 0, 1, 1], [2, 2, 2, 255]], np.uint8)
    prediction = np.array([[0, 1, 1, 2], [2, 2, 0, 1]], np.uint8)
    matrix = confusion_matrix(truth, prediction, 3)
    np.testing.assert_array_equal(matrix, [[1, 1, 0], [0, 1, 1], [1, 0, 2]])
    np.testing.assert_allclose(dice_per_class(matrix), [2 / 4, 2 / 4, 4 / 6])
    np.testing.assert_array_equal(binary_confusion(matrix), [[1, 1], [1, 4]])


def test_absent_class_is_not_a_number():
    matrix = confusion_matrix(np.zeros(4, np.uint8), np.zeros(4, np.uint8), 2)
    assert dice_per_class(matrix)[0] == 1.0
    assert np.isnan(dice_per_class(matrix)[1])


def test_counts_stay_exact_over_many_frames():
    """Float32 sums stop counting at 2^24; two frames of 2^24 pixels must add up."""
    frame = np.ones(2**24 + 1, np.uint8)
    total = confusion_matrix(frame, frame, 2) + confusion_matrix(frame, frame, 2)
    assert total[1, 1] == 2 * (2**24 + 1)


def test_misfits_are_refused():
    with pytest.raises(ValueError, match='truth is'):
        confusion_matrix(np.zeros((2, 2), np.uint8), np.zeros((2, 3), np.uint8), 2)
    with pytest.raises(ValueError, match='predicted class 7'):
        confusion_matrix(np.zeros(2, np.uint8), np.array([0, 7], np.uint8), 2)
