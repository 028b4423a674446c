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

"""Conversion of instruments in space to messages."""

from collections.abc import Sequence
import math

from geometry_msgs.msg import Point
from geometry_msgs.msg import Pose
from geometry_msgs.msg import PoseArray
from geometry_msgs.msg import Quaternion
from geometry_msgs.msg import Vector3
import numpy as np

from surgseg_ros.msg import Point2D
from surgseg_ros.msg import StereoInstrument as StereoInstrumentMsg
from surgseg_ros.msg import StereoInstrumentArray
from surgseg_ros.msg import StereoPoint as StereoPointMsg
from surgseg_ros.nodes.messages.instruments import NOT_TRACKED
from surgseg_ros.perception.stereo import StereoInstrument
from surgseg_ros.perception.stereo import StereoPoint

UNKNOWN_VELOCITY = (math.nan, math.nan, math.nan)
UNKNOWN_COVARIANCE = (math.nan,) * 9


def make_stereo_instrument(found: StereoInstrument) -> StereoInstrumentMsg:
    """Make the message of one instrument, not tracked."""
    return StereoInstrumentMsg(
        class_id=int(found.region.class_id),
        class_name=found.region.class_name,
        score=float(found.region.score),
        left_index=found.left_index,
        right_index=found.right_index,
        track_id=NOT_TRACKED,
        centroid=make_stereo_point(found.centroid),
        tip=make_stereo_point(found.tip),
        axis=make_vector(found.axis),
        axis_std=float(found.axis_std),
        overlap=float(found.overlap),
    )


def make_vector(values: Sequence[float] | np.ndarray) -> Vector3:
    """Make a vector of three numbers."""
    x, y, z = (float(value) for value in values)
    return Vector3(x=x, y=y, z=z)


def make_position(values: Sequence[float] | np.ndarray) -> Point:
    """Make a point of three numbers."""
    x, y, z = (float(value) for value in values)
    return Point(x=x, y=y, z=z)


def make_pose_array(array: StereoInstrumentArray) -> PoseArray:
    """Make poses at the centroids, z along the axes towards the tips; the roll is not known."""
    poses = [
        Pose(position=item.centroid.position, orientation=_turn_z_to(item.axis))
        for item in array.instruments
        if item.centroid.valid
    ]
    return PoseArray(header=array.header, poses=poses)


def make_stereo_point(point: StereoPoint | None) -> StereoPointMsg:
    """Make the message of a point, not tracked; not valid without one."""
    unknown = StereoPointMsg(
        velocity=make_vector(UNKNOWN_VELOCITY), velocity_covariance=UNKNOWN_COVARIANCE
    )
    if point is None:
        return unknown
    unknown.valid = True
    unknown.position = make_position(point.position)
    unknown.covariance = [float(value) for value in point.covariance.ravel()]
    unknown.reprojection_error = float(point.reprojection_error)
    unknown.left, unknown.right = (
        Point2D(x=float(pixel[0]), y=float(pixel[1])) for pixel in (point.left, point.right)
    )
    return unknown


def _turn_z_to(axis: Vector3) -> Quaternion:
    """Return the shortest turn of the z axis to a unit vector."""
    w = 1 + axis.z
    if w < 1e-9:
        return Quaternion(x=1.0, y=0.0, z=0.0, w=0.0)
    length = math.sqrt(axis.x**2 + axis.y**2 + w**2)
    return Quaternion(x=-axis.y / length, y=axis.x / length, z=0.0, w=w / length)
