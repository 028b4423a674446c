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

"""Tests of reading frames from rosbag2 recordings, which rosbags writes here."""

import cv2
import numpy as np
import pytest
from rosbags.rosbag2 import StoragePlugin
from rosbags.rosbag2 import Writer
from rosbags.typesys import get_typestore
from rosbags.typesys import Stores

from surgseg_ros.data.bag_frames import decode_image
from surgseg_ros.data.frame_source import FrameSource
from surgseg_ros.data.frame_source import FrameSourceError

TYPES = get_typestore(Stores.ROS2_JAZZY)
CHANNEL_ORDERS = {
    'rgb8': [0, 1, 2],
    'bgr8': [2, 1, 0],
    'rgba8': [0, 1, 2, 0],
    'bgra8': [2, 1, 0, 0],
    'mono8': [0],
}


def make_rgb(seed, gray=False):
    image = np.random.default_rng(seed).integers(0, 256, (6, 7, 3), np.uint8)
    return np.repeat(image[..., :1], 3, axis=2) if gray else image


def make_header(index):
    time = TYPES.types['builtin_interfaces/msg/Time'](sec=index, nanosec=0)
    return TYPES.types['std_msgs/msg/Header'](stamp=time, frame_id='endoscope')


def make_image(index, rgb, encoding='rgb8', padding=0):
    rows = rgb[..., CHANNEL_ORDERS[encoding]].reshape(rgb.shape[0], -1)
    data = np.pad(rows, ((0, 0), (0, padding)), constant_values=99)
    return TYPES.types['sensor_msgs/msg/Image'](
        header=make_header(index),
        height=rgb.shape[0],
        width=rgb.shape[1],
        encoding=encoding,
        is_bigendian=0,
        step=data.shape[1],
        data=data.reshape(-1),
    )


def make_compressed(index, rgb):
    data = cv2.imencode('.png', rgb[..., ::-1])[1].reshape(-1) if rgb is not None else b'no image'
    return TYPES.types['sensor_msgs/msg/CompressedImage'](
        header=make_header(index), format='png', data=np.frombuffer(bytes(data), np.uint8)
    )


def write_bag(path, topics, plugin=StoragePlugin.MCAP):
    with Writer(path, version=9, storage_plugin=plugin) as writer:
        for topic, messages in topics.items():
            kind = type(messages[0]).__msgtype__
            connection = writer.add_connection(topic, kind, typestore=TYPES)
            for index, message in enumerate(messages):
                writer.write(connection, index * 40_000_000, TYPES.serialize_cdr(message, kind))
    return path


@pytest.mark.parametrize('plugin', list(StoragePlugin), ids=lambda plugin: plugin.name)
def test_frames_of_both_storages(tmp_path, plugin):
    images = [make_rgb(seed) for seed in range(3)]
    messages = [make_image(index, image) for index, image in enumerate(images)]
    bag = write_bag(tmp_path / 'surgery', {'/left/image_raw': messages}, plugin)
    source = FrameSource(bag)
    assert len(source) == 3
    assert source.rate_hz == pytest.approx(25)
    for _ in range(2):
        frames = list(source)
        assert [frame.stem for frame in frames] == source.stems
        np.testing.assert_array_equal([frame.image for frame in frames], images)
    assert source.stems[2] == 'surgery_000002'


@pytest.mark.parametrize('encoding', CHANNEL_ORDERS)
@pytest.mark.parametrize('padding', [0, 5])
def test_encodings_and_padded_rows(tmp_path, encoding, padding):
    rgb = make_rgb(1, gray=encoding == 'mono8')
    bag = write_bag(tmp_path / 'bag', {'/image': [make_image(0, rgb, encoding, padding)]})
    (frame,) = FrameSource(bag)
    np.testing.assert_array_equal(frame.image, rgb)


def test_compressed_images_and_one_that_is_damaged(tmp_path):
    rgb = make_rgb(2)
    messages = [make_compressed(0, rgb), make_compressed(1, None)]
    first, second = FrameSource(write_bag(tmp_path / 'bag', {'/image/compressed': messages}))
    np.testing.assert_array_equal(first.image, rgb)
    assert second.image is None


def test_topics_are_chosen_by_name(tmp_path):
    left, right = make_rgb(3), make_rgb(4)
    topics = {'/left': [make_image(0, left)], '/right': [make_image(0, right)]}
    bag = write_bag(tmp_path / 'bag', topics)
    (frame,) = FrameSource(bag, '/right')
    np.testing.assert_array_equal(frame.image, right)
    with pytest.raises(FrameSourceError, match='several topics.*--topic: /left, /right'):
        FrameSource(bag)
    with pytest.raises(FrameSourceError, match="no topic '/up' with images; it has: /left"):
        FrameSource(bag, '/up')


def test_recordings_that_cannot_be_used(tmp_path):
    bag = write_bag(tmp_path / 'bag', {'/header': [make_header(0)]})
    with pytest.raises(FrameSourceError, match='no message of type sensor_msgs/msg/Image'):
        FrameSource(bag)
    next(bag.glob('*.mcap')).unlink()
    with pytest.raises(FrameSourceError, match='ros2 bag reindex'):
        FrameSource(bag)
    folder = tmp_path / 'frames'
    folder.mkdir()
    with pytest.raises(FrameSourceError, match="is no rosbag2 recording and has no topic '/left'"):
        FrameSource(folder, '/left')


def test_images_that_contradict_themselves_are_refused(tmp_path):
    message = make_image(0, make_rgb(5))
    message.encoding = 'bayer_rggb8'
    with pytest.raises(FrameSourceError, match="topic '/image': encoding 'bayer_rggb8'"):
        list(FrameSource(write_bag(tmp_path / 'bag', {'/image': [message]})))
    with pytest.raises(ValueError, match='contradict each other'):
        decode_image(np.zeros(30, np.uint8), 4, 4, 12, 'rgb8')
    with pytest.raises(ValueError, match='contradict each other'):
        decode_image(np.zeros(48, np.uint8), 4, 4, 11, 'rgb8')
