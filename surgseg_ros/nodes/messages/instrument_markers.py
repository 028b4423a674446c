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

"""Instruments as markers for RViz, on a plane in front of the camera."""

from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import replace

from builtin_interfaces.msg import Duration
from geometry_msgs.msg import Point
from geometry_msgs.msg import Pose
from geometry_msgs.msg import Vector3
import numpy as np
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker
from visualization_msgs.msg import MarkerArray

from surgseg_ros.calibration.camera import CalibrationError
from surgseg_ros.data.label_sets import LabelSet
from surgseg_ros.msg import Instrument
from surgseg_ros.msg import InstrumentArray
from surgseg_ros.msg import StereoInstrument
from surgseg_ros.nodes.messages.camera_info import calibration_of

AXIS, CENTROID, TIP, NAME = 'axis', 'centroid', 'tip', 'name'
"""Namespaces of the markers: RViz can hide each of them."""

LIFETIME_S = 1
"""Markers vanish when no image came for this long, so that nobody trusts old ones."""

_WHITE = (255, 255, 255)
TIP_COLOR = (255, 0, 128)

# Sizes in pixels of a 640 pixels wide image, so that they look alike at every size and depth.
_REFERENCE_WIDTH = 640
_AXIS_WIDTH = 4.0
_CENTROID_DIAMETER = 12.0
_TIP_DIAMETER = 16.0
_NAME_HEIGHT = 20.0
_NAME_OFFSET = 24.0


class UnusableCameraInfoError(ValueError):
    """A camera info from which no rays follow; the message names the cause and the remedy."""


def make_instrument_markers(
    array: InstrumentArray, camera_info: CameraInfo, colors_by_class: LabelSet, depth_m: float
) -> MarkerArray:
    """
    Draw principal axis, centroid, tip, name and score of every instrument.

    The true distance is not known: everything lies on the plane ``Z = depth_m`` of the camera's
    own optical frame, the one that the header names. A pixel becomes a ray by

    - ``P`` alone where ``D`` is zero, since such an image is rectified or has no distortion;
    - ``cv2.undistortPoints`` with ``K``, ``D``, ``R`` and then ``P`` where ``D`` is not zero;
    - ``K`` and ``D`` in the same way, without ``R``, where ``P[0]`` is not positive.

    ``P[3]``, the baseline of a right camera, is left out: it leads to the frame of the left one.

    The ids are stable: the track id, or ``-1 - index`` of an instrument that is not tracked.

    :param array: instruments in pixels; its header becomes that of every marker, bit for bit
    :param camera_info: calibration of the camera for images of the same size
    :param colors_by_class: classes of the array; instruments of merged classes become white
    :param depth_m: distance of the plane from the camera in m
    :return: a marker that deletes those of the previous image, then those of this one
    :raises UnusableCameraInfoError: if the camera is not calibrated, for images of another size
        or by a model that OpenCV's ``undistortPoints`` does not know
    """
    plane = _Plane(array, camera_info, depth_m)
    markers = [Marker(header=array.header, action=Marker.DELETEALL)]
    for index, instrument in enumerate(array.instruments):
        color = color_of(instrument, colors_by_class)
        for marker in _draw(instrument, color, plane):
            marker.header = array.header
            marker.id = instrument.track_id if instrument.track_id >= 0 else -1 - index
            marker.lifetime = Duration(sec=LIFETIME_S)
            markers.append(marker)
    return MarkerArray(markers=markers)


class _Plane:
    """The plane parallel to the image on which the markers lie."""

    def __init__(self, array: InstrumentArray, camera_info: CameraInfo, depth_m: float) -> None:
        _check(array, camera_info)
        self._depth = depth_m
        try:
            camera = calibration_of(camera_info)
        except CalibrationError as error:
            raise UnusableCameraInfoError(str(error)) from error
        if camera_info.p[0] <= 0:
            plain = np.column_stack((camera.camera_matrix, np.zeros(3)))
            camera = replace(camera, rectification=np.eye(3), projection=plain)
        self._camera = camera
        self._projection = camera.projection
        self._pixel = array.image_width / _REFERENCE_WIDTH

    def length(self, pixels: float) -> float:
        """Return the length in m of so many pixels of a 640 pixels wide image."""
        return float(self.pixels(pixels) * self._depth / self._projection[0, 0])

    def pixels(self, pixels: float) -> float:
        """Return how many pixels of this image are so many of a 640 pixels wide one."""
        return pixels * self._pixel

    def point(self, x: float, y: float) -> Point:
        """Return the point in m that is seen at a pixel."""
        pixel = np.array([[x, y]], float)
        if np.any(self._camera.distortion):
            pixel = self._camera.rectify(pixel)
        focal = self._projection[[0, 1], [0, 1]]
        x, y = ((pixel[0] - self._projection[:2, 2]) / focal * self._depth).tolist()
        return Point(x=x, y=y, z=self._depth)


def _check(array: InstrumentArray, camera_info: CameraInfo) -> None:
    if camera_info.k[0] == 0:
        raise UnusableCameraInfoError(
            'the camera is not calibrated (K[0] is 0 in its camera_info); calibrate it with '
            'camera_calibration'
        )
    image_size = (array.image_width, array.image_height)
    calibrated_size = (camera_info.width, camera_info.height)
    if image_size != calibrated_size:
        raise UnusableCameraInfoError(
            'camera_info is of images of {}x{} px, the image has {}x{} px; '.format(
                *calibrated_size, *image_size
            )
            + 'let the camera driver publish the camera_info of these images'
        )


def color_of(instrument: Instrument | StereoInstrument, label_set: LabelSet) -> Sequence[int]:
    """Return the color of an instrument's class, white for merged classes."""
    if instrument.class_id < label_set.num_classes:
        return label_set.colors[instrument.class_id].tolist()
    return _WHITE


def _draw(instrument: Instrument, color: Sequence[int], plane: _Plane) -> Iterator[Marker]:
    x, y = instrument.centroid.x, instrument.centroid.y
    centroid = plane.point(x, y)
    arm = instrument.major_axis_length / 2
    dx, dy = arm * np.cos(instrument.orientation), arm * np.sin(instrument.orientation)
    yield Marker(
        ns=AXIS,
        type=Marker.LINE_LIST,
        pose=_pose(Point()),
        scale=Vector3(x=plane.length(_AXIS_WIDTH)),
        color=make_color(color),
        points=[plane.point(x - dx, y - dy), plane.point(x + dx, y + dy)],
    )
    yield _sphere(CENTROID, centroid, plane.length(_CENTROID_DIAMETER), color)
    if instrument.tip_valid:
        tip = plane.point(instrument.tip.x, instrument.tip.y)
        yield _sphere(TIP, tip, plane.length(_TIP_DIAMETER), TIP_COLOR)
    yield Marker(
        ns=NAME,
        type=Marker.TEXT_VIEW_FACING,
        pose=_pose(plane.point(x, y - plane.pixels(_NAME_OFFSET))),
        scale=Vector3(z=plane.length(_NAME_HEIGHT)),
        color=make_color(color),
        text=f'{instrument.class_name} {instrument.score:.2f}',
    )


def _sphere(namespace: str, center: Point, diameter: float, color: Sequence[int]) -> Marker:
    return Marker(
        ns=namespace,
        type=Marker.SPHERE,
        pose=_pose(center),
        scale=Vector3(x=diameter, y=diameter, z=diameter),
        color=make_color(color),
    )


def _pose(position: Point) -> Pose:
    pose = Pose(position=position)
    pose.orientation.w = 1.0
    return pose


def make_color(color: Sequence[int]) -> ColorRGBA:
    """Make an opaque color of red, green and blue, 0 to 255."""
    red, green, blue = (value / 255 for value in color)
    return ColorRGBA(r=red, g=green, b=blue, a=1.0)
