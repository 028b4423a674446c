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

"""Tests of the cues and anchors of a clip, in memory and in files."""

import cv2
import numpy as np
import pytest

from surgseg_ros.data.image_files import write_image
from surgseg_ros.data.samples import DatasetError
from surgseg_ros.inference.crop import Region
from surgseg_ros.perception.cues import GENERAL_CUES
from surgseg_ros.training.label_free.clip import Clip
from surgseg_ros.training.label_free.clip_cues import combine_cues
from surgseg_ros.training.label_free.clip_cues import compute_cues
from surgseg_ros.training.label_free.clip_cues import read_anchors
from surgseg_ros.training.label_free.clip_cues import read_cues
from surgseg_ros.training.label_free.clip_cues import write_cues


@pytest.fixture
def clip():
    images = np.full((3, 32, 40, 3), (150, 50, 50), np.uint8)
    for index, image in enumerate(images):
        image[10:20, 5 + 5 * index : 15 + 5 * index] = 170
    region = Region(4, 2, 40, 32)
    return Clip('video', ('a', 'b', 'c'), images, (region,) * 3, ((50, 40),) * 3, 'fit', 3, ())


def test_cues_of_every_frame(clip):
    cues = compute_cues(clip, GENERAL_CUES)
    assert list(cues) == ['color', 'objectness', 'location']
    assert all(maps.shape == (3, 32, 40) and maps.dtype == np.uint8 for maps in cues.values())
    assert cues['color'][1, 15, 12] == 255
    assert cues['color'][1, 0, 0] == 0
    # The tool is at column 16 in two of three frames.
    assert cues['location'][0, 15, 16] == 170
    np.testing.assert_array_equal(cues['location'][0], cues['location'][2])


def test_a_subset_of_the_cues(clip):
    assert list(compute_cues(clip, ('location',))) == ['location']
    (prior,) = compute_cues(clip, ('location',), use_center_prior=True).values()
    assert prior[0].argmax() in (15 * 40 + 19, 15 * 40 + 20, 16 * 40 + 19, 16 * 40 + 20)


def test_anchors_are_products(clip):
    cues = compute_cues(clip, ('color', 'location'))
    anchors = combine_cues(cues)
    np.testing.assert_allclose(anchors.positive[0, 15, 6], 85 / 255, rtol=1e-3)
    np.testing.assert_allclose(anchors.negative[1, 15, 16], 0, atol=1e-3)
    assert anchors.negative[0, 0, 0] == 1
    smooth = combine_cues(cues, smoothing=4)
    assert 0 < smooth.positive[0, 9, 6] < smooth.positive[0, 15, 6]


def test_what_is_written_is_read(clip, tmp_path):
    cues = compute_cues(clip, ('color', 'location'))
    anchors = combine_cues(cues)
    write_cues(tmp_path, clip, cues, anchors)
    read = read_cues(tmp_path, clip, ('location', 'color'))
    assert list(read) == ['location', 'color']
    np.testing.assert_array_equal(read['color'], cues['color'])
    assert read_cues(tmp_path, clip, ('objectness',)) is None
    for ours, theirs in zip(read_anchors(tmp_path, clip), anchors, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=0.003)
    (tmp_path / 'anchors/neg/b.png').unlink()
    with pytest.raises(DatasetError, match='b.png is missing'):
        read_anchors(tmp_path, clip)


def test_released_layout_of_whole_frames_by_video(clip, tmp_path):
    """The authors' pictures are of the whole frame, in a folder a video."""
    picture = np.zeros((40, 50), np.uint8)
    picture[2 + 10, 4 + 20] = 255
    for name in ('pos', 'neg'):
        folder = tmp_path / 'anchors' / name / 'video'
        folder.mkdir(parents=True)
        for stem in clip.stems:
            write_image(folder / f'{stem}.png', picture)
    anchors = read_anchors(tmp_path, clip)
    assert anchors.positive.shape == (3, 32, 40)
    assert cv2.minMaxLoc(anchors.positive[2].astype(np.float32))[3] == (20, 10)


def test_a_folder_without_cues(clip, tmp_path):
    with pytest.raises(DatasetError, match='neither cues/<cue>.*--save-cues'):
        read_anchors(tmp_path, clip)
