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

import math

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

pytest.importorskip('rclpy')

from geometry_msgs.msg import Point
from geometry_msgs.msg import Vector3
from std_msgs.msg import Header
from surgseg_ros.msg import Instrument
from surgseg_ros.msg import StereoInstrument as StereoInstrumentMsg
from surgseg_ros.msg import StereoInstrumentArray
from surgseg_ros.msg import StereoPoint as StereoPointMsg

from surgseg_ros.nodes.messages.stereo import make_pose_array
from surgseg_ros.nodes.messages.stereo import make_stereo_instrument
from surgseg_ros.perception.region import NO_POINT
from surgseg_ros.perception.region import Region
from surgseg_ros.perception.region import WHOLE_INSTRUMENT
from surgseg_ros.perception.stereo import StereoInstrument
from surgseg_ros.perception.stereo import StereoPoint

COVARIANCE = np.array([[1.0, 0.1, 0.2], [0.1, 2.0, 0.3], [0.2, 0.3, 3.0]]) * 1e-6
CENTROID = StereoPoint(
    position=np.array([0.01, -0.02, 0.09]),
    covariance=COVARIANCE,
    reprojection_error=0.5,
    left=np.array([378.5, 137.75]),
    right=np.array([352.25, 137.75]),
)
TIP = StereoPoint(
    position=np.array([0.0, 0.01, 0.1]),
    covariance=4 * COVARIANCE,
    reprojection_error=1.25,
    left=np.array([319.5, 308.5]),
    right=np.array([296.0, 308.5]),
)


def found(tip=TIP):
    region = Region(
        class_id=WHOLE_INSTRUMENT,
        class_name='instrument',
        score=0.875,
        instrument_index=-1,
        centroid=(378.0, 137.0),
        centroid_covariance=(1.0, 0.0, 1.0),
        orientation=0.0,
        major_axis_length=100.0,
        minor_axis_length=30.0,
        tip=NO_POINT,
        tip_valid=False,
        bounding_box=(300, 100, 100, 30),
        area=3000,
        touches_border=True,
    )
    return StereoInstrument(
        left_index=2,
        right_index=1,
        region=region,
        centroid=CENTROID,
        tip=tip,
        axis=np.array([0.0, 0.6, 0.8]),
        axis_std=0.125,
        overlap=0.75,
    )


def xyz(values):
    return (values.x, values.y, values.z)


def test_the_fields_of_an_instrument():
    message = make_stereo_instrument(found())
    assert message.class_id == Instrument.CLASS_MERGED
    assert (message.class_name, message.score) == ('instrument', 0.875)
    assert (message.left_index, message.right_index) == (2, 1)
    assert (message.track_id, message.track_age, message.time_since_seen) == (-1, 0, 0.0)
    assert xyz(message.axis) == (0.0, 0.6, 0.8)
    assert (message.axis_std, message.overlap) == (0.125, 0.75)


@pytest.mark.parametrize(('name', 'point'), [('centroid', CENTROID), ('tip', TIP)])
def test_the_fields_of_a_point(name, point):
    message = getattr(make_stereo_instrument(found()), name)
    assert message.valid
    assert xyz(message.position) == tuple(point.position)
    np.testing.assert_array_equal(message.covariance.reshape(3, 3), point.covariance)
    assert message.reprojection_error == point.reprojection_error
    assert (message.left.x, message.left.y) == tuple(point.left)
    assert (message.right.x, message.right.y) == tuple(point.right)
    assert np.isnan(xyz(message.velocity)).all()
    assert np.isnan(message.velocity_covariance).all()


def test_a_tip_that_is_not_seen_is_not_valid_and_has_no_velocity():
    message = make_stereo_instrument(found(tip=None))
    assert not message.tip.valid
    assert np.isnan(xyz(message.tip.velocity)).all()
    assert np.isnan(message.tip.velocity_covariance).all()
    assert message.centroid.valid


def test_points_do_not_share_their_velocity():
    message = make_stereo_instrument(found())
    other = make_stereo_instrument(found())
    message.centroid.velocity.x = 1.0
    message.centroid.velocity_covariance[0] = 1.0
    for point in (message.tip, other.centroid):
        assert math.isnan(point.velocity.x)
        assert math.isnan(point.velocity_covariance[0])


def instrument(axis, valid=True):
    x, y, z = (float(value) for value in axis)
    return StereoInstrumentMsg(
        centroid=StereoPointMsg(valid=valid, position=Point(x=0.01, y=-0.02, z=0.09)),
        axis=Vector3(x=x, y=y, z=z),
    )


def unit(*values):
    return np.array(values) / np.linalg.norm(values)


@pytest.mark.parametrize(
    'axis',
    [
        unit(0, 0, 1),
        unit(0, 0, -1),
        unit(1, 0, 0),
        unit(0, -1, 0),
        unit(0.3, -0.4, 0.5),
        unit(-0.3, 0.4, -0.5),
        unit(1e-3, 0, -1),
        unit(1e-6, -1e-6, -1),
    ],
    ids=str,
)
def test_the_z_axis_of_a_pose_points_along_the_instrument(axis):
    array = StereoInstrumentArray(
        header=Header(frame_id='left_frame'), instruments=[instrument(axis)]
    )
    poses = make_pose_array(array)
    assert poses.header == array.header
    (pose,) = poses.poses
    assert xyz(pose.position) == (0.01, -0.02, 0.09)
    turn = pose.orientation
    quaternion = np.array([turn.x, turn.y, turn.z, turn.w])
    assert np.linalg.norm(quaternion) == pytest.approx(1)
    # A scalar product near 1 would hide an error of the direction.
    direction = Rotation.from_quat(quaternion).apply([0, 0, 1])
    np.testing.assert_allclose(direction, axis, atol=1e-5)


def test_instruments_without_a_centroid_have_no_pose():
    array = StereoInstrumentArray(
        instruments=[instrument((0, 0, 1), valid=False), instrument((0, 1, 0))]
    )
    assert len(make_pose_array(array).poses) == 1
    assert make_pose_array(StereoInstrumentArray()).poses == []
