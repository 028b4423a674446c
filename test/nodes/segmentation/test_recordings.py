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

"""A recording gives exactly the label images that the node gives on the same messages."""

import struct
import time
from types import SimpleNamespace

import pytest

rclpy = pytest.importorskip('rclpy')

import cv2  # noqa: E402
import numpy as np  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402
from rosbags.rosbag2 import StoragePlugin  # noqa: E402
from rosbags.rosbag2 import Writer  # noqa: E402
from rosbags.typesys import get_typestore  # noqa: E402
from rosbags.typesys import Stores  # noqa: E402
from sensor_msgs.msg import CompressedImage  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402

from surgseg_ros.data.frame_source import FrameSource  # noqa: E402
from surgseg_ros.decoding.encodings import ENCODINGS  # noqa: E402
from surgseg_ros.inference.segmenter import Segmenter  # noqa: E402
from surgseg_ros.nodes.common.parameters import ParameterTable  # noqa: E402
from surgseg_ros.nodes.segmentation.camera_input import CameraInput  # noqa: E402
from surgseg_ros.nodes.segmentation.eye_outputs import EyeOutputs  # noqa: E402
from surgseg_ros.nodes.segmentation.parameters import PARAMETERS  # noqa: E402
from surgseg_ros.nodes.segmentation.pipeline import FramePipeline  # noqa: E402
from surgseg_ros.prediction.images import predict  # noqa: E402

TYPES = get_typestore(Stores.ROS2_JAZZY)
TIMEOUT_S = 30.0
HEIGHT, WIDTH = 48, 64


class KeptOutputs(EyeOutputs):
    """Outputs that keep the label images."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.labels = []

    def publish_result(self, *arguments):
        result, array = super().publish_result(*arguments)
        self.labels.append(result.segmentation.label_image)
        return result, array


@pytest.fixture
def workers(context, red_checkpoint):
    """Return the node's workers, and a function that gives them one message after the other."""
    node = rclpy.lifecycle.LifecycleNode('segmentation', context=context)
    table = ParameterTable(node, PARAMETERS)
    outputs = KeptOutputs(node, 'left', table)
    segmenter = Segmenter(red_checkpoint, 'cpu', backend='torch')
    pipeline = FramePipeline(node, segmenter, {'left': outputs}, table, lambda error: None)
    pipeline.start()
    camera = CameraInput(node, 'left', table, pipeline, outputs)

    def segment(messages):
        for message in messages:
            camera.receive(message)
            deadline = time.monotonic() + TIMEOUT_S
            while pipeline.slots.counts('left').pending:
                assert time.monotonic() < deadline
                time.sleep(0.001)
        return outputs.labels

    yield SimpleNamespace(segment=segment, node=node, statistics=pipeline.statistics['left'])
    pipeline.stop()
    node.destroy_node()


def make_picture(index):
    """Return a scene with something red, which the network looks for, in another place each."""
    picture = np.random.default_rng(index).integers(60, 120, (HEIGHT, WIDTH, 3), np.uint8)
    picture[5 + index % 20 : 30, 10 + index % 30 : 50] = (230, 30, 30)
    return picture


def make_raw(index, encoding):
    """Return an image whose samples mean what ``make_picture`` shows as far as that is easy."""
    layout = ENCODINGS[encoding]
    rows = layout.rows(HEIGHT)
    dtype = np.dtype(layout.dtype)
    picture = np.resize(make_picture(index), (rows, WIDTH, layout.channels))
    if dtype.kind == 'f':
        samples = picture / dtype.type(255)
    elif dtype.itemsize == 1:
        samples = picture.view(dtype)
    else:
        samples = picture.astype(dtype) * (np.iinfo(dtype).max // 255)
    packed = samples.astype(dtype).reshape(rows, -1).view(np.uint8)
    message = Image(encoding=encoding, height=HEIGHT, width=WIDTH, step=packed.shape[1])
    message.data.frombytes(packed.tobytes())
    return message


def make_compressed(index, suffix, declared=''):
    picture = make_picture(index)
    if declared:
        picture = picture[..., 0]
    data = cv2.imencode(suffix, picture[..., ::-1] if picture.ndim == 3 else picture)[1].tobytes()
    if suffix == '.jpg':  # asks for half a turn
        exif = b'Exif\0\0MM\0*\0\0\0\x08\0\1\x01\x12\0\3\0\0\0\1\0\3' + bytes(6)
        data = data[:2] + b'\xff\xe1' + struct.pack('>H', len(exif) + 2) + exif + data[2:]
    message = CompressedImage(format=declared)
    message.data.frombytes(data)
    return message


def record(path, messages):
    """Write messages as a recorder does."""
    kind = f'sensor_msgs/msg/{type(messages[0]).__name__}'
    types = TYPES.types
    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        connection = writer.add_connection('/image', kind, typestore=TYPES)
        for index, message in enumerate(messages):
            stamp = types['builtin_interfaces/msg/Time'](
                sec=message.header.stamp.sec, nanosec=message.header.stamp.nanosec
            )
            fields = {
                name: getattr(message, name)
                for name in message.get_fields_and_field_types()
                if name not in ('header', 'data')
            }
            recorded = types[kind](
                header=types['std_msgs/msg/Header'](stamp=stamp, frame_id='camera'),
                data=np.frombuffer(message.data, np.uint8),
                **fields,
            )
            writer.write(connection, index, TYPES.serialize_cdr(recorded, kind))
    return path


RAW = [make_raw(index, encoding) for index, encoding in enumerate(ENCODINGS)]
COMPRESSED = [
    make_compressed(1, '.jpg'),
    make_compressed(2, '.png'),
    make_compressed(3, '.png', 'bayer_rggb8; png compressed'),
]


@pytest.mark.parametrize('messages', [RAW, COMPRESSED], ids=['raw', 'compressed'])
def test_node_and_recording_agree(workers, red_checkpoint, tmp_path, messages):
    for index, message in enumerate(messages):
        message.header.stamp.sec = index + 1
    expected = workers.segment(messages)
    assert len(expected) == len(messages)
    assert sum(labels.any() for labels in expected) >= len(messages) // 3
    source = FrameSource(record(tmp_path / 'bag', messages))
    predict(source, tmp_path / 'out', Segmenter(red_checkpoint, 'cpu', backend='torch'))
    files = sorted((tmp_path / 'out').glob('*.png'))
    found = [cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in files]
    np.testing.assert_array_equal(found, expected)


def test_few_bits_are_a_problem_until_they_are_said(workers):
    message = make_raw(0, 'rgb16')
    samples = np.frombuffer(message.data, np.uint16) >> 4
    message.data = samples.tobytes()
    assert not workers.segment([message])[0].any()
    assert 'as those of 12 bits' in workers.statistics.summary().bits_remark
    workers.node.set_parameters([Parameter('bits', value=12)])
    assert workers.segment([message])[1].any()
    assert workers.statistics.summary().bits_remark == ''
    workers.node.set_parameters([Parameter('bits', value=10)])
    workers.segment([message])
    assert workers.statistics.summary().rejected == {'bits': 1}
