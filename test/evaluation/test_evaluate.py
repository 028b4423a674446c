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

"""Tests of scoring folders of label images."""

import cv2
import numpy as np
import pytest

from surgseg_ros.evaluation.evaluate import evaluate
from surgseg_ros.evaluation.evaluate import EvaluationError


@pytest.fixture
def folders(tmp_path):
    truth, prediction = tmp_path / 'truth', tmp_path / 'prediction'
    truth.mkdir()
    prediction.mkdir()
    return truth, prediction


def _write(folder, name, values):
    cv2.imwrite(str(folder / f'{name}.png'), np.array(values, np.uint8))


def test_parts_pooled_and_per_image(folders):
    truth, prediction = folders
    _write(truth, 'a', [[1, 1, 2, 0]])
    _write(prediction, 'a', [[1, 2, 2, 0]])
    _write(truth, 'b', [[0, 0, 0, 1]])
    _write(prediction, 'b', [[0, 0, 0, 1]])
    result = evaluate(prediction, truth, 'parts')
    assert result['frames'] == 2
    assert result['dice']['shaft'] == pytest.approx(4 / 5)
    assert result['dice']['wrist'] == pytest.approx(2 / 3, abs=1e-4)
    assert result['dice']['clasper'] is None
    assert result['dice']['binary'] == 1.0
    assert result['dice']['mean'] == pytest.approx((4 / 5 + 2 / 3) / 2, abs=1e-4)
    assert result['dice_per_image']['shaft'] == pytest.approx((2 / 3 + 1) / 2, abs=1e-4)


def test_binary_accepts_predictions_of_any_task(folders):
    truth, prediction = folders
    _write(truth, 'a', [[255, 255, 0, 0]])
    _write(truth, 'b', [[1, 1, 0, 0]])
    _write(prediction, 'a', [[3, 2, 0, 0]])
    _write(prediction, 'b', [[3, 2, 1, 0]])
    dice = evaluate(prediction, truth, 'binary')['dice']
    assert dice == {'instrument': pytest.approx(0.8)}


def test_ignored_pixels_do_not_count(folders, tmp_path):
    truth, prediction = folders
    ignore = tmp_path / 'other'
    ignore.mkdir()
    _write(truth, 'a', [[1, 1, 0, 0]])
    _write(prediction, 'a', [[1, 1, 1, 0]])
    _write(ignore, 'a', [[0, 0, 1, 0]])
    assert evaluate(prediction, truth, 'binary')['dice']['instrument'] == pytest.approx(0.8)
    assert evaluate(prediction, truth, 'binary', ignore)['dice']['instrument'] == 1.0


def test_errors_name_the_file(folders):
    truth, prediction = folders
    with pytest.raises(EvaluationError, match='holds no label images'):
        evaluate(prediction, truth, 'parts')
    _write(truth, 'a', [[1, 1]])
    with pytest.raises(EvaluationError, match=r'a\.png has no prediction'):
        evaluate(prediction, truth, 'parts')
    _write(prediction, 'a', [[1, 1, 1]])
    with pytest.raises(EvaluationError, match='is 3x1 but its ground truth is 2x1'):
        evaluate(prediction, truth, 'parts')
    _write(prediction, 'a', [[1, 9]])
    with pytest.raises(EvaluationError, match=r"a: predicted class 9.*is the task 'parts' right"):
        evaluate(prediction, truth, 'parts')
