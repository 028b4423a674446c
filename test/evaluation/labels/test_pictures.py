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


"""Tests of the pictures of scores."""

import numpy as np

from surgseg_ros.data.label_sets import get_label_set
from surgseg_ros.evaluation.labels.pictures import draw_confusion_matrix
from surgseg_ros.evaluation.labels.pictures import draw_worst_frames
from surgseg_ros.evaluation.labels.pictures import ShownFrame
from surgseg_ros.evaluation.labels.scores import LabeledFrame
from surgseg_ros.reporting.mosaic import CAPTION_HEIGHT


def darkness_of_cells(picture: np.ndarray, count: int) -> list[list[int]]:
    """Return how far from white the most frequent color of every cell is."""
    body = 255 - picture[76:-20].max(axis=2)
    right = body.shape[1] - 20
    cells = [
        np.hsplit(row[:, right - 110 * count : right], count) for row in np.vsplit(body, count)
    ]
    return [[int(np.bincount(cell.ravel()).argmax()) for cell in row] for row in cells]


def test_cells_are_as_dark_as_their_share():
    confusion = np.array([[90, 10], [30, 10]])
    picture = draw_confusion_matrix(confusion, get_label_set('binary'))
    (top, bottom) = darkness_of_cells(picture, 2)
    assert top[0] > bottom[0] > bottom[1] > top[1] > 0


def test_a_class_without_pixels_stays_white():
    confusion = np.zeros((4, 4), np.int64)
    confusion[0, 0] = 5
    darkness = darkness_of_cells(draw_confusion_matrix(confusion, get_label_set('parts')), 4)
    assert darkness[0][0] > 50
    assert np.sum(darkness) == darkness[0][0]


def test_the_sheet_shows_image_truth_and_prediction():
    image = np.full((50, 200, 3), 120, np.uint8)
    truth = np.zeros((50, 200), np.uint8)
    truth[:, :100] = 1
    prediction = np.zeros((50, 200), np.uint8)
    prediction[:, 100:] = 1
    shown = [
        ShownFrame(LabeledFrame('v', 'f', truth, prediction), 0.0, image),
        ShownFrame(LabeledFrame('v', 'g', truth, None), 0.0, image[:, :, ::-1]),
    ]
    sheet = draw_worst_frames(shown, get_label_set('binary'))
    assert sheet.shape == (2 * (CAPTION_HEIGHT + 50) + CAPTION_HEIGHT, 600, 3)
    first = sheet[CAPTION_HEIGHT + 5 : CAPTION_HEIGHT + 45]
    untouched = [(first[:, x : x + 80] == 120).all() for x in (10, 110, 210, 310, 410, 510)]
    assert untouched == [True, True, False, True, True, False]
    second = sheet[2 * CAPTION_HEIGHT + 55 : 2 * CAPTION_HEIGHT + 95]
    assert (second[:, 405:595] == 120).all()


def test_frames_of_different_widths_fit_on_a_sheet():
    shown = [
        ShownFrame(LabeledFrame('v', 'f', labels, labels), 1.0, np.zeros((*labels.shape, 3), 'u1'))
        for labels in (np.zeros((10, 90), np.uint8), np.zeros((10, 60), np.uint8))
    ]
    assert draw_worst_frames(shown, get_label_set('parts')).shape[1] == 270
