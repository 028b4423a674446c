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

import threading

import cv2
import numpy as np
import pytest
from small_videos import cut_off
from small_videos import write_video

from surgseg_ros.data.frame_source import FrameSourceError
from surgseg_ros.nodes.cameras.recordings import EndOfRecording
from surgseg_ros.nodes.cameras.recordings import play
from surgseg_ros.nodes.cameras.recordings import READ_AHEAD_FRAMES
from surgseg_ros.nodes.cameras.recordings import ReadAhead
from surgseg_ros.nodes.cameras.recordings import split_eyes
from surgseg_ros.nodes.cameras.recordings import StereoRecording

WAIT_S = 10.0


class EmptyRecording:
    """What a video is of which nothing decodes."""

    rate_hz = None
    losses = ('5 of 5 frames missing: decoding error at the first frame',)

    def __iter__(self):
        return iter(())


def write_images(folder, levels):
    folder.mkdir()
    for number, level in enumerate(levels):
        rgb = np.full((6, 8, 3), (level, 10, 20), np.uint8)
        cv2.imwrite(str(folder / f'{number}.png'), rgb[..., ::-1])
    return str(folder)


def levels_of(frames, eye):
    return [int(frame.images[eye][0, 0, 0]) for frame in frames]


def due_ms(frames):
    return [frame.due_ns / 1e6 for frame in frames]


def test_mono_recording_has_the_left_eye_only(tmp_path):
    frames = list(StereoRecording(write_images(tmp_path / 'a', range(12))))
    assert levels_of(frames, 'left') == list(range(12))
    assert all(set(frame.images) == {'left'} for frame in frames)
    np.testing.assert_array_equal(frames[3].images['left'][2, 2], [3, 10, 20])


def test_a_frame_of_one_eye_alone_is_left_out_and_told(tmp_path):
    left = write_images(tmp_path / 'a', [1, 2, 3])
    right = write_images(tmp_path / 'b', [5, 6])
    recording = StereoRecording(left, right)
    frames = list(recording)
    assert levels_of(frames, 'left') == [1, 2]
    assert levels_of(frames, 'right') == [5, 6]
    assert recording.losses == ['1 frames without a partner were left out: left 2']


def test_frames_are_due_at_the_times_of_the_file(tmp_path):
    path = str(write_video(tmp_path / 'a.mp4', [3, 4, 5, 65], rate=30))
    frames = list(play(StereoRecording(path), loop=False))
    np.testing.assert_allclose(due_ms(frames), [0, 33.333, 66.667, 2066.667], atol=1e-3)


def test_a_rate_overrides_the_times_of_the_file(tmp_path):
    path = str(write_video(tmp_path / 'a.mp4', [0, 1, 20], rate=30))
    assert due_ms(play(StereoRecording(path), loop=False, rate_hz=50.0)) == [0, 20, 40]


def test_images_are_due_at_the_default_rate(tmp_path):
    frames = play(StereoRecording(write_images(tmp_path / 'a', [1, 2, 3])), loop=False)
    np.testing.assert_allclose(due_ms(frames), [0, 33.333, 66.667], atol=1e-3)


def test_a_cut_off_video_is_an_error_behind_its_last_frame(tmp_path):
    path = write_video(tmp_path / 'a.mp4', range(20), container={'movflags': 'faststart'})
    frames = play(StereoRecording(str(cut_off(path, 0.7))), loop=False)
    played = []
    with pytest.raises(FrameSourceError, match=r'everything else was played: .* of 20 frames mis'):
        played.extend(frames)
    assert 0 < len(played) < 20


def test_the_loss_of_a_video_that_starts_again_is_reported_once(tmp_path):
    path = write_video(tmp_path / 'a.mp4', range(20), container={'movflags': 'faststart'})
    recording = StereoRecording(str(cut_off(path, 0.7)))
    count = len(list(recording))
    reports = []
    frames = play(recording, loop=True, report=reports.append)
    due = due_ms(next(frames) for _ in range(3 * count))
    np.testing.assert_allclose(np.diff(due), 100)
    assert len(reports) == 1
    assert 'of 20 frames missing' in reports[0]


@pytest.mark.parametrize(
    ('layout', 'shape', 'left', 'right'),
    [
        ('side_by_side', (6, 4, 3), np.s_[:, :4], np.s_[:, 4:]),
        ('top_bottom', (3, 8, 3), np.s_[:3], np.s_[3:]),
    ],
)
def test_a_frame_with_both_eyes_is_divided(layout, shape, left, right):
    image = np.random.default_rng(1).integers(0, 256, (6, 8, 3), np.uint8)
    images = split_eyes(image, layout)
    assert images['left'].shape == shape
    np.testing.assert_array_equal(images['left'], image[left])
    np.testing.assert_array_equal(images['right'], image[right])


@pytest.mark.parametrize(('layout', 'shape'), [('side_by_side', (6, 9)), ('top_bottom', (7, 8))])
def test_an_odd_frame_cannot_be_divided(layout, shape):
    with pytest.raises(FrameSourceError, match=f'{shape[1]}x{shape[0]}'):
        split_eyes(np.zeros((*shape, 3), np.uint8), layout)


def test_layout_and_right_recording_exclude_each_other(tmp_path):
    folder = write_images(tmp_path / 'a', [1])
    with pytest.raises(FrameSourceError, match="leave 'right' empty"):
        StereoRecording(folder, folder, 'side_by_side')


def test_nothing_to_play_is_explained():
    with pytest.raises(FrameSourceError, match="parameter 'left'"):
        StereoRecording('')


def test_a_damaged_image_is_named(tmp_path):
    folder = write_images(tmp_path / 'a', [1, 2])
    (tmp_path / 'a' / '1.png').write_bytes(b'damaged')
    with pytest.raises(FrameSourceError, match="image '1'"):
        list(StereoRecording(folder))


def test_a_loop_starts_again(tmp_path):
    frames = play(StereoRecording(write_images(tmp_path / 'a', [1, 2])), loop=True)
    assert levels_of([next(frames) for _ in range(5)], 'left') == [1, 2, 1, 2, 1]


def test_a_recording_without_frames_is_refused():
    with pytest.raises(FrameSourceError, match='no frame'):
        list(play(EmptyRecording(), loop=True))


def test_read_ahead_gives_all_items_then_the_end():
    reader = ReadAhead(range(20))
    assert [reader.get() for _ in range(20)] == list(range(20))
    with pytest.raises(EndOfRecording):
        reader.get()
    reader.close()


def test_read_ahead_passes_an_error_on():
    def items():
        yield 1
        raise FrameSourceError('damaged')

    reader = ReadAhead(items())
    assert reader.get() == 1
    with pytest.raises(FrameSourceError, match='damaged'):
        reader.get()
    reader.close()


def test_read_ahead_reads_only_a_little_ahead_and_can_be_stopped():
    read = []
    full = threading.Event()

    def items():
        for number in range(1000):
            read.append(number)
            if number == READ_AHEAD_FRAMES:
                full.set()
            yield number

    reader = ReadAhead(items())
    assert full.wait(WAIT_S)
    assert reader.is_ready()
    reader.close()
    assert len(read) == READ_AHEAD_FRAMES + 1
