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
from small_videos import cut_off
from small_videos import write_video

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
    assert source.expected_length == 3
    assert source.rate_hz is None
    assert not source.is_timed
    assert {frame.time_ns for frame in frames} == {None}


def test_single_image(tmp_path):
    write_image(tmp_path / 'one.png', _image(7))
    (frame,) = FrameSource(tmp_path / 'one.png')
    np.testing.assert_array_equal(frame.image, _image(7))


def test_video(tmp_path):
    source = FrameSource(_write_clip(tmp_path / 'clip.avi'))
    frames = list(source)
    assert [frame.stem for frame in frames] == ['clip_000000', 'clip_000001', 'clip_000002']
    np.testing.assert_allclose([f.image[..., 0].mean() for f in frames], [0, 100, 200], atol=5)
    assert [frame.time_ns for frame in frames] == [0, 80_000_000, 160_000_000]
    assert source.expected_length == 3
    assert source.rate_hz == pytest.approx(12.5)
    assert source.is_timed
    assert source.loss is None
    assert [frame.stem for frame in source] == [frame.stem for frame in frames]


def test_stems_are_known_without_reading_a_frame(tmp_path):
    for index in (10, 2):
        (tmp_path / f'frame{index}.png').write_bytes(b'no image')
    assert FrameSource(tmp_path).stems == ['frame2', 'frame10']
    assert FrameSource(tmp_path / 'frame2.png').stems == ['frame2']


def test_a_video_has_no_names_before_it_is_read(tmp_path):
    assert FrameSource(_write_clip(tmp_path / 'clip.avi')).stems == []


def test_the_loss_of_a_video_is_told_behind_its_last_frame(tmp_path):
    path = write_video(tmp_path / 'clip.mp4', range(20), container={'movflags': 'faststart'})
    source = FrameSource(cut_off(path, 0.7))
    count = len(list(source))
    assert source.loss.missing == 20 - count > 0
    assert len(list(source)) == count


def test_names_with_a_dot_are_passed_over_and_suffixes_have_any_case(tmp_path):
    for name in ('a.PNG', 'b.png'):
        write_image(tmp_path / name, _image(3))
    (tmp_path / '._a.PNG').write_bytes(b'metadata of macOS')
    (tmp_path / '.c.png').write_bytes(b'hidden')
    frames = list(FrameSource(tmp_path))
    assert [frame.stem for frame in frames] == ['a', 'b']
    assert all(frame.image is not None for frame in frames)


def test_every_page_of_a_file_comes(tmp_path):
    pages = [_image(red) for red in (10, 20, 30)]
    cv2.imwritemulti(str(tmp_path / 'stack.tif'), [page[..., ::-1] for page in pages])
    source = FrameSource(tmp_path / 'stack.tif')
    assert source.stems == ['stack_000000', 'stack_000001', 'stack_000002']
    frames = list(source)
    assert [frame.stem for frame in frames] == source.stems
    assert [int(frame.image[0, 0, 0]) for frame in frames] == [10, 20, 30]
    (second,) = source.select(['stack_000001'])
    assert second.image[0, 0, 0] == 20


def test_a_file_of_several_pages_in_a_folder_is_refused_with_their_number(tmp_path):
    write_image(tmp_path / 'a.png', _image(1))
    cv2.imwritemulti(str(tmp_path / 'stack.tif'), [_image(red) for red in (10, 20, 30)])
    with pytest.raises(FrameSourceError, match=r'stack\.tif has 3 pages, one is expected'):
        FrameSource(tmp_path)


def test_images_by_name_in_any_order(tmp_path):
    for index in (10, 2, 1):
        write_image(tmp_path / f'f{index}.png', _image(index))
    frames = FrameSource(tmp_path).select(['f10', 'f1'])
    assert [int(frame.image[0, 0, 0]) for frame in frames] == [10, 1]


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
    (tmp_path / 'a.jpg').rename(tmp_path / 'A.png')
    with pytest.raises(FrameSourceError, match='differ in suffix or case only'):
        FrameSource(tmp_path)


def test_images_are_rgb_on_both_ways(tmp_path):
    image = _image(9)
    write_image(tmp_path / 'a.png', image)
    np.testing.assert_array_equal(read_image(tmp_path / 'a.png'), image)
    with pytest.raises(OSError, match='could not write'):
        write_image(tmp_path / 'no_folder' / 'a.png', image)
