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

"""Tests of reading frames from images, folders and videos."""

import cv2
import numpy as np
import pytest

from surgseg_ros.data.frame_source import FrameSource
from surgseg_ros.data.frame_source import FrameSourceError
from surgseg_ros.data.image_files import write_image
from surgseg_ros.decoding.image_files import read_image


def _image(red):
    image = np.zeros((32, 48, 3), np.uint8)
    image[..., 0] = red
    return image


def _write_clip(path):
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*'MJPG'), 12.5, (48, 32))
    for red in (0, 100, 200):
        writer.write(_image(red)[..., ::-1])
    writer.release()
    return path


def test_folder_in_natural_order_and_rgb(tmp_path):
    for index in (10, 2, 1):
        write_image(tmp_path / f'frame{index}.png', _image(index))
    (tmp_path / 'notes.txt').write_text('not an image')
    source = FrameSource(tmp_path)
    frames = list(source)
    assert [frame.stem for frame in frames] == ['frame1', 'frame2', 'frame10']
    assert [int(frame.image[0, 0, 0]) for frame in frames] == [1, 2, 10]
    assert frames[0].image[0, 0, 2] == 0
    assert len(source) == 3
    assert source.rate_hz is None


def test_single_image(tmp_path):
    write_image(tmp_path / 'one.png', _image(7))
    (frame,) = FrameSource(tmp_path / 'one.png')
    np.testing.assert_array_equal(frame.image, _image(7))


def test_video(tmp_path):
    source = FrameSource(_write_clip(tmp_path / 'clip.avi'))
    frames = list(source)
    assert [frame.stem for frame in frames] == ['clip_000000', 'clip_000001', 'clip_000002']
    np.testing.assert_allclose([f.image[..., 0].mean() for f in frames], [0, 100, 200], atol=5)
    assert len(source) == 3
    assert source.rate_hz == pytest.approx(12.5)
    assert [frame.stem for frame in source] == [frame.stem for frame in frames]


def test_stems_are_known_without_reading_a_frame(tmp_path):
    for index in (10, 2):
        (tmp_path / f'frame{index}.png').write_bytes(b'no image')
    assert FrameSource(tmp_path).stems == ['frame2', 'frame10']
    assert FrameSource(tmp_path / 'frame2.png').stems == ['frame2']


def test_stems_of_a_video_are_those_of_its_frames(tmp_path):
    source = FrameSource(_write_clip(tmp_path / 'clip.avi'))
    assert source.stems == ['clip_000000', 'clip_000001', 'clip_000002']
    assert source.stems == [frame.stem for frame in source]


def test_damaged_image_is_a_frame_without_pixels(tmp_path):
    (tmp_path / 'a.png').write_bytes(b'no image')
    (frame,) = FrameSource(tmp_path)
    assert frame.stem == 'a'
    assert frame.image is None


def test_errors_name_the_path_and_the_remedy(tmp_path):
    with pytest.raises(FrameSourceError, match='missing does not exist'):
        FrameSource(tmp_path / 'missing')
    with pytest.raises(FrameSourceError, match='holds no images'):
        FrameSource(tmp_path)
    (tmp_path / 'text.mp4').write_text('no video')
    with pytest.raises(FrameSourceError, match='convert it'):
        FrameSource(tmp_path / 'text.mp4')
    write_image(tmp_path / 'a.png', _image(1))
    write_image(tmp_path / 'a.jpg', _image(1))
    with pytest.raises(FrameSourceError, match="2 images named 'a'"):
        FrameSource(tmp_path)


def test_images_are_rgb_on_both_ways(tmp_path):
    image = _image(9)
    write_image(tmp_path / 'a.png', image)
    np.testing.assert_array_equal(read_image(tmp_path / 'a.png'), image)
    with pytest.raises(OSError, match='could not write'):
        write_image(tmp_path / 'no_folder' / 'a.png', image)
