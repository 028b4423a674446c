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

from itertools import combinations
from typing import TYPE_CHECKING

from matplotlib.backends.backend_agg import FigureCanvasAgg
import numpy as np
import pytest

from surgseg_ros.data.label_sets import get_label_set
from surgseg_ros.evaluation.labels.pictures import draw_confusion_matrix
from surgseg_ros.evaluation.labels.pictures import draw_worst_frames
from surgseg_ros.evaluation.labels.pictures import ShownFrame
from surgseg_ros.evaluation.labels.scores import LabeledFrame
from surgseg_ros.reporting.mosaic import CAPTION_HEIGHT

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def darkness_of_cells(figure: 'Figure', count: int) -> np.ndarray:
    """Return how far from white the cells are drawn, (count, count), a row a true class."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = 255 - np.asarray(canvas.buffer_rgba())[..., :3].max(axis=2).astype(int)
    # A tenth into the cell, away from its text.
    places = [(column + 0.1, row + 0.1) for row in range(count) for column in range(count)]
    x, y = np.rint(figure.axes[0].transData.transform(places)).astype(int).T
    return pixels[len(pixels) - y, x].reshape(count, count)


def texts_of_cells(figure: 'Figure', count: int) -> list[list[str]]:
    texts = [text.get_text() for text in figure.axes[0].texts]
    return [texts[row * count : (row + 1) * count] for row in range(count)]


def test_cells_are_as_dark_as_their_share():
    confusion = np.array([[90, 10], [30, 10]])
    figure = draw_confusion_matrix(confusion, get_label_set('binary'))
    top, bottom = darkness_of_cells(figure, 2)
    assert top[0] > bottom[0] > bottom[1] > top[1] > 0
    assert texts_of_cells(figure, 2) == [
        ['90.0 %\n90', '10.0 %\n10'],
        ['75.0 %\n30', '25.0 %\n10'],
    ]


def test_rows_are_the_truth_and_columns_the_prediction():
    figure = draw_confusion_matrix(np.eye(4, dtype=int), get_label_set('parts'))
    axes, scale = figure.axes
    assert (axes.get_ylabel(), axes.get_xlabel()) == ('true class', 'predicted class')
    assert scale.get_ylabel() == 'share of the true class [%]'
    names = ['background', 'shaft', 'wrist', 'clasper']
    assert [label.get_text() for label in axes.get_yticklabels()] == names
    assert [label.get_text() for label in axes.get_xticklabels()] == names


@pytest.mark.parametrize('task', ['binary', 'types'])
def test_names_do_not_overlap(task):
    label_set = get_label_set(task)
    count = len(label_set.class_names)
    figure = draw_confusion_matrix(np.full((count, count), 9_999_999), label_set)
    FigureCanvasAgg(figure).draw()
    axes = figure.axes[0]
    texts = [text.get_window_extent() for text in axes.texts]
    assert not any(one.overlaps(other) for one, other in combinations(texts, 2))
    names = [*axes.get_yticklabels(), axes.yaxis.label, figure.axes[1].yaxis.label]
    areas = [name.get_window_extent() for name in names]
    assert not any(one.overlaps(other) for one, other in combinations(areas, 2))
    assert all(figure.bbox.containsx(x) for area in areas for x in area.intervalx)
    assert all(figure.bbox.containsy(y) for area in areas for y in area.intervaly)


def test_a_class_without_pixels_stays_white():
    confusion = np.zeros((4, 4), np.int64)
    confusion[0, 0] = 5
    figure = draw_confusion_matrix(confusion, get_label_set('parts'))
    darkness = darkness_of_cells(figure, 4)
    assert darkness[0][0] > 50
    assert np.sum(darkness) == darkness[0][0]
    assert texts_of_cells(figure, 4)[1] == ['-'] * 4


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
