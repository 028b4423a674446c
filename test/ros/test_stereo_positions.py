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

"""Positions in space from the running segmentation node."""

import copy

from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import PoseArray
from node_process import wait_until
import numpy as np
import pytest
from rclpy.duration import Duration
from rclpy.time import Time
from rig import change_parameter
from rig import next_header
from rig import parameters_for
from rig import Rig
from sensor_msgs.msg import CameraInfo
from station import MATCH_TIMEOUT_S
from stereo_rods import draw_rods
from stereo_rods import HEIGHT
from stereo_rods import projections
from stereo_rods import Rod
from stereo_rods import WIDTH
from surgseg_ros.msg import StereoInstrumentArray
from targets import make_image
from targets import paint
from visualization_msgs.msg import MarkerArray

ROD = Rod((-0.09, -0.03, 0.05), (-0.005, 0.012, 0.08))
MASKS = {eye: draw_rods([ROD], eye) for eye in ('left', 'right')}
CHI_SQUARE_999 = 16.3


def camera_info(projection, width=WIDTH, height=HEIGHT):
    info = CameraInfo(width=width, height=height, distortion_model='plumb_bob')
    info.k = projection[:, :3].ravel().tolist()
    info.d = [0.0] * 5
    info.r = np.eye(3).ravel().tolist()
    info.p = projection.ravel().tolist()
    return info


GOOD = dict(zip(('left', 'right'), map(camera_info, projections()), strict=True))


class StereoRig(Rig):
    """A rig that also sends calibrations and listens to positions."""

    def __init__(self, station):
        super().__init__(station)
        self.first_status = None
        self.positions = station.listen(StereoInstrumentArray, 'segmentation/stereo/instruments')
        self.infos = {
            eye: station.advertise(CameraInfo, f'{eye}/camera_info') for eye in self.cameras
        }

    def send_pair(self, gap_s=0.0, masks=MASKS):
        """Send both images of an instant and return their headers."""
        left = next_header('left_optical')
        right = copy.deepcopy(left)
        right.frame_id = 'right_optical'
        right.stamp = (Time.from_msg(left.stamp) + Duration(seconds=gap_s)).to_msg()
        for eye, header in (('left', left), ('right', right)):
            self.cameras[eye].publish(make_image(paint(masks[eye]), header))
        return {'left': left, 'right': right}

    def answer_pair(self, headers, masks=MASKS):
        """Check the results in the image, which must come whatever becomes of the positions."""
        for eye, header in headers.items():
            label_image, array = self.answer(eye, header)
            np.testing.assert_array_equal(label_image > 0, masks[eye] > 0)
            assert len(array.instruments) == 1

    def send_until_positions(self, infos, text, masks=MASKS, gap_s=0.0):
        """Send calibrations and pairs until the diagnostics say a text; return the last status."""

        def said():
            for eye, info in infos.items():
                self.infos[eye].publish(info)
            self.answer_pair(self.send_pair(gap_s, masks), masks)
            msg, _ = self.diagnostics.wait_for_news(lambda msg: self.status(msg, 'stereo'))
            found[:] = [self.status(msg, 'stereo')]
            return text in {item.key: item.value for item in found[0].values}['positions']

        found = []
        wait_until(said, MATCH_TIMEOUT_S, f'positions: {text}')
        return found[0]


@pytest.fixture(scope='module')
def rig(module_station, start_module_node, target_checkpoint):
    start_module_node('segmentation_node', parameters_for(target_checkpoint, pair_wait_ms=1000.0))
    rig = StereoRig(module_station)
    rig.first_status = rig.send_until_positions({'left': GOOD['left']}, 'no right/camera_info')
    return rig


def test_an_instrument_gets_its_position(rig):
    rig.send_until_positions(GOOD, 'published')
    extras = {
        'poses': rig.station.listen(PoseArray, 'segmentation/stereo/poses'),
        'markers': rig.station.listen(MarkerArray, 'segmentation/stereo/markers'),
    }
    rig.send_until(
        'left',
        MASKS['left'],
        lambda: rig.send_pair() and all(log.messages for log in extras.values()),
        'poses and markers',
    )
    headers = rig.send_pair()
    array = rig.positions.wait_for_header(headers['left'])
    assert array.right_header == headers['right']
    assert (array.stamp_gap, array.baseline) == (0.0, pytest.approx(0.0044))
    (instrument,) = array.instruments
    centroid = instrument.centroid
    position = np.array([centroid.position.x, centroid.position.y, centroid.position.z])
    truth = position / position[2] * ROD.depth_at((centroid.left.x, centroid.left.y))
    error = position - truth
    covariance = np.reshape(centroid.covariance, (3, 3))
    assert np.linalg.norm(error) < 0.0005
    assert error @ np.linalg.solve(covariance, error) < CHI_SQUARE_999
    assert (centroid.valid, instrument.tip.valid) == (True, True)
    assert np.isnan(centroid.velocity.x)
    assert instrument.track_id == -1
    poses = extras['poses'].wait_for_header(headers['left'])
    assert poses.poses[0].position == centroid.position
    namespaces = {marker.ns for marker in extras['markers'].messages[-1].markers}
    assert {'centroid', 'tip', 'axis', 'name', 'uncertainty'} <= namespaces


def test_a_gap_between_the_eyes_is_told_and_a_large_one_makes_no_pair(rig):
    rig.send_until_positions(GOOD, 'published')
    exact = rig.positions.wait_for_header(rig.send_pair()['left']).instruments[0].centroid
    array = rig.positions.wait_for_header(rig.send_pair(gap_s=0.02)['left'])
    assert array.stamp_gap == pytest.approx(0.02)
    assert array.instruments[0].centroid.covariance[8] > 1.2 * exact.covariance[8]
    count = len(rig.positions.messages)
    apart = rig.send_pair(gap_s=0.03)
    rig.answer_pair(apart)
    rig.positions.wait_for_header(rig.send_pair()['left'])
    assert all(msg.header != apart['left'] for msg in rig.positions.messages[count:])


def test_a_calibration_that_has_not_come_yet_is_no_fault(rig):
    assert rig.first_status.level == DiagnosticStatus.OK


def test_a_bad_calibration_is_named_and_costs_no_result_in_the_image(rig):
    without_positions = []
    left, right = projections()
    nothing, broken, wrong_sign = right * 0, right.copy(), right.copy()
    broken[0, 0] = np.nan
    wrong_sign[0, 3] *= -1
    for infos, text in (
        ({'left': camera_info(right), 'right': camera_info(left)}, 'swapped'),
        ({'left': GOOD['left'], 'right': camera_info(nothing)}, 'not calibrated'),
        ({'left': GOOD['left'], 'right': camera_info(broken)}, 'not finite'),
        ({'left': GOOD['left'], 'right': camera_info(wrong_sign)}, 'wrong sign'),
        ({'left': GOOD['left'], 'right': camera_info(right, 320)}, '320x512'),
    ):
        status = rig.send_until_positions(infos, text)
        assert status.level == DiagnosticStatus.WARN
        assert text in status.message
        pair = rig.send_pair()
        without_positions.append(pair['left'])
        # Its positions are done with when the next pair is answered.
        for headers in (pair, rig.send_pair()):
            rig.answer_pair(headers)
    assert rig.send_until_positions(GOOD, 'published').level == DiagnosticStatus.OK
    rig.positions.wait_for_header(rig.send_pair()['left'])
    assert all(msg.header not in without_positions for msg in rig.positions.messages)


def test_eyes_of_different_sizes_give_no_positions(rig):
    masks = {'left': MASKS['left'], 'right': MASKS['right'][:500]}
    status = rig.send_until_positions(GOOD, 'must have one size', masks)
    assert status.level == DiagnosticStatus.WARN


def test_positions_can_be_switched_off(rig):
    rig.send_until_positions(GOOD, 'published')
    assert change_parameter(rig.station, 'stereo', 'off').successful
    status = rig.send_until_positions(GOOD, 'off')
    assert status.level == DiagnosticStatus.OK
    count = len(rig.positions.messages)
    rig.answer_pair(rig.send_pair())
    assert change_parameter(rig.station, 'stereo', 'auto').successful
    rig.send_until_positions(GOOD, 'published')
    again = rig.send_pair()
    rig.positions.wait_for_header(again['left'])
    indices = [msg.pair_index for msg in rig.positions.messages]
    assert indices == list(range(indices[0], indices[0] + len(indices)))
    assert len(indices) > count


def test_a_missing_eye_is_told_and_costs_the_other_nothing(rig):
    rig.send_until_positions(GOOD, 'published')
    assert change_parameter(rig.station, 'input_timeout_s', 1.0).successful

    def left_alone(messages):
        rig.answer('left', rig.send('left', MASKS['left']))
        status = rig.status(messages[-1], 'stereo')
        return status.level == DiagnosticStatus.WARN and 'no pair of images' in status.message

    wait_until(
        lambda: left_alone(rig.diagnostics.messages), MATCH_TIMEOUT_S, 'a warning of missing pairs'
    )
    rig.send_pair()
    rig.send_until_positions(GOOD, 'published')
