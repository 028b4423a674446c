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

"""The video publisher plays recordings to subscribers in other processes."""

import signal

import cv2
from node_process import NodeProcess
import numpy as np
import pytest
from rig import parameters_for
from rig import Rig
from sensor_msgs.msg import CameraInfo
from sensor_msgs.msg import Image
import small_videos
from station import MessageLog
from station import QUEUE_DEPTH
from targets import draw_target
from targets import paint

FRAMES = 10
"""As many as the publisher keeps for a subscriber that comes to know it late."""
WIDTH, HEIGHT = 96, 64

CALIBRATION = f"""
image_width: {WIDTH}
image_height: {HEIGHT}
camera_name: left
distortion_model: plumb_bob
camera_matrix: {{rows: 3, cols: 3, data: [80, 0, 48, 0, 81, 32, 0, 0, 1]}}
distortion_coefficients: {{rows: 1, cols: 5, data: [0.1, 0.2, 0, 0, 0]}}
rectification_matrix: {{rows: 3, cols: 3, data: [1, 0, 0, 0, 1, 0, 0, 0, 1]}}
projection_matrix: {{rows: 3, cols: 4, data: [80, 0, 48, 0, 0, 81, 32, 0, 0, 0, 1, 0]}}
"""


def frame(index, eye):
    """Return the (H, W, 3) uint8 RGB image of a frame; its color tells index and eye."""
    return np.full((HEIGHT, WIDTH, 3), (20 * index, 200, 40 if eye == 'left' else 90), np.uint8)


def write_folder(folder, eye, count=FRAMES, bits=8):
    folder.mkdir()
    for index in range(count):
        image = frame(index, eye)[..., ::-1]
        if bits > 8:
            image = np.rint(image * ((2**bits - 1) / 255)).astype(np.uint16)
        cv2.imwrite(str(folder / f'{index}.png'), image)
    return str(folder)


def write_video(path, images, rate_hz):
    height, width = images[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'MJPG'), rate_hz, (width, height))
    assert writer.isOpened()
    for image in images:
        writer.write(image[..., ::-1])
    writer.release()
    return str(path)


def listen_before(station, message_type, topic):
    """Subscribe to a topic that nobody publishes yet."""
    log = MessageLog()
    station.node.create_subscription(message_type, topic, log.append, QUEUE_DEPTH)
    return log


def to_array(msg):
    assert msg.step == msg.width * 3
    return np.frombuffer(msg.data, np.uint8).reshape(msg.height, msg.width, 3)


def seconds(msg):
    return msg.header.stamp.sec + msg.header.stamp.nanosec * 1e-9


def test_folder_pair_arrives_completely_and_in_order(start_node, station, tmp_path):
    left = listen_before(station, Image, 'left/image_raw')
    right = listen_before(station, Image, 'right/image_raw')
    process = start_node(
        'video_publisher_node',
        {
            'left': write_folder(tmp_path / 'left', 'left'),
            'right': write_folder(tmp_path / 'right', 'right', bits=12),
            'bits': 12,
            'rate_hz': 25,
            'wait_for_subscribers': True,
            'right_frame_id': 'other',
        },
    )
    assert process.wait_for_exit() == 0
    images = {'left': left.wait_for_count(FRAMES), 'right': right.wait_for_count(FRAMES)}
    for eye, messages in images.items():
        assert len(messages) == FRAMES
        for index, msg in enumerate(messages):
            assert msg.encoding == 'rgb8'
            np.testing.assert_array_equal(to_array(msg), frame(index, eye))
    stamps = [
        [(m.header.stamp.sec, m.header.stamp.nanosec) for m in images[eye]] for eye in images
    ]
    assert stamps[0] == stamps[1]
    assert {msg.header.frame_id for msg in images['left']} == {'endoscope_left_optical_frame'}
    assert {msg.header.frame_id for msg in images['right']} == {'other'}
    assert f'end of the recording after {FRAMES} frames' in process.output


def test_rate_is_the_asked_one(start_node, station, tmp_path):
    log = listen_before(station, Image, 'left/image_raw')
    start_node(
        'video_publisher_node',
        {
            'left': write_folder(tmp_path / 'left', 'left', count=3),
            'rate_hz': 12.5,
            'loop': True,
        },
    )

    def was_kept(messages):
        """Tell whether it was in one stretch, which a busy computer may disturb."""
        stretch = [seconds(msg) for msg in messages[-16:]]
        median = np.median(np.diff(stretch)) if len(stretch) == 16 else 0.0
        return median == pytest.approx(0.08, rel=0.1)

    log.wait_for(was_kept)


def test_side_by_side_video_is_divided_and_keeps_its_rate(start_node, station, tmp_path):
    images = [np.hstack([frame(index, 'left'), frame(index, 'right')]) for index in range(8)]
    logs = {eye: listen_before(station, Image, f'{eye}/image_raw') for eye in ('left', 'right')}
    process = start_node(
        'video_publisher_node',
        {
            'left': write_video(tmp_path / 'stereo.avi', images, 20.0),
            'layout': 'side_by_side',
            'encoding': 'bgr8',
            'wait_for_subscribers': True,
        },
    )
    assert process.wait_for_exit() == 0
    assert 'at 20 Hz' in process.output
    for eye, log in logs.items():
        messages = log.wait_for_count(8)
        assert len(messages) == 8
        for index, msg in enumerate(messages):
            assert msg.encoding == 'bgr8'
            difference = to_array(msg)[..., ::-1].astype(int) - frame(index, eye)
            # JPEG is not exact, and mixes the colors where the eyes meet.
            assert np.abs(difference[:, 16:-16]).max() <= 6


def test_a_cut_off_video_is_played_and_ends_with_an_error(start_node, station, tmp_path):
    path = small_videos.write_video(
        tmp_path / 'a.mp4', range(40), rate=50, container={'movflags': 'faststart'}
    )
    small_videos.cut_off(path, 0.7)
    log = listen_before(station, Image, 'left/image_raw')
    process = start_node('video_publisher_node', {'left': str(path), 'wait_for_subscribers': True})
    assert process.wait_for_exit() == 1
    count = len(log.wait_for_count(1))
    assert f'end of the recording after {count} frames' in process.output
    assert f'{40 - count} of 40 frames missing' in process.output


def test_stamps_of_a_variable_rate_are_those_of_the_file(start_node, station, tmp_path):
    log = listen_before(station, Image, 'left/image_raw')
    process = start_node(
        'video_publisher_node',
        {
            'left': str(small_videos.write_video(tmp_path / 'a.mkv', [0, 1, 2, 22], rate=25)),
            'wait_for_subscribers': True,
        },
    )
    assert process.wait_for_exit() == 0
    stamps_ns = [
        10**9 * msg.header.stamp.sec + msg.header.stamp.nanosec for msg in log.wait_for_count(4)
    ]
    assert list(np.diff(stamps_ns)) == [40_000_000, 40_000_000, 800_000_000]


@pytest.mark.parametrize('signal_number', [signal.SIGINT, signal.SIGTERM])
def test_loop_repeats_until_a_signal(start_node, station, tmp_path, signal_number):
    log = listen_before(station, Image, 'left/image_raw')
    process = start_node(
        'video_publisher_node',
        {
            'left': write_folder(tmp_path / 'left', 'left', count=3),
            'rate_hz': 20.0,
            'loop': True,
            'wait_for_subscribers': True,
        },
    )
    messages = log.wait_for_count(8)
    process.stop(signal_number)
    reds = [int(to_array(msg)[0, 0, 0]) // 20 for msg in messages[:8]]
    assert reds == [0, 1, 2, 0, 1, 2, 0, 1]


def test_camera_info_carries_the_header_of_its_image(start_node, station, tmp_path):
    calibration = tmp_path / 'left.yaml'
    calibration.write_text(CALIBRATION)
    images = listen_before(station, Image, 'left/image_raw')
    infos = listen_before(station, CameraInfo, 'left/camera_info')
    start_node(
        'video_publisher_node',
        {
            'left': write_folder(tmp_path / 'left', 'left'),
            'left_camera_info': str(calibration),
            'rate_hz': 20.0,
            'loop': True,
        },
    )
    info = infos.wait_for_count(1)[0]
    images.wait_for_header(info.header)
    assert (info.width, info.height, info.k[4], info.d[1]) == (WIDTH, HEIGHT, 81.0, 0.2)


UNPLAYABLE = [
    ({}, "set the parameter 'left'"),
    ({'left': '/nowhere/clip.mp4'}, '/nowhere/clip.mp4'),
    ({'left': '{file}'}, 'video'),
    ({'left': '{images}', 'right': '/nowhere/right'}, '/nowhere/right'),
    ({'left': '{images}', 'right': '{images}', 'layout': 'top_bottom'}, "leave 'right' empty"),
    ({'left': '{images}', 'layout': 'diagonal'}, 'side_by_side'),
    ({'left': '{images}', 'left_camera_info': '/nowhere.yaml'}, '/nowhere.yaml'),
    ({'left': '{images}', 'rate_hz': -1.0}, 'rate_hz'),
]


@pytest.fixture(scope='module')
def failing(start_module_node, tmp_path_factory) -> list[NodeProcess]:
    """Return the nodes of all unplayable parameters; they start at the same time."""
    folder = tmp_path_factory.mktemp('unplayable')
    file = folder / 'notes.txt'
    file.write_text('no video')
    images = write_folder(folder / 'images', 'left', count=1)
    return [
        start_module_node(
            'video_publisher_node',
            {
                name: value.format(file=file, images=images) if isinstance(value, str) else value
                for name, value in parameters.items()
            },
        )
        for parameters, _ in UNPLAYABLE
    ]


@pytest.mark.parametrize('case', range(len(UNPLAYABLE)), ids=[text for _, text in UNPLAYABLE])
def test_what_cannot_be_played_ends_with_one_line(failing, case):
    assert failing[case].wait_for_exit() == 1
    assert UNPLAYABLE[case][1] in failing[case].output
    assert 'Traceback' not in failing[case].output


def test_a_played_video_is_segmented(start_node, station, tmp_path, target_checkpoint):
    masks = [draw_target(320, 240, (60 + 8 * i, 100), (30, 12), 5 * i) for i in range(20)]
    folder = tmp_path / 'clip'
    folder.mkdir()
    for index, mask in enumerate(masks):
        cv2.imwrite(str(folder / f'frame{index}.png'), paint(mask)[..., ::-1])
    start_node('segmentation_node', parameters_for(target_checkpoint, eyes=['left']))
    rig = Rig(station, eyes=['left'])
    process = start_node(
        'video_publisher_node',
        {'left': str(folder), 'rate_hz': 10.0, 'wait_for_subscribers': True},
    )

    def recognized(messages):
        """Return the numbers of the frames whose masks came back."""
        labels = [
            np.frombuffer(msg.data, np.uint8).reshape(msg.height, msg.width)
            for msg in messages
            if msg.header.frame_id == 'endoscope_left_optical_frame'
        ]
        return [
            next(index for index, mask in enumerate(masks) if np.array_equal(mask, label))
            for label in labels
        ]

    answers = rig.labels['left'].wait_for(lambda messages: recognized(messages)[-1:] == [19])
    assert recognized(answers) == sorted(set(recognized(answers)))
    assert len(recognized(answers)) >= 10
    assert process.wait_for_exit() == 0
