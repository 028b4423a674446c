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

import cv2
import numpy as np
import pytest

pytest.importorskip('rclpy')

from std_msgs.msg import Header
from surgseg_ros.msg import Instrument
from surgseg_ros.msg import InstrumentArray
from surgseg_ros.msg import Point2D
from visualization_msgs.msg import Marker

from surgseg_ros.data import get_label_set
from surgseg_ros.nodes.messages.camera_info import make_camera_info
from surgseg_ros.nodes.messages.instrument_markers import make_instrument_markers
from surgseg_ros.nodes.messages.instrument_markers import UnusableCameraInfoError

WIDTH, HEIGHT = 640, 512
FX, FY, CX, CY = 500.0, 520.0, 310.0, 250.0
DEPTH_M = 0.1
DISTORTION = (-0.3, 0.1, 0.002, -0.001, 0.0)
PARTS = get_label_set('parts')


def camera_info(**changes):
    return make_camera_info(WIDTH, HEIGHT, FX, FY, CX, CY, **changes)


def instrument(**changes):
    fields = {
        'class_id': Instrument.CLASS_MERGED,
        'class_name': 'instrument',
        'score': 0.875,
        'track_id': -1,
        'centroid': Point2D(x=410.0, y=198.0),
        'orientation': math.pi / 6,
        'major_axis_length': 100.0,
        'tip': Point2D(x=math.nan, y=math.nan),
    }
    return Instrument(**{**fields, **changes})


def array_of(*instruments):
    header = Header(frame_id='/left_frame')
    header.stamp.sec, header.stamp.nanosec = 1_700_000_001, 999_999_937
    return InstrumentArray(
        header=header, image_width=WIDTH, image_height=HEIGHT, instruments=list(instruments)
    )


def draw(*instruments, info=None):
    """Return the markers by namespace, without the one that deletes the old ones."""
    array = make_instrument_markers(array_of(*instruments), info or camera_info(), PARTS, DEPTH_M)
    return {(marker.ns, marker.id): marker for marker in array.markers[1:]}


def xyz(point):
    return (point.x, point.y, point.z)


def project(point, info):
    """Return the pixel of a rectified image at which a point is seen, without the baseline."""
    matrix = np.array(info.p).reshape(3, 4)[:, :3]
    x, y, w = matrix @ xyz(point)
    return x / w, y / w


def test_the_markers_of_the_previous_image_are_deleted_first():
    array = array_of(instrument())
    markers = make_instrument_markers(array, camera_info(), PARTS, DEPTH_M).markers
    assert markers[0].action == Marker.DELETEALL
    assert {marker.action for marker in markers[1:]} == {Marker.ADD}
    assert all(marker.header == array.header for marker in markers)
    assert len(make_instrument_markers(array_of(), camera_info(), PARTS, DEPTH_M).markers) == 1


def test_centroid_axis_and_name_lie_where_they_are_seen():
    markers = draw(instrument())
    assert [ns for ns, _ in markers] == ['axis', 'centroid', 'name']
    center = markers['centroid', -1].pose.position
    assert xyz(center) == pytest.approx((100 / FX * 0.1, -52 / FY * 0.1, 0.1))
    axis = markers['axis', -1]
    dx, dy = 50 * math.cos(math.pi / 6), 50 * math.sin(math.pi / 6)
    seen = [project(point, camera_info()) for point in axis.points]
    assert seen[0] == pytest.approx((410 - dx, 198 - dy))
    assert seen[1] == pytest.approx((410 + dx, 198 + dy))
    name = markers['name', -1]
    assert name.text == 'instrument 0.88'
    x, y = project(name.pose.position, camera_info())
    assert x == pytest.approx(410)
    assert y < 198
    assert all(marker.pose.orientation.w == 1.0 for marker in markers.values())


def test_a_tip_is_drawn_only_if_it_is_valid():
    tip = draw(instrument(tip=Point2D(x=10.0, y=500.0), tip_valid=True))['tip', -1]
    assert project(tip.pose.position, camera_info()) == pytest.approx((10, 500))
    assert ('tip', -1) not in draw(instrument(tip_valid=False))


def test_ids_are_unique_and_follow_the_tracks():
    markers = draw(instrument(track_id=7), instrument(), instrument(track_id=0), instrument())
    ids = [marker_id for ns, marker_id in markers if ns == 'centroid']
    assert ids == [7, -2, 0, -4]


def test_colors_are_those_of_the_class():
    wrist = draw(instrument(class_id=2))['centroid', -1].color
    assert [wrist.r, wrist.g, wrist.b] == pytest.approx(PARTS.colors[2] / 255)
    merged = draw(instrument())['axis', -1].color
    assert (merged.r, merged.g, merged.b, merged.a) == (1.0, 1.0, 1.0, 1.0)


def test_sizes_are_the_same_share_of_every_image_and_depth():
    def seen_width(scale, depth):
        info = make_camera_info(WIDTH * scale, HEIGHT * scale, FX * scale, FY, CX, CY)
        array = array_of(instrument())
        array.image_width *= scale
        array.image_height *= scale
        markers = make_instrument_markers(array, info, PARTS, depth).markers
        return markers[1].scale.x * info.p[0] / depth / info.width

    assert seen_width(1, 0.1) == pytest.approx(4 / 640)
    assert seen_width(3, 0.25) == pytest.approx(seen_width(1, 0.1))


def test_the_baseline_of_a_right_camera_does_not_move_its_markers():
    right = draw(instrument(), info=camera_info(baseline_px_tx=-2.0))
    assert right == draw(instrument())


def test_distorted_pixels_become_the_rays_that_cause_them():
    info = camera_info(distortion=DISTORTION)
    center = draw(instrument(), info=info)['centroid', -1].pose.position
    camera = np.array(info.k).reshape(3, 3)
    point = np.array([xyz(center)])
    seen, _ = cv2.projectPoints(point, np.zeros(3), np.zeros(3), camera, np.array(DISTORTION))
    assert seen.ravel() == pytest.approx((410, 198), abs=1e-3)


def test_a_rotated_rectification_and_its_projection_are_used():
    info = camera_info(distortion=DISTORTION)
    rotation, _ = cv2.Rodrigues(np.array([0.01, -0.02, 0.03]))
    info.r = rotation.ravel().tolist()
    info.p = [480.0, 0.0, 320.0, 0.0, 0.0, 480.0, 256.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    center = draw(instrument(), info=info)['centroid', -1].pose.position
    in_raw_camera = rotation.T @ np.array(xyz(center))
    camera = np.array(info.k).reshape(3, 3)
    seen, _ = cv2.projectPoints(
        in_raw_camera[None], np.zeros(3), np.zeros(3), camera, np.array(DISTORTION)
    )
    assert seen.ravel() == pytest.approx((410, 198), abs=1e-3)


def test_without_a_projection_the_camera_matrix_is_used():
    info = camera_info()
    info.p = [0.0] * 12
    assert draw(instrument(), info=info) == draw(instrument())


def refused(info):
    with pytest.raises(UnusableCameraInfoError) as error:
        draw(instrument(), info=info)
    return str(error.value)


def test_a_camera_info_without_rays_is_refused_with_the_reason():
    uncalibrated = camera_info()
    uncalibrated.k = [0.0] * 9
    assert 'not calibrated' in refused(uncalibrated)
    of_other_size = camera_info()
    of_other_size.width = 1280
    assert '1280x512 px, the image has 640x512 px' in refused(of_other_size)
    unknown = camera_info(distortion=DISTORTION)
    unknown.distortion_model = 'fov'
    assert "unknown distortion model 'fov'" in refused(unknown)


def test_fisheye_pixels_become_the_rays_that_cause_them():
    distortion = (0.175, -0.03, 0.0004, -0.0007)
    info = camera_info(distortion=distortion)
    info.distortion_model = 'equidistant'
    center = draw(instrument(), info=info)['centroid', -1].pose.position
    camera, origin = np.array(info.k).reshape(3, 3), np.zeros(3)
    point = np.array([[xyz(center)]])
    seen, _ = cv2.fisheye.projectPoints(point, origin, origin, camera, np.array(distortion))
    assert seen.ravel() == pytest.approx((410, 198), abs=1e-3)
