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


"""Tests of the pictures of scenes."""

from pathlib import Path

import numpy as np

from surgseg_ros.data.label_sets import get_label_set
from surgseg_ros.data.scenes import Scene
from surgseg_ros.data.scenes import SceneFrame
from surgseg_ros.evaluation.real_frames.pictures import CELL
from surgseg_ros.evaluation.real_frames.pictures import choose_shown
from surgseg_ros.evaluation.real_frames.pictures import ScenePictures
from surgseg_ros.evaluation.real_frames.scores import SceneScorer
from surgseg_ros.reporting.mosaic import CAPTION_HEIGHT

MAGENTA = (255, 0, 170)
ROW = CAPTION_HEIGHT + CELL[1]


def scene(name, **keys):
    return Scene(name, Path(name), 'frames', **keys)


def add(pictures, described, *gray_levels, found=True):
    """Add images of CELL's size whose left half is labeled, and found or not."""
    scorer = SceneScorer(described)
    half = np.zeros(CELL[::-1], np.uint8)
    half[:, : CELL[0] // 2] = 1
    for index, level in enumerate(gray_levels):
        image = np.full((*half.shape, 3), level, np.uint8)
        frame = SceneFrame(f'f{index}', '', image, half if described.masks else None)
        labels = half * np.uint8(found)
        scores = scorer.add(frame, {'main': labels})
        pictures.add(described, (index, len(gray_levels)), frame, labels, scores)


def test_the_sheet_shows_evenly_spaced_images_of_every_scene():
    assert choose_shown(9) == {1, 4, 7}
    assert choose_shown(2) == {0, 1}
    pictures = ScenePictures(get_label_set('binary'), 'main')
    add(pictures, scene('a', masks='m'), *range(10, 100, 10))
    add(pictures, scene('b'), 150)
    sheet = pictures.contact_sheet()
    assert sheet.shape == (2 * ROW + CAPTION_HEIGHT, 2400, 3)
    corners = sheet[ROW - 10, 350::800]  # of images, right of what is labeled
    np.testing.assert_array_equal(corners, [[20] * 3, [50] * 3, [80] * 3])
    assert (sheet[2 * ROW - 10, 350] == 150).all()
    assert (sheet[2 * ROW - 10, 900:] == 0).all()
    overlay = sheet[CAPTION_HEIGHT:ROW, 400:800]
    assert (overlay == MAGENTA).all(axis=2)[:, 199].all()
    assert not (sheet[ROW + CAPTION_HEIGHT : 2 * ROW] == MAGENTA).all(axis=2).any()


def test_the_worst_are_failures_of_several_scenes():
    pictures = ScenePictures(get_label_set('parts'), 'main')
    add(pictures, scene('right', masks='m'), 10)
    assert pictures.worst(4) is None
    add(pictures, scene('rough', masks='m', labels='rough'), 20, found=False)
    assert pictures.worst(4) is None
    add(pictures, scene('wrong', masks='m'), 30, 40, 50, 60, 70, found=False)
    add(pictures, scene('empty', instruments=False), 90)
    sheet = pictures.worst(12)
    assert sheet.shape == (4 * ROW + CAPTION_HEIGHT, 1200, 3)
    levels = sheet[CAPTION_HEIGHT + 10 : 4 * ROW : ROW, 350, 0]
    assert levels.tolist() == [30, 40, 50, 90]
    # Truth without prediction in the first row, prediction without truth in the last.
    changed = [(sheet[y, x : x + 100] != sheet[y, 350, 0]).any() for y, x in
               ((200, 450), (200, 850), (3 * ROW + 200, 450), (3 * ROW + 200, 850))]  # fmt: skip
    assert changed == [True, False, False, True]
    assert pictures.worst(1).shape == (2 * ROW + CAPTION_HEIGHT, 1200, 3)
