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

"""The recorder as a process, fed over DDS with frames whose every number is known."""

import csv
import json
import os
import signal

import cv2
from diagnostic_msgs.msg import DiagnosticArray
from diagnostic_msgs.msg import DiagnosticStatus
from diagnostic_msgs.msg import KeyValue
from graph import describe_interface
from graph import endpoints
from node_process import wait_until
import numpy as np
import pytest
from rclpy.qos import QoSProfile
from rclpy.qos import ReliabilityPolicy
from rclpy.time import Time
from rosbags.rosbag2 import Reader
from sensor_msgs.msg import CameraInfo
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from surgseg_ros.msg import Instrument
from surgseg_ros.msg import InstrumentArray
from surgseg_ros.msg import StereoInstrument
from surgseg_ros.msg import StereoInstrumentArray

from surgseg_ros.nodes.demo.bag_writer import make_typestore
from surgseg_ros.nodes.messages.images import array_to_image

EYES = ('left', 'right')
WIDTH, HEIGHT = 64, 48
FRAMES = 12
DROPPED = (4, 5)
PERIOD_NS = 100_000_000
DEADLINE_S = 30.0
# All frames are published at once, which a shorter queue would not hold.
QUEUE_DEPTH = 100
CAMERA_QOS = QoSProfile(depth=QUEUE_DEPTH, reliability=ReliabilityPolicy.BEST_EFFORT)
MODEL = {
    'checkpoint': 'weights_of_the_test',
    'model': 'mffnet',
    'task': 'parts',
    'branch': 'auxiliary',
    'backend': 'torch',
    'device': 'cuda:7',
}
# Rows 0 to 15 are shaft, 16 to 23 wrist, 24 to 27 clasper.
TRUTH = np.zeros((HEIGHT, WIDTH), np.uint8)
TRUTH[:16], TRUTH[16:24], TRUTH[24:28] = 1, 2, 3
PREDICTION = TRUTH.copy()
PREDICTION[20:24] = 0
EXPECTED_DICE = {
    'binary': round(2 * 24 / (28 + 24), 4),
    'shaft': 1.0,
    'wrist': round(2 * 4 / (8 + 4), 4),
    'clasper': 1.0,
}


class Rig:
    """Camera, segmentation node and ground truth in one, publishing what it is told."""

    def __init__(self, station):
        node = station.node
        self.namespace = station.namespace
        self.start_ns = node.get_clock().now().nanoseconds
        self.diagnostics = node.create_publisher(DiagnosticArray, '/diagnostics', 10)
        topics = {
            'camera_info': (CameraInfo, '{}/camera_info', CAMERA_QOS),
            'image': (Image, '{}/image_raw', CAMERA_QOS),
            'truth': (Image, 'ground_truth/{}/label_image', QUEUE_DEPTH),
            'prediction': (Image, 'segmentation/{}/label_image', QUEUE_DEPTH),
            'overlay': (Image, 'tracking/{}/overlay', QUEUE_DEPTH),
            'instruments': (InstrumentArray, 'segmentation/{}/instruments', QUEUE_DEPTH),
        }
        self.publishers = {
            (eye, name): node.create_publisher(message, topic.format(eye), qos)
            for eye in EYES
            for name, (message, topic, qos) in topics.items()
        }

        self.positions = node.create_publisher(
            StereoInstrumentArray, 'tracking/stereo/instruments', QUEUE_DEPTH
        )

    def connected(self):
        publishers = [self.diagnostics, self.positions, *self.publishers.values()]
        return all(publisher.get_subscription_count() for publisher in publishers)

    def describe_model(self, level=DiagnosticStatus.OK, message=''):
        status = DiagnosticStatus(name=f'{self.namespace[1:]}/segmentation: model', level=level)
        status.message = message
        status.values = [KeyValue(key=key, value=value) for key, value in MODEL.items()]
        self.diagnostics.publish(DiagnosticArray(status=[status]))

    def header(self, eye, index):
        stamp = Time(nanoseconds=self.start_ns + index * PERIOD_NS).to_msg()
        return Header(stamp=stamp, frame_id=f'endoscope_{eye}_optical_frame')

    def publish(self, index, processed=True, truth=TRUTH):
        for eye in EYES:
            header = self.header(eye, index)
            image = np.full((HEIGHT, WIDTH, 3), 100, np.uint8)
            messages = {
                'camera_info': CameraInfo(header=header, width=WIDTH, height=HEIGHT),
                'image': array_to_image(image, 'rgb8', header),
                'truth': array_to_image(truth, 'mono8', header),
            }
            if processed:
                messages['prediction'] = array_to_image(PREDICTION, 'mono8', header)
                messages['overlay'] = array_to_image(image, 'rgb8', header)
                messages['instruments'] = self.instruments(eye, index, header)
            for name, message in messages.items():
                self.publishers[eye, name].publish(message)
        if processed:
            self.positions.publish(self.instruments_in_space(index))

    def instruments(self, eye, index, header):
        instrument = Instrument(class_id=255, class_name='instrument', score=0.75, area=1536)
        instrument.centroid.x, instrument.centroid.y = 31.5 + index, 11.25
        instrument.centroid_covariance = [0.5, 0.25, 0.125]
        instrument.tip_valid = True
        message = InstrumentArray(header=header, eye=eye, frame_index=index)
        message.instruments = [instrument] * (1 if eye == 'left' else 2)
        message.timing.received = header.stamp
        message.timing.published = Time(
            nanoseconds=self.start_ns + index * PERIOD_NS + 25_000_000
        ).to_msg()
        message.timing.inference.nanosec = 20_000_000
        message.frames_dropped = len(DROPPED) if index == max(DROPPED) + 1 else 0
        return message

    def instruments_in_space(self, index):
        instrument = StereoInstrument(class_name='instrument', class_id=255, track_id=7)
        instrument.centroid.valid = True
        instrument.centroid.position.z = 0.08 + index / 1000
        instrument.centroid.velocity.x = 0.01
        instrument.centroid.covariance = np.diag([1e-8, 2e-8, 3e-7]).ravel()
        instrument.centroid.left.x = 31.5
        header = self.header('left', index)
        return StereoInstrumentArray(header=header, pair_index=index, instruments=[instrument])


@pytest.fixture
def rig(station):
    return Rig(station)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / 'results'


@pytest.fixture
def recorder(start_node, folder):
    return start_node('demo_recorder_node', {'output_directory': str(folder)})


def start_measurement(rig, folder):
    wait_until(rig.connected, DEADLINE_S, 'the subscriptions of the recorder')
    rig.describe_model()

    def started():
        rig.publish(0)
        return (folder / 'summary.json').exists()

    wait_until(started, DEADLINE_S, 'the beginning of the measurement')


def read_summary(folder):
    return json.loads((folder / 'summary.json').read_text(encoding='utf-8'))


def wait_for_comparisons(folder, count):
    wait_until(
        lambda: read_summary(folder)['frames_compared'] == count,
        DEADLINE_S,
        f'{count} compared frames',
    )


def test_everything_known_about_the_frames_is_in_the_results(rig, recorder, folder):
    start_measurement(rig, folder)
    for index in range(1, FRAMES + 1):
        rig.publish(index, processed=index not in DROPPED)
    wait_for_comparisons(folder, 2 * (FRAMES - len(DROPPED)))
    recorder.stop()
    check_summary(read_summary(folder))
    check_table(folder / 'instruments.csv')
    check_bag(folder / 'bag', rig.namespace)
    check_pictures(folder)


def check_summary(summary):
    assert summary['frames_in'] == 2 * FRAMES
    assert summary['frames_processed'] == 2 * (FRAMES - len(DROPPED))
    assert summary['frames_dropped'] == summary['frames_dropped_in_node'] == 2 * len(DROPPED)
    assert summary['dice'] == EXPECTED_DICE
    assert {key: summary[key] for key in MODEL} == MODEL
    assert summary['duration_s'] == pytest.approx(FRAMES * PERIOD_NS * 1e-9)
    assert summary['camera_rate_hz'] == pytest.approx(10.0)
    assert summary['image_size'] == [WIDTH, HEIGHT]
    assert summary['node_latency_ms'] == {'p50': 25.0, 'p95': 25.0, 'p99': 25.0}
    assert summary['stage_ms']['inference']['p50'] == 20.0
    assert not summary['complete']


def check_table(path):
    with path.open(newline='', encoding='utf-8') as file:
        rows = list(csv.DictReader(file))
    processed = FRAMES - len(DROPPED)
    positions = [row for row in rows if row['eye'] == 'stereo']
    assert (len(rows), len(positions)) == (4 * processed, processed)
    check_positions(positions)
    rows = [row for row in rows if row['eye'] != 'stereo']
    first = rows[0]
    assert first['frame_id'] == f'endoscope_{first["eye"]}_optical_frame'
    assert float(first['centroid_x']) == 31.5 + int(first['frame_index'])
    variances = [first[f'centroid_variance_{axes}'] for axes in ('xx', 'xy', 'yy')]
    assert variances == ['0.5', '0.25', '0.125']
    assert (first['tip_valid'], first['area'], first['score']) == ('True', '1536', '0.75')
    seconds, nanoseconds = first['stamp'].split('.')
    assert len(nanoseconds) == 9
    assert len({row['stamp'] for row in rows}) == FRAMES - len(DROPPED)
    assert int(seconds) > 1_700_000_000


def check_positions(rows):
    for row in rows:
        assert float(row['position_z']) == 0.08 + int(row['frame_index']) / 1000
        assert (row['track_id'], row['velocity_x'], row['centroid_x']) == ('7', '0.01', '31.5')
        assert float(row['position_variance_zz']) == 3e-7
        assert (row['tip_valid'], row['tip_position_x'], row['area']) == ('False', '', '')


def check_bag(path, namespace):
    typestore = make_typestore()
    with Reader(path) as reader:
        counts = {connection.topic: connection.msgcount for connection in reader.connections}
        messages = {
            connection.topic: typestore.deserialize_cdr(raw, connection.msgtype)
            for connection, _, raw in reader.messages()
        }
        qos = {
            connection.topic: connection.ext.offered_qos_profiles[0].reliability.name
            for connection in reader.connections
        }
    processed = FRAMES - len(DROPPED)
    for eye in EYES:
        assert counts[f'{namespace}/{eye}/camera_info'] == FRAMES
        assert counts[f'{namespace}/ground_truth/{eye}/label_image'] == FRAMES
        assert counts[f'{namespace}/segmentation/{eye}/label_image'] == processed
        assert counts[f'{namespace}/segmentation/{eye}/instruments'] == processed
        # Two a second of the 1.2 s.
        assert 2 <= counts[f'{namespace}/{eye}/image_raw/compressed'] <= 4
        label_image = messages[f'{namespace}/segmentation/{eye}/label_image']
        np.testing.assert_array_equal(label_image.data.reshape(HEIGHT, WIDTH), PREDICTION)
        instruments = messages[f'{namespace}/segmentation/{eye}/instruments']
        assert instruments.instruments[0].centroid.y == 11.25
        assert instruments.header.frame_id == f'endoscope_{eye}_optical_frame'
        jpeg = messages[f'{namespace}/{eye}/image_raw/compressed'].data
        assert cv2.imdecode(jpeg, cv2.IMREAD_COLOR).shape == (HEIGHT, WIDTH, 3)
        assert qos[f'{namespace}/{eye}/camera_info'] == 'BEST_EFFORT'
        assert qos[f'{namespace}/segmentation/{eye}/label_image'] == 'RELIABLE'


def check_pictures(folder):
    picture = cv2.imread(str(folder / 'overlay.jpg'))
    assert picture.shape[1] == 4 * WIDTH
    video = cv2.VideoCapture(str(folder / 'overlay.mp4'))
    frames = 0
    while video.read()[0]:
        frames += 1
    assert frames == FRAMES


def test_the_recorder_has_its_topics(station, rig, recorder, check_golden):
    wait_until(rig.connected, DEADLINE_S, 'the subscriptions of the recorder')

    def heard():
        graph = endpoints(station.node, 'demo_recorder', station.namespace)
        return {name for access, name, _ in graph if access == 'subscribe'}

    publishers = [rig.diagnostics, rig.positions, *rig.publishers.values()]
    wanted = {publisher.topic_name for publisher in publishers}
    wait_until(lambda: wanted <= heard(), DEADLINE_S, 'the topics of the recorder')
    interface = describe_interface(station, 'demo_recorder', station.namespace)
    check_golden('topics/demo_recorder.txt', interface)


def test_the_recorder_ends_by_itself_after_its_duration(rig, start_node, folder):
    recorder = start_node(
        'demo_recorder_node', {'output_directory': str(folder), 'duration_s': 0.5}
    )
    start_measurement(rig, folder)
    for index in range(1, 8):
        rig.publish(index)
    assert recorder.wait_for_exit() == 0
    summary = read_summary(folder)
    assert summary['complete']
    assert summary['frames_in'] == summary['frames_processed'] + summary['frames_dropped']


def test_results_of_an_earlier_run_are_replaced_and_other_files_kept(rig, start_node, folder):
    folder.mkdir()
    for name in ('summary.json', 'overlay.jpg', 'notes.txt'):
        (folder / name).write_text('old')
    for _ in range(2):
        recorder = start_node('demo_recorder_node', {'output_directory': str(folder)})
        wait_until(rig.connected, DEADLINE_S, 'the subscriptions of the recorder')
        recorder.stop(signal.SIGTERM)
        wait_until(lambda: not rig.connected(), DEADLINE_S, 'the end of the subscriptions')
        assert sorted(os.listdir(folder)) == ['bag', 'instruments.csv', 'notes.txt']


def test_a_segmentation_node_that_cannot_work_ends_the_recording(rig, recorder):
    wait_until(rig.connected, DEADLINE_S, 'the subscriptions of the recorder')
    rig.describe_model(DiagnosticStatus.ERROR, 'weights.safetensors is damaged')
    assert recorder.wait_for_exit() == 1
    assert 'weights.safetensors is damaged' in recorder.output
    assert 'Traceback' not in recorder.output


def test_truth_of_another_size_is_reported_and_counted(rig, recorder, folder):
    start_measurement(rig, folder)
    rig.publish(1, truth=np.zeros((HEIGHT + 2, WIDTH), np.uint8))
    rig.publish(2)
    wait_for_comparisons(folder, 2)
    recorder.stop()
    assert read_summary(folder)['frames_not_compared'] == 2
    assert 'truth_task' in recorder.output
