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

"""Every topic and service of the segmentation node beside labels and instruments."""

import time

import cv2
from diagnostic_msgs.msg import DiagnosticStatus
from measurements import stamp_ns
from node_process import NodeProcess
from node_process import wait_until
import numpy as np
import pytest
from rclpy.qos import DurabilityPolicy
from rclpy.qos import QoSProfile
from rclpy.qos import ReliabilityPolicy
from rig import change_parameter
from rig import next_header
from rig import parameters_for
from rig import Rig
from sensor_msgs.msg import CameraInfo
from sensor_msgs.msg import CompressedImage
from sensor_msgs.msg import Image
from station import MATCH_TIMEOUT_S
from std_srvs.srv import SetBool
from surgseg_ros.srv import LoadModel
from targets import draw_rectangle
from targets import draw_target
from targets import make_image
from targets import paint
from targets import write_target_checkpoint
from visualization_msgs.msg import Marker
from visualization_msgs.msg import MarkerArray

from surgseg_ros.inference.checkpoints import CheckpointInfo
from surgseg_ros.inference.checkpoints import save_checkpoint
from surgseg_ros.models import create_model
from surgseg_ros.nodes.messages import vision
from surgseg_ros.perception.image_quality import DEFAULT_BLURRED_BELOW
from surgseg_ros.perception.image_quality import DEFAULT_FROZEN_AFTER_S

WIDTH, HEIGHT = 320, 240
MASK = draw_target(WIDTH, HEIGHT, (160, 120), (60, 25), 15)
FOCAL_LENGTH = 300.0
PAIR_WAIT_MS = 1000.0
PAIR_TRIES = 20
LATEST = 20
"""Views come in order; those of older images are not awaited any more."""
VIEWS = {
    'confidence': Image,
    'color': Image,
    'overlay': Image,
    'overlay/compressed': CompressedImage,
    'markers': MarkerArray,
    'camera_info': CameraInfo,
}
LATCHED = QoSProfile(
    depth=1,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)


@pytest.fixture(scope='module')
def process(start_module_node, target_checkpoint) -> NodeProcess:
    return start_module_node('segmentation_node', parameters_for(target_checkpoint))


@pytest.fixture(scope='module')
def rig(module_station, process) -> Rig:
    return Rig(module_station)


def make_camera_info(width=WIDTH, height=HEIGHT):
    info = CameraInfo(width=width, height=height, distortion_model='plumb_bob')
    info.k = [FOCAL_LENGTH, 0.0, width / 2, 0.0, FOCAL_LENGTH, height / 2, 0.0, 0.0, 1.0]
    return info


def stamp_of(message):
    """Return the header of a message, for markers that of all of them."""
    if not isinstance(message, MarkerArray):
        return message.header
    headers = [marker.header for marker in message.markers]
    assert all(header == headers[0] for header in headers)
    return headers[0]


def listen_to_views(rig, eye):
    logs = {
        name: rig.station.listen(message_type, f'segmentation/{eye}/{name}')
        for name, message_type in VIEWS.items()
    }
    if vision.AVAILABLE:
        logs['detections'] = rig.station.listen(
            vision.Detection2DArray, f'segmentation/{eye}/detections'
        )
    return logs


def wait_for_views(rig, eye, logs, before_each=lambda: None, **sending):
    """Send images until every view has come for the same one, and return them by name."""
    headers = []

    def complete(header):
        found = {
            name: [message for message in log.messages if stamp_of(message) == header]
            for name, log in logs.items()
        }
        return {name: messages[0] for name, messages in found.items() if messages}

    deadline = time.monotonic() + MATCH_TIMEOUT_S
    while time.monotonic() < deadline:
        before_each()
        headers.append(rig.send(eye, MASK, **sending))
        rig.answer(eye, headers[-1])
        for header in headers[-LATEST:]:
            if len(views := complete(header)) == len(logs):
                return header, views
    raise AssertionError(f'of {sorted(logs)} came only {sorted(complete(headers[-1]))}')


@pytest.mark.parametrize('frame_id', ['/jhu_daVinci_left_frame', ''])
def test_every_output_carries_the_header_of_its_image(rig, frame_id):
    calibration = rig.station.advertise(CameraInfo, 'left/camera_info', reliable=False)
    logs = listen_to_views(rig, 'left')
    header, views = wait_for_views(
        rig,
        'left',
        logs,
        before_each=lambda: calibration.publish(make_camera_info()),
        frame_id=frame_id,
    )
    label_image, instruments = rig.answer('left', header)
    assert header.frame_id == frame_id
    np.testing.assert_array_equal(label_image, MASK)
    check_pictures(views)
    check_camera_info(views['camera_info'])
    check_markers(views['markers'], instruments.instruments)
    if 'detections' in views:
        (detection,) = views['detections'].detections
        assert detection.header == header


def check_pictures(views):
    color = np.frombuffer(views['color'].data, np.uint8).reshape(HEIGHT, WIDTH, 3)
    assert views['color'].encoding == 'rgb8'
    assert (color[MASK == 0] == 0).all()
    assert (color[MASK == 1] == color[MASK == 1][0]).all()
    assert color[MASK == 1][0].any()
    overlay = np.frombuffer(views['overlay'].data, np.uint8).reshape(HEIGHT, WIDTH, 3)
    compressed = views['overlay/compressed']
    assert 'jpeg' in compressed.format
    decoded = cv2.imdecode(np.frombuffer(compressed.data, np.uint8), cv2.IMREAD_COLOR)
    difference = np.abs(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB).astype(int) - overlay)
    assert difference.mean() < 5


def check_camera_info(msg):
    assert (msg.width, msg.height) == (WIDTH, HEIGHT)
    assert msg.k[0] == FOCAL_LENGTH


def check_markers(msg, instruments):
    (instrument,) = instruments
    spheres = [marker for marker in msg.markers if marker.type == Marker.SPHERE]
    drawn = {
        (
            round(p.x / p.z * FOCAL_LENGTH + WIDTH / 2, 1),
            round(p.y / p.z * FOCAL_LENGTH + HEIGHT / 2, 1),
        )
        for marker in spheres
        if marker.action == Marker.ADD
        for p in [marker.pose.position]
    }
    assert (round(instrument.centroid.x, 1), round(instrument.centroid.y, 1)) in drawn


def test_views_can_be_switched_off(rig):
    log = rig.station.listen(Image, 'segmentation/right/color')
    wait_for_views(rig, 'right', {'color': log})
    assert change_parameter(rig.station, 'publish_color', False).successful
    unseen = rig.send('right', MASK)
    rig.answer('right', unseen)
    rig.finish_views('right', MASK)
    assert change_parameter(rig.station, 'publish_color', True).successful
    log.wait_for_header(rig.send('right', MASK))
    assert all(message.header != unseen for message in log.messages)


def test_the_node_can_be_paused_and_resumed(rig):
    def enable(data):
        return rig.station.call(SetBool, 'segmentation/enable', SetBool.Request(data=data))

    assert enable(False).success
    rig.wait_for_subscriptions(0)
    rig.wait_for_status_message('left', 'paused')
    assert enable(False).success
    assert enable(True).success
    rig.reconnect()
    np.testing.assert_array_equal(rig.answer('left', rig.send('left', MASK))[0], MASK)


def test_a_patient_node_takes_both_eyes_of_one_moment_together(rig):
    assert change_parameter(rig.station, 'pair_wait_ms', PAIR_WAIT_MS).successful

    def answers_of_one_moment():
        header = next_header()
        for eye in rig.cameras:
            rig.cameras[eye].publish(make_image(paint(MASK), header))
            # The worker has the left image before the right one is sent.
            rig.settle()
        return [rig.answer(eye, header)[1].timing for eye in rig.cameras]

    def came_in_time(left, right):
        return stamp_ns(right.received) - stamp_ns(left.received) < PAIR_WAIT_MS / 2 * 1e6

    # A busy computer may bring the right image later than the node waits for it.
    tries = (answers_of_one_moment() for _ in range(PAIR_TRIES))
    timely = next((timings for timings in tries if came_in_time(*timings)), None)
    assert change_parameter(rig.station, 'pair_wait_ms', 0.0).successful
    assert timely, f'none of {PAIR_TRIES} right images came in time'
    left, right = timely
    assert left.inference.nanosec == right.inference.nanosec


@pytest.mark.parametrize('eye', ['left', 'right'])
def test_a_crop_is_undone_in_every_output(rig, eye):
    mask = draw_rectangle(WIDTH, HEIGHT, (0, 60), (200, 40))
    crop = [100, 20, 160, 200]
    expected = np.zeros_like(mask)
    expected[20:220, 100:260] = mask[20:220, 100:260]
    assert change_parameter(rig.station, 'crop', crop).successful
    label_image, instruments = rig.answer(eye, rig.send(eye, mask))
    assert change_parameter(rig.station, 'crop', 'none').successful
    np.testing.assert_array_equal(label_image, expected)
    (instrument,) = instruments.instruments
    y, x = np.nonzero(expected)
    assert instrument.centroid.x == pytest.approx(x.mean(), abs=0.01)
    assert instrument.centroid.y == pytest.approx(y.mean(), abs=0.01)


def test_a_crop_outside_the_image_is_a_cause_of_its_own(rig):
    before = int(rig.wait_for_status('left', bool).get('rejected_crop', 0))
    assert change_parameter(rig.station, 'crop', [0, 0, WIDTH + 1, HEIGHT]).successful
    rig.send('left', MASK)
    status = rig.wait_for_status(
        'left', lambda values: int(values.get('rejected_crop', 0)) == before + 1
    )
    assert change_parameter(rig.station, 'crop', 'none').successful
    assert f'{WIDTH} x {HEIGHT} px' in status['last_error']


@pytest.mark.parametrize('value', ['sometimes', [1, 2, 3], [0, 0, 0, 10], 1.5])
def test_a_crop_that_is_none_is_refused(rig, value):
    result = change_parameter(rig.station, 'crop', value)
    assert not result.successful
    assert 'crop' in result.reason


def test_the_black_border_is_found(rig):
    assert change_parameter(rig.station, 'crop', 'auto').successful
    mask = draw_rectangle(WIDTH, HEIGHT, (120, 100), (60, 40))
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    picture[16:224, 64:256] = paint(mask)[16:224, 64:256]
    header = next_header()
    rig.cameras['left'].publish(make_image(picture, header))
    label_image, _ = rig.answer('left', header)
    assert change_parameter(rig.station, 'crop', 'none').successful
    np.testing.assert_array_equal(label_image, mask)


def test_uncertain_pixels_become_background(rig):
    assert rig.answer('left', rig.send('left', MASK))[0].any()
    assert change_parameter(rig.station, 'confidence_threshold', 1.0).successful
    doubtful = np.full((HEIGHT, WIDTH, 3), (110, 40, 40), np.uint8)
    header = next_header()
    rig.cameras['left'].publish(make_image(doubtful, header))
    label_image, instruments = rig.answer('left', header)
    assert change_parameter(rig.station, 'confidence_threshold', 0.0).successful
    assert not label_image.any()
    assert instruments.instruments == []


def test_a_giant_image_is_rejected_before_it_is_decoded(rig):
    before = int(rig.wait_for_status('left', bool).get('rejected_too_large', 0))
    assert change_parameter(rig.station, 'max_image_pixels', 1000).successful
    rig.send('left', MASK)
    rig.wait_for_status(
        'left', lambda values: int(values.get('rejected_too_large', 0)) == before + 1
    )
    assert change_parameter(rig.station, 'max_image_pixels', 33_177_600).successful
    np.testing.assert_array_equal(rig.answer('left', rig.send('left', MASK))[0], MASK)


def load_model(rig, checkpoint):
    request = LoadModel.Request(checkpoint=str(checkpoint))
    return rig.station.call_once(LoadModel, 'segmentation/load_model', request)


def write_background_checkpoint(path):
    """Write a checkpoint of task ``parts`` that calls every pixel a wrist."""
    model = create_model('color_linear', task='parts')
    model.classifier.weight.data.zero_()
    model.classifier.bias.data.copy_(model.classifier.bias.data.new_tensor([0, 0, 5, 0]))
    save_checkpoint(path, model, CheckpointInfo('color_linear', 'parts'))


def test_a_network_is_exchanged_while_the_node_runs(rig, tmp_path, target_checkpoint):
    write_background_checkpoint(tmp_path / 'wrists.safetensors')
    answer = load_model(rig, tmp_path / 'wrists.safetensors')
    assert answer.success, answer.message
    assert list(answer.class_names) == ['background', 'shaft', 'wrist', 'clasper']
    label_image, instruments = rig.answer('left', rig.send('left', MASK))
    assert (label_image == 2).all()
    assert instruments.model == 'wrists'
    answer = load_model(rig, target_checkpoint)
    assert answer.success, answer.message
    np.testing.assert_array_equal(rig.answer('left', rig.send('left', MASK))[0], MASK)


def test_the_old_network_stays_when_the_new_one_is_unusable(rig, tmp_path):
    damaged = tmp_path / 'damaged.safetensors'
    damaged.write_bytes(b'nothing')
    for checkpoint in (damaged, tmp_path / 'missing.safetensors', ''):
        answer = load_model(rig, checkpoint)
        assert not answer.success
        assert 'the present network goes on' in answer.message
        np.testing.assert_array_equal(rig.answer('left', rig.send('left', MASK))[0], MASK)


@pytest.fixture
def compressed_rig(start_node, station, tmp_path, target_checkpoint) -> Rig:
    """Return the rig of a node that reads compressed images and one folder's checkpoints."""
    inside = tmp_path / 'inside'
    inside.mkdir()
    write_target_checkpoint(inside / 'good.safetensors')
    (inside / 'link.safetensors').symlink_to(target_checkpoint)
    parameters = {'image_transport': 'compressed', 'checkpoint_directory': str(inside)}
    start_node('segmentation_node', parameters_for(target_checkpoint, eyes=['left'], **parameters))
    return Rig(station, eyes=['left'], compressed=True)


def test_compressed_images_are_read_and_checkpoints_of_the_permitted_folder_loaded(
    compressed_rig, tmp_path, target_checkpoint
):
    answer = compressed_rig.answer('left', compressed_rig.send('left', MASK))
    np.testing.assert_array_equal(answer[0], MASK)
    inside = tmp_path / 'inside'
    for outside in (target_checkpoint, inside / '..' / 'x', inside / 'link.safetensors'):
        answer = load_model(compressed_rig, outside)
        assert not answer.success
        assert 'checkpoint_directory' in answer.message
    assert load_model(compressed_rig, inside / 'good.safetensors').success
    _, instruments = compressed_rig.answer('left', compressed_rig.send('left', MASK))
    assert instruments.model == 'good'


def test_a_best_effort_camera_and_a_reliable_node_are_told_apart(rig, process):
    printed = len(process.output)
    publisher = rig.station.node.create_publisher(
        Image, 'left/image_raw', QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
    )
    process.wait_for_output('reliability:=best_effort', start=printed)
    topic = publisher.topic_name
    rig.station.node.destroy_publisher(publisher)
    process.wait_for_output(f'left: {topic} problem over', start=printed)
    refusal = 'is not heard: its RELIABILITY does not fit'
    assert process.output[printed:].count(refusal) == 1


def test_a_subscriber_that_wants_latched_images_is_told(rig, process):
    printed = len(process.output)
    subscription = rig.station.node.create_subscription(
        Image, 'segmentation/left/label_image', lambda msg: None, LATCHED
    )
    process.wait_for_output('hears nothing: its DURABILITY does not fit', start=printed)
    rig.station.node.destroy_subscription(subscription)
    process.wait_for_output('left/label_image problem over', start=printed)


def test_late_joiners_learn_the_classes(rig):
    if not vision.AVAILABLE:
        pytest.skip('vision_msgs is not installed; it comes with ROS 2 and is not on PyPI')
    logs = [
        rig.station.listen(vision.LabelInfo, 'segmentation/left/label_info', qos=LATCHED)
        for _ in range(20)
    ]
    for log in logs:
        (info,) = log.wait_for_count(1)
        assert [entry.class_name for entry in info.class_map] == ['background', 'instrument']


def test_frame_ids_that_tf_cannot_use_are_noted_and_kept(rig, process):
    for eye in rig.cameras:
        rig.answer(eye, rig.send(eye, MASK, frame_id=f'{eye}_camera'))
    rig.wait_for_status('left', lambda values: not values['frame_id_note'])
    printed = len(process.output)
    for eye in rig.cameras:
        rig.answer(eye, rig.send(eye, MASK, frame_id='camera_frame'))
    rig.wait_for_status('left', lambda values: 'both eyes' in values['frame_id_note'])
    rig.answer('left', rig.send('left', MASK, frame_id='/left'))
    rig.wait_for_status('left', lambda values: 'leading slash' in values['frame_id_note'])
    assert 'cannot tell them apart' in process.output[printed:]


def test_a_black_and_a_frozen_image_are_reported(rig):
    quick = {'quality.frozen_after_s': 1.0, 'quality.blurred_below': 0.0}
    usual = {
        'quality.frozen_after_s': DEFAULT_FROZEN_AFTER_S,
        'quality.blurred_below': DEFAULT_BLURRED_BELOW,
    }
    for name, value in quick.items():
        assert change_parameter(rig.station, name, value).successful
    black = np.zeros((HEIGHT, WIDTH, 3), np.uint8)

    def are_reported():
        rig.cameras['right'].publish(make_image(black, next_header()))
        rig.answer('left', rig.send('left', MASK))
        rig.settle()
        return all(
            status is not None
            and problem in status.message
            and status.level == DiagnosticStatus.WARN
            for eye, problem in (('left', 'frozen'), ('right', 'black'))
            for status in [rig.status(rig.diagnostics.wait_for_count(1)[-1], eye)]
        )

    wait_until(are_reported, MATCH_TIMEOUT_S, 'a frozen left and a black right image')
    for name, value in usual.items():
        assert change_parameter(rig.station, name, value).successful
