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


"""The simulator node in a process of its own, seen from the other end of its topics."""

import itertools
import signal

from geometry_msgs.msg import PoseArray
import numpy as np
import pytest
from sensor_msgs.msg import CameraInfo
from sensor_msgs.msg import Image
from surgseg_ros.msg import InstrumentArray

from surgseg_ros.decoding.raw_images import image_to_array

pytest.importorskip('mujoco', reason="the simulator needs the PyPI package 'mujoco'")

from surgseg_ros.simulation import RenderingError
from surgseg_ros.simulation import SceneOptions
from surgseg_ros.simulation import StereoEndoscopeSimulator
from surgseg_ros.simulation.rendering.offscreen import create_gl_context

NODE = 'endoscope_simulator_node'
SCENE = {'seed': 21, 'width': 320, 'height': 256, 'rate_hz': 5.0}
EYES = ('left', 'right')


@pytest.fixture(scope='module', autouse=True)
def off_screen_gl():
    try:
        create_gl_context().free()
    except RenderingError as error:
        pytest.skip(str(error))


@pytest.fixture(scope='module')
def received(module_station, start_module_node):
    """Run the node and return one frame's messages of every topic, by topic."""
    start_module_node(NODE, {**SCENE, 'truth_task': 'types'})
    types = {'image_raw': Image, 'camera_info': CameraInfo}
    truth_types = {
        'label_image': Image,
        'instance_image': Image,
        'instruments': InstrumentArray,
        'tips': PoseArray,
    }
    logs = {
        topic: module_station.listen(message_type, topic)
        for eye in EYES
        for topic, message_type in (
            *((f'{eye}/{name}', kind) for name, kind in types.items()),
            *((f'ground_truth/{eye}/{name}', kind) for name, kind in truth_types.items()),
        )
    }
    # The last topic was matched last: whatever it has, the others have too.
    header = logs['ground_truth/right/tips'].wait_for_count(2)[1].header
    return {topic: wait_for_stamp(log, header.stamp) for topic, log in logs.items()}


def wait_for_stamp(log, stamp):
    messages = log.wait_for(lambda log: any(message.header.stamp == stamp for message in log))
    return next(message for message in messages if message.header.stamp == stamp)


@pytest.fixture(scope='module')
def expected(received):
    """Return the same frame of a simulator with the same options in this process."""
    index = received['ground_truth/left/instruments'].frame_index
    with StereoEndoscopeSimulator(SceneOptions(**SCENE)) as simulator:
        return next(itertools.islice(simulator, index, None))


@pytest.mark.parametrize('eye', EYES)
def test_images_are_those_of_the_simulator(received, expected, eye):
    message = received[f'{eye}/image_raw']
    assert message.encoding == 'rgb8'
    assert (message.width, message.height, message.step) == (320, 256, 960)
    assert np.array_equal(image_to_array(message), expected.eyes[eye].image)


@pytest.mark.parametrize('eye', EYES)
def test_label_images_are_the_exact_truth(received, expected, eye):
    labels = expected.eyes[eye].labels
    for topic, name in (('label_image', 'types'), ('instance_image', 'instance')):
        message = received[f'ground_truth/{eye}/{topic}']
        assert message.encoding == 'mono8'
        assert np.array_equal(image_to_array(message)[..., 0], labels[name])


@pytest.mark.parametrize('eye', EYES)
def test_everything_of_an_eye_has_the_header_of_its_image(received, eye):
    header = received[f'{eye}/image_raw'].header
    assert header.frame_id == f'endoscope_{eye}_optical_frame'
    for topic, message in received.items():
        if f'{eye}/' in topic:
            assert message.header == header, topic


def test_both_eyes_have_one_stamp(received):
    left, right = (received[f'{eye}/image_raw'].header.stamp for eye in EYES)
    assert left == right


def test_calibration_is_that_of_a_rectified_pair(received):
    left, right = (received[f'{eye}/camera_info'] for eye in EYES)
    focal = 1050.0 * 320 / 1280
    for info in (left, right):
        assert (info.width, info.height) == (320, 256)
        assert list(info.k) == pytest.approx([focal, 0, 159.5, 0, focal, 127.5, 0, 0, 1])
        assert not any(info.d)
    assert left.p[3] == 0.0
    assert right.p[3] == pytest.approx(-focal * 0.0044)


@pytest.mark.parametrize('eye', EYES)
def test_instruments_are_described_in_pixels(received, expected, eye):
    message = received[f'ground_truth/{eye}/instruments']
    truths = {truth.instance_id: truth for truth in expected.eyes[eye].instruments}
    instance = expected.eyes[eye].labels['instance']
    assert message.eye == eye
    assert {found.track_id for found in message.instruments} == set(np.unique(instance)) - {0}
    for found in message.instruments:
        truth = truths[found.track_id]
        assert found.class_name == truth.class_name
        assert (found.centroid.x, found.centroid.y) == pytest.approx(tuple(truth.centroid_px))
        assert (found.tip.x, found.tip.y) == pytest.approx(tuple(truth.tip_px))
        assert found.tip_valid == truth.tip_visible
        assert found.area == np.count_nonzero(instance == found.track_id)


@pytest.mark.parametrize('eye', EYES)
def test_tips_are_in_meters_in_the_frame_of_the_eye(received, expected, eye):
    poses = received[f'ground_truth/{eye}/tips'].poses
    points = [(pose.position.x, pose.position.y, pose.position.z) for pose in poses]
    tips = [truth.tip for truth in expected.eyes[eye].instruments]
    assert np.array(points) == pytest.approx(np.array(tips))


def test_parameters_change_what_is_published(station, start_node):
    parameters = {
        'width': 160,
        'height': 128,
        'encoding': 'bgr8',
        'left_frame_id': 'eye',
        'num_instruments': 0,
        'black_border': 'circle',
        'randomize': True,
        # The artifacts of a stronger compression reach far into the black.
        'jpeg_quality': 100,
    }
    start_node(NODE, parameters)
    image = station.listen(Image, 'left/image_raw').wait_for_count(1)[0]
    assert (image.width, image.height, image.encoding) == (160, 128, 'bgr8')
    assert image.header.frame_id == 'eye'
    assert image_to_array(image)[0, 0].max() < 6
    tips = station.listen(PoseArray, 'ground_truth/left/tips').wait_for_count(1)[0]
    assert len(tips.poses) == 0


def test_sigterm_ends_the_node_cleanly(start_node):
    node = start_node(NODE, {'width': 160, 'height': 128})
    node.wait_for_output('simulating 160x128 pixels')
    node.stop(signal.SIGTERM)


def test_a_rate_that_cannot_be_kept_is_reported(start_node):
    node = start_node(NODE, {'width': 160, 'height': 128, 'rate_hz': 900.0})
    node.wait_for_output('lower rate_hz, width or height')


@pytest.mark.parametrize(
    ('parameters', 'text'),
    [
        ({'num_instruments': 9}, 'num_instruments'),
        ({'instrument_types': ['banana']}, 'large needle driver'),
        ({'truth_task': 'organs'}, 'truth_task'),
    ],
)
def test_wrong_parameters_are_named(start_node, parameters, text):
    node = start_node(NODE, parameters)
    assert node.wait_for_exit() == 1
    assert text in node.output
    assert 'Traceback' not in node.output
