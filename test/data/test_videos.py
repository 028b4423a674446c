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

"""Tests of videos: frames by decoding, times of the container, what is missing with numbers."""

import av
import numpy as np
import pytest
from small_videos import cut_off
from small_videos import index_of
from small_videos import write_video

from surgseg_ros.data.videos import FrameLoss
from surgseg_ros.data.videos import VideoError
from surgseg_ros.data.videos import VideoFrames

FAST_START = {'movflags': 'faststart'}
MS_NS = 10**6


def read(path):
    """Return a video, the numbers of its frames and their times in ms."""
    video = VideoFrames(path)
    frames = list(video)
    times = [time_ns / MS_NS for time_ns, _ in frames]
    return video, [index_of(image) for _, image in frames], times


@pytest.mark.parametrize(
    ('name', 'codec', 'container', 'count'),
    [
        ('clip.mp4', 'libx264', {}, 8),
        ('clip.mkv', 'libx264', {}, None),
        ('live.webm', 'libvpx', {'live': '1'}, None),
        ('clip.h264', 'libx264', {}, None),
        ('clip.ts', 'libx264', {}, None),
        ('clip.avi', 'mjpeg', {}, 8),
        ('b_frames.avi', 'libx264', {}, 8),
        ('fragments.mp4', 'libx264', {'movflags': 'frag_keyframe+empty_moov'}, None),
    ],
)
def test_every_frame_comes_in_order_with_its_time(tmp_path, name, codec, container, count):
    path = write_video(tmp_path / name, codec=codec, container=container)
    video, indices, times = read(path)
    assert video.announced == count
    assert indices == list(range(8))
    np.testing.assert_allclose(np.diff(times), 100, atol=1e-6)
    assert video.rate_hz == pytest.approx(10)
    assert video.loss is None


def test_a_variable_rate_is_kept(tmp_path):
    video, indices, times = read(write_video(tmp_path / 'a.mp4', [0, 1, 2, 25, 26], rate=30))
    assert indices == [0, 1, 2, 25, 26]
    np.testing.assert_allclose(times, np.array([0, 1, 2, 25, 26]) * 1000 / 30, atol=0.1)
    assert video.rate_hz == pytest.approx(30)
    assert '1 gap(s) between its frames, the longest of 0.7667 s' in video.notes[0]


def test_more_frames_than_the_header_counts(tmp_path):
    path = write_video(tmp_path / 'a.avi', codec='mjpeg')
    data = path.read_bytes()
    # Both counts of the header (avih and strh), as a recorder leaves them that was killed.
    path.write_bytes(data[:48] + (2).to_bytes(4, 'little') + data[52:])
    data = bytearray(path.read_bytes())
    place = data.index(b'strh') + 8 + 32
    data[place : place + 4] = (2).to_bytes(4, 'little')
    path.write_bytes(data)
    video, indices, _ = read(path)
    assert video.announced == 2
    assert indices == list(range(8))
    assert video.loss is None


@pytest.mark.parametrize(
    ('name', 'codec', 'container'),
    [
        ('clip.mp4', 'libx264', FAST_START),
        ('clip.mkv', 'libx264', {}),
        ('clip.webm', 'libvpx', {}),
        ('clip.avi', 'mjpeg', {}),
    ],
)
def test_a_video_that_is_cut_off_says_how_many_frames_are_missing(
    tmp_path, name, codec, container
):
    path = write_video(tmp_path / name, range(40), codec=codec, container=container)
    video, indices, _ = read(cut_off(path, 0.6))
    assert 0 < len(indices) < 40
    assert indices == list(range(len(indices)))
    assert video.loss.missing == 40 - len(indices)
    assert str(video.loss).startswith(f'{40 - len(indices)} of 40 frames missing: ')


def test_nothing_is_read_behind_a_damaged_frame(tmp_path):
    options = {'g': '8', 'bf': '0'}
    path = write_video(tmp_path / 'a.mp4', range(24), container=FAST_START, options=options)
    with av.open(str(path)) as file:
        packets = [packet for packet in file.demux(video=0) if packet.size]
    damaged = next(packet for packet in packets[8:] if packet.pts == packets[11].pts)
    data = bytearray(path.read_bytes())
    data[damaged.pos : damaged.pos + damaged.size] = bytes(damaged.size)
    path.write_bytes(data)
    video, indices, _ = read(path)
    assert indices == list(range(11))
    assert video.loss.missing == 13
    assert 'of 24 frames missing: decoding error after frame 10' in str(video.loss)


def test_what_is_missing_in_a_video_that_announces_nothing_is_unknown(tmp_path):
    video, indices, _ = read(cut_off(write_video(tmp_path / 'a.mjpeg', codec='mjpeg'), 0.6))
    assert 0 < len(indices) < 8
    assert video.loss.missing is None
    assert str(video.loss).endswith('how many frames are missing is unknown')


def test_a_video_without_a_frame_is_a_loss(tmp_path):
    path = write_video(tmp_path / 'a.mp4', range(4), container=FAST_START)
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b'mdat') + 4])
    video, indices, _ = read(path)
    assert indices == []
    assert str(video.loss) == '4 of 4 frames missing: no frame decodes'


def test_a_loss_with_numbers():
    assert str(FrameLoss('the file ends early', 18, 40)) == (
        '18 of 40 frames missing: the file ends early'
    )


def test_frames_that_an_edit_list_cuts_away_are_not_missing(tmp_path):
    whole = write_video(tmp_path / 'a.mp4', range(20), options={'bf': '0', 'g': '20'})
    shorter = tmp_path / 'b.mp4'
    with av.open(str(whole)) as source, av.open(str(shorter), 'w') as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.pts -= 5 * round(0.1 / packet.time_base)
                packet.dts = packet.pts
                packet.stream = stream
                target.mux(packet)
    video, indices, times = read(shorter)
    assert indices == list(range(5, 20))
    assert times[0] == 0
    assert video.loss is None


@pytest.mark.parametrize(
    ('matrix', 'luma', 'is_full'), [(1, 0.2126, False), (5, 0.299, False), (1, 0.2126, True)]
)
def test_colors_follow_matrix_and_range_of_the_stream(tmp_path, matrix, luma, is_full):
    path = tmp_path / 'red.mp4'
    # ITU-R BT.709 and BT.601: Y of pure red, which has the largest Cr.
    low, span = (0, 255) if is_full else (16, 219)
    chroma_span = 255 if is_full else 224
    blue = {1: 0.0722, 5: 0.114}[matrix]
    planes = [
        low + span * luma,
        128 - chroma_span * luma / (2 * (1 - blue)),
        128 + chroma_span / 2,
    ]
    with av.open(str(path), 'w') as file:
        stream = file.add_stream('libx264', rate=10, options={'qp': '0'})
        stream.width, stream.height, stream.pix_fmt = 64, 48, 'yuv420p'
        stream.codec_context.colorspace, stream.codec_context.color_range = matrix, 1 + is_full
        frame = av.VideoFrame(64, 48, 'yuv420p')
        frame.colorspace, frame.color_range = matrix, 1 + is_full
        for plane, value in zip(frame.planes, planes, strict=True):
            plane.update(bytes([min(round(value), 255)]) * plane.buffer_size)
        frame.pts = 0
        file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    ((_, image),) = VideoFrames(path)
    np.testing.assert_allclose(image.reshape(-1, 3).mean(0), [255, 0, 0], atol=3)


def test_a_rotation_that_a_container_asks_for_is_not_applied_but_told(tmp_path):
    path = write_video(tmp_path / 'a.mp4', range(2))
    data = bytearray(path.read_bytes())
    # The display matrix of the track header (ISO 14496-12, 8.3.2) turned by 90 degrees.
    place = data.index(b'tkhd') + 4 + 40
    turned = (0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30)
    data[place : place + 36] = b''.join(each.to_bytes(4, 'big', signed=True) for each in turned)
    path.write_bytes(data)
    video = VideoFrames(path)
    assert [image.shape for _, image in video] == [(48, 64, 3)] * 2
    assert 'asks to be shown turned by -90 degrees' in video.notes[0]


def test_what_is_no_video_is_refused_with_the_cause(tmp_path):
    cut = cut_off(write_video(tmp_path / 'a.mp4', range(40)), 0.6)
    with pytest.raises(VideoError, match=r'index \(moov\) is missing'):
        VideoFrames(cut)
    text = tmp_path / 'notes.txt'
    text.write_text('FFmpeg would draw this text as a video\n' * 20)
    with pytest.raises(VideoError, match='convert it'):
        VideoFrames(text)
    (tmp_path / 'empty.mp4').touch()
    with pytest.raises(VideoError, match='convert it'):
        VideoFrames(tmp_path / 'empty.mp4')


def test_a_name_with_a_colon_is_a_name(tmp_path):
    assert read(write_video(tmp_path / 'pipe:1.mkv', range(2)))[1] == [0, 1]
