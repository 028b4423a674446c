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

"""Tests of clips and the ground truth of their frames."""

import numpy as np
import pytest
from small_videos import write_video

from surgseg_ros.data.frame_source import FrameSource
from surgseg_ros.data.frame_source import FrameSourceError
from surgseg_ros.data.image_files import write_image
from surgseg_ros.data.samples import DatasetError
from surgseg_ros.inference.crop import parse_crop
from surgseg_ros.training.label_free.clip import load_clip
from surgseg_ros.training.label_free.clip import read_truth


def write_frames(folder, sizes):
    folder.mkdir()
    for index, (width, height) in enumerate(sizes):
        write_image(folder / f'f{index}.png', np.full((height, width, 3), index, np.uint8))
    return FrameSource(folder)


def test_evenly_spaced_frames_at_the_size_of_inference(tmp_path):
    clip = load_clip(write_frames(tmp_path / 'a', [(128, 96)] * 7), (64, 64), 3, 32)
    assert clip.stems == ('f0', 'f3', 'f6')
    assert [int(image.max()) for image in clip.images] == [0, 3, 6]
    assert clip.size == (64, 64)
    assert clip.resize == 'fit'


def test_frames_of_different_sizes_are_stretched(tmp_path):
    clip = load_clip(write_frames(tmp_path / 'a', [(128, 96), (64, 128)]), (96, 64), 9, 32)
    assert clip.images.shape == (2, 64, 96, 3)
    assert clip.resize == 'stretch'
    assert clip.frame_sizes == ((128, 96), (64, 128))


def test_damaged_frames_are_left_out(tmp_path):
    source = write_frames(tmp_path / 'a', [(32, 32)] * 2)
    (tmp_path / 'a' / 'f0.png').write_bytes(b'no image')
    clip = load_clip(source, (32, 32), 9, 32)
    assert clip.stems == ('f1',)
    assert clip.read == 2
    assert clip.unreadable == ('f0',)
    (tmp_path / 'a' / 'f1.png').write_bytes(b'no image')
    with pytest.raises(FrameSourceError, match='no frame that can be decoded'):
        load_clip(source, (32, 32), 9, 32)


def test_a_video_that_tells_no_length_is_thinned_while_it_is_read(tmp_path):
    path = write_video(tmp_path / 'live.webm', range(11), codec='libvpx', container={'live': '1'})
    clip = load_clip(FrameSource(path), (64, 64), 4, 32)
    assert clip.stems == ('live_000000', 'live_000004', 'live_000008')
    assert clip.read == 11


def test_truth_is_cut_as_the_frame_is(tmp_path):
    source = write_frames(tmp_path / 'a', [(64, 48)])
    clip = load_clip(source, (32, 32), 9, 32, parse_crop('16,8,32,32'))
    labels = np.zeros((48, 64), np.uint8)
    labels[8, 16] = 3
    write_image(tmp_path / 'f0.png', labels)
    truth = read_truth(tmp_path, clip, 0)
    assert truth.shape == (32, 32)
    assert truth[0, 0] == 3
    write_image(tmp_path / 'f0.png', labels[:, :32])
    with pytest.raises(DatasetError, match='is 32x48, its frame 64x48'):
        read_truth(tmp_path, clip, 0)
    (tmp_path / 'f0.png').unlink()
    with pytest.raises(DatasetError, match='f0.png is missing'):
        read_truth(tmp_path, clip, 0)
