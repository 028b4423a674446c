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

"""Instruments in space as markers for RViz."""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence

from builtin_interfaces.msg import Duration
from geometry_msgs.msg import Point
from geometry_msgs.msg import Pose
from geometry_msgs.msg import Quaternion
from geometry_msgs.msg import Vector3
import numpy as np
from scipy.spatial.transform import Rotation
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker
from visualization_msgs.msg import MarkerArray

from surgseg_ros.msg import StereoInstrument
from surgseg_ros.msg import StereoInstrumentArray
from surgseg_ros.msg import StereoPoint
from surgseg_ros.nodes.messages.instrument_markers import AXIS
from surgseg_ros.nodes.messages.instrument_markers import CENTROID
from surgseg_ros.nodes.messages.instrument_markers import LIFETIME_S
from surgseg_ros.nodes.messages.instrument_markers import make_color
from surgseg_ros.nodes.messages.instrument_markers import NAME
from surgseg_ros.nodes.messages.instrument_markers import TIP
from surgseg_ros.nodes.messages.instrument_markers import TIP_COLOR

UNCERTAINTY = 'uncertainty'
"""Namespace of the ellipsoids that hold a point with a probability of 95 %."""

AXIS_LENGTH_M = 0.03
AXIS_WIDTH_M = 0.002
CENTROID_DIAMETER_M = 0.004
TIP_DIAMETER_M = 0.003
NAME_HEIGHT_M = 0.005
NAME_OFFSET_M = 0.008
UNCERTAINTY_OPACITY = 0.35
RADII_95 = 2.795
"""Root of the 95 % quantile of chi-square with 3 degrees of freedom."""


def make_stereo_markers(
    array: StereoInstrumentArray, find_color: Callable[[StereoInstrument], Sequence[int]]
) -> MarkerArray:
    """
    Draw centroid, tip, axis, name and the 95 % ellipsoids of every instrument, to scale.

    The ids are stable: the track id, or ``-1 - index`` of an instrument that is not tracked.

    :param array: its header becomes that of every marker, bit for bit
    :param find_color: returns red, green and blue of an instrument, 0 to 255
    :return: a marker that deletes those of the previous pair, then those of this one
    """
    markers = [Marker(header=array.header, action=Marker.DELETEALL)]
    for index, instrument in enumerate(array.instruments):
        for marker in _draw(instrument, find_color(instrument)):
            marker.header = array.header
            marker.id = instrument.track_id if instrument.track_id >= 0 else -1 - index
            marker.lifetime = Duration(sec=LIFETIME_S)
            markers.append(marker)
    return MarkerArray(markers=markers)


def _draw(instrument: StereoInstrument, color: Sequence[int]) -> Iterator[Marker]:
    if not instrument.centroid.valid:
        return
    center, axis = instrument.centroid.position, instrument.axis
    yield _ball(CENTROID, center, CENTROID_DIAMETER_M, make_color(color))
    yield _ellipsoid(UNCERTAINTY, instrument.centroid, color)
    start, end = (
        Point(
            x=center.x + reach * axis.x, y=center.y + reach * axis.y, z=center.z + reach * axis.z
        )
        for reach in (0.0, AXIS_LENGTH_M)
    )
    yield Marker(
        ns=AXIS,
        type=Marker.ARROW,
        pose=Pose(orientation=Quaternion(w=1.0)),
        scale=Vector3(x=AXIS_WIDTH_M, y=2 * AXIS_WIDTH_M),
        color=make_color(color),
        points=[start, end],
    )
    if instrument.tip.valid:
        yield _ball(TIP, instrument.tip.position, TIP_DIAMETER_M, make_color(TIP_COLOR))
        yield _ellipsoid(f'{TIP}_{UNCERTAINTY}', instrument.tip, TIP_COLOR)
    above = Point(x=center.x, y=center.y - NAME_OFFSET_M, z=center.z)
    number = f'{instrument.track_id} ' if instrument.track_id >= 0 else ''
    yield Marker(
        ns=NAME,
        type=Marker.TEXT_VIEW_FACING,
        pose=Pose(position=above, orientation=Quaternion(w=1.0)),
        scale=Vector3(z=NAME_HEIGHT_M),
        color=make_color(color),
        text=f'{number}{instrument.class_name} {1e3 * center.z:.1f} mm',
    )


def _ball(namespace: str, center: Point, diameter: float, color: ColorRGBA) -> Marker:
    return Marker(
        ns=namespace,
        type=Marker.SPHERE,
        pose=Pose(position=center, orientation=Quaternion(w=1.0)),
        scale=Vector3(x=diameter, y=diameter, z=diameter),
        color=color,
    )


def _ellipsoid(namespace: str, point: StereoPoint, color: Sequence[int]) -> Marker:
    variances, axes = np.linalg.eigh(np.reshape(point.covariance, (3, 3)))
    if np.linalg.det(axes) < 0:
        axes[:, 0] *= -1
    x, y, z = (2 * RADII_95 * np.sqrt(np.maximum(variances, 1e-12))).tolist()
    marker = _ball(namespace, point.position, 1.0, make_color(color))
    marker.scale = Vector3(x=x, y=y, z=z)
    marker.pose.orientation = _quaternion(axes)
    marker.color.a = UNCERTAINTY_OPACITY
    return marker


def _quaternion(rotation: np.ndarray) -> Quaternion:
    """Return the quaternion of a rotation (3, 3)."""
    x, y, z, w = Rotation.from_matrix(rotation).as_quat().tolist()
    return Quaternion(x=x, y=y, z=z, w=w)
