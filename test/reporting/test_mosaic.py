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

import numpy as np
import pytest

from surgseg_ros.data.label_sets import get_label_set
from surgseg_ros.reporting.frame_pairing import EyeFrame
from surgseg_ros.reporting.mosaic import CAPTION_HEIGHT
from surgseg_ros.reporting.mosaic import draw_mosaic
from surgseg_ros.reporting.mosaic import draw_pair
from surgseg_ros.reporting.mosaic import fit_into
from surgseg_ros.reporting.mosaic import frame_interest
from surgseg_ros.reporting.mosaic import MAX_CELL_WIDTH

LABELS = get_label_set('parts')


def eye_frame(level, prediction, truth, height=40, width=300):
    return EyeFrame(
        image=np.full((height, width, 3), level, np.uint8),
        prediction=np.full((height, width), prediction, np.uint8),
        truth=np.full((height, width), truth, np.uint8),
        overlay=np.full((height, width, 3), level + 50, np.uint8),
    )


def cell(mosaic, row, column, height=40, width=300):
    top = row * (height + CAPTION_HEIGHT) + CAPTION_HEIGHT
    return mosaic[top : top + height, column * width : (column + 1) * width]


def test_rows_are_eyes_and_columns_are_image_prediction_truth_overlay():
    frames = {'left': eye_frame(10, 1, 2), 'right': eye_frame(20, 3, 0)}
    mosaic = draw_mosaic(frames, LABELS, 'at 1.00 s')
    assert mosaic.shape == (2 * (40 + CAPTION_HEIGHT) + CAPTION_HEIGHT, 1200, 3)
    expected = [
        [(10, 10, 10), LABELS.colors[1], LABELS.colors[2], (60, 60, 60)],
        [(20, 20, 20), LABELS.colors[3], LABELS.colors[0], (70, 70, 70)],
    ]
    for row, colors in enumerate(expected):
        for column, color in enumerate(colors):
            assert (cell(mosaic, row, column) == color).all(), (row, column)


def test_captions_and_legend_are_written():
    mosaic = draw_mosaic({'left': eye_frame(10, 1, 2)}, LABELS, 'at 1.00 s')
    for column in range(4):
        caption = mosaic[:CAPTION_HEIGHT, column * 300 : (column + 1) * 300]
        assert caption.max() > 150
    legend = mosaic[-CAPTION_HEIGHT:]
    for color in LABELS.colors:
        assert (legend == color).all(axis=2).sum() >= 100


def test_large_images_are_shrunk_and_keep_their_shape():
    mosaic = draw_mosaic({'left': eye_frame(10, 1, 2, 1024, 1280)}, LABELS, '')
    assert mosaic.shape == (512 + 2 * CAPTION_HEIGHT, 4 * MAX_CELL_WIDTH, 3)


def test_a_pair_stands_side_by_side():
    pictures = {eye: np.full((40, 300, 3), level, np.uint8) for eye, level in (('l', 9), ('r', 7))}
    pair = draw_pair(pictures, '0.10 s')
    assert pair.shape == (40 + CAPTION_HEIGHT, 600, 3)
    assert (pair[CAPTION_HEIGHT:, :300] == 9).all()
    assert (pair[CAPTION_HEIGHT:, 300:] == 7).all()


def test_a_frame_with_all_classes_is_more_interesting_than_one_large_class():
    balanced = np.repeat(np.array([0, 1, 2, 3], np.uint8), 100)
    lopsided = np.repeat(np.array([1, 2, 3, 1], np.uint8), (396, 1, 1, 2))
    assert frame_interest([balanced], 4) > frame_interest([lopsided], 4)
    assert frame_interest([balanced, balanced], 4) > frame_interest([balanced], 4)


def test_unlabeled_pixels_are_not_interesting():
    nothing = np.full((5, 5), 255, np.uint8)
    assert frame_interest([nothing], 4) == pytest.approx(1.0)


def test_fit_into_keeps_aspect_ratio_and_class_ids():
    labels = np.zeros((10, 40), np.uint8)
    labels[:, 20:] = 3
    enlarged = fit_into(labels, (80, 80))
    assert enlarged.shape == (20, 80)
    assert set(np.unique(enlarged)) == {0, 3}
    assert fit_into(np.zeros((100, 50, 3), np.uint8), (80, 80)).shape == (80, 40, 3)
