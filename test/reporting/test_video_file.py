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

import av
import cv2
import numpy as np
import pytest

from surgseg_ros.reporting.video_file import VideoFile
from surgseg_ros.reporting.video_file import VideoFileError

SECOND_NS = 10**9
LEVEL_TOLERANCE = 5


def read_levels(path):
    """Return the mean gray level of every frame and the frame rate."""
    capture = cv2.VideoCapture(str(path))
    levels = []
    while (result := capture.read())[0]:
        levels.append(result[1].mean())
    return np.array(levels), capture.get(cv2.CAP_PROP_FPS)


def gray(level, height=64, width=96):
    return np.full((height, width, 3), level, np.uint8)


def test_every_frame_is_read_back_in_order(tmp_path):
    path = tmp_path / 'video.mp4'
    video = VideoFile(path, 10)
    for index in range(5):
        video.write(gray(40 * index + 20), index * SECOND_NS // 10)
    video.close()
    levels, rate = read_levels(path)
    assert rate == pytest.approx(10.0)
    np.testing.assert_allclose(levels, [20, 60, 100, 140, 180], atol=LEVEL_TOLERANCE)


def test_a_late_frame_leaves_the_one_before_standing_and_a_hasty_one_is_left_out(tmp_path):
    path = tmp_path / 'video.mp4'
    video = VideoFile(path, 10)
    for time_s, level in ((0.0, 20), (0.41, 200), (0.43, 100), (0.5, 60)):
        video.write(gray(level), int(time_s * SECOND_NS))
    video.close()
    levels, _ = read_levels(path)
    np.testing.assert_allclose(levels, [20, 20, 20, 20, 200, 60], atol=LEVEL_TOLERANCE)


def test_odd_sizes_are_cut_to_even_ones(tmp_path):
    path = tmp_path / 'video.mp4'
    video = VideoFile(path, 5)
    video.write(gray(90, 65, 97), 0)
    video.close()
    capture = cv2.VideoCapture(str(path))
    assert capture.read()[1].shape == (64, 96, 3)


def test_h264_in_yuv420p_which_browsers_play(tmp_path):
    path = tmp_path / 'video.mp4'
    video = VideoFile(path, 5)
    video.write(gray(90), 0)
    video.close()
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt) == ('h264', 'yuv420p')


def test_a_file_that_cannot_be_written_is_named(tmp_path):
    path = tmp_path / 'missing' / 'video.mp4'
    video = VideoFile(path, 5)
    with pytest.raises(VideoFileError, match=r'video\.mp4'):
        write_and_close(video)


def write_and_close(video):
    for index in range(2):
        video.write(gray(90), index * SECOND_NS // 5)
    video.close()


def test_a_video_without_frames_leaves_no_file(tmp_path):
    VideoFile(tmp_path / 'video.mp4', 5).close()
    assert not list(tmp_path.iterdir())


def test_what_was_encoded_before_an_interruption_plays(tmp_path):
    path = tmp_path / 'video.mp4'
    video = VideoFile(path, 5)
    noise = np.random.default_rng(1)
    for index in range(600):
        frame = noise.integers(0, 255, (32, 32, 3), np.uint8)
        video.write(frame, index * SECOND_NS // 5)
    levels, _ = read_levels(path)
    assert len(levels) >= 250
    video.close()
