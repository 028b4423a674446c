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

from functools import partial

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

pytest.importorskip('rclpy')

from geometry_msgs.msg import Point
from geometry_msgs.msg import Vector3
from std_msgs.msg import Header
from surgseg_ros.msg import Instrument
from surgseg_ros.msg import StereoInstrument
from surgseg_ros.msg import StereoInstrumentArray
from surgseg_ros.msg import StereoPoint
from visualization_msgs.msg import Marker

from surgseg_ros.data import get_label_set
from surgseg_ros.nodes.messages.instrument_markers import color_of
from surgseg_ros.nodes.messages.stereo_markers import make_stereo_markers

PARTS = get_label_set('parts')
CLASS_COLOR = partial(color_of, label_set=PARTS)
CENTER, TIP = (0.01, -0.02, 0.09), (0.0, 0.01, 0.1)
TURN = Rotation.from_euler('xyz', (0.3, -0.7, 1.1))
STDS = np.array([0.0004, 0.001, 0.003])


def turned_covariance(turn=TURN):
    """Return a covariance whose standard deviations along the turned axes are STDS."""
    return turn.as_matrix() @ np.diag(STDS**2) @ turn.as_matrix().T


def stereo_point(place, covariance=None):
    covariance = 1e-6 * np.eye(3) if covariance is None else covariance
    x, y, z = place
    return StereoPoint(
        valid=True, position=Point(x=x, y=y, z=z), covariance=covariance.ravel().tolist()
    )


def instrument(**changes):
    fields = {
        'class_id': Instrument.CLASS_MERGED,
        'class_name': 'instrument',
        'track_id': -1,
        'centroid': stereo_point(CENTER),
        'axis': Vector3(x=0.0, y=0.6, z=0.8),
    }
    return StereoInstrument(**{**fields, **changes})


def array_of(*instruments):
    header = Header(frame_id='left_frame')
    header.stamp.sec, header.stamp.nanosec = 1_700_000_001, 999_999_937
    return StereoInstrumentArray(header=header, instruments=list(instruments))


def draw(*instruments):
    """Return the markers by namespace and id, without the one that deletes the old ones."""
    array = make_stereo_markers(array_of(*instruments), CLASS_COLOR)
    return {(marker.ns, marker.id): marker for marker in array.markers[1:]}


def xyz(values):
    return (values.x, values.y, values.z)


def turn_of(marker):
    turn = marker.pose.orientation
    return Rotation.from_quat([turn.x, turn.y, turn.z, turn.w]).as_matrix()


def test_the_markers_of_the_previous_pair_are_deleted_first():
    array = array_of(instrument())
    markers = make_stereo_markers(array, CLASS_COLOR).markers
    assert markers[0].action == Marker.DELETEALL
    assert {marker.action for marker in markers[1:]} == {Marker.ADD}
    assert all(marker.header == array.header for marker in markers)
    assert all(marker.lifetime.sec > 0 for marker in markers[1:])
    (only,) = make_stereo_markers(array_of(), CLASS_COLOR).markers
    assert only.action == Marker.DELETEALL


def test_markers_lie_where_the_instrument_does():
    markers = draw(instrument(tip=stereo_point(TIP)))
    assert {ns for ns, _ in markers} == {
        'centroid', 'uncertainty', 'axis', 'tip', 'tip_uncertainty', 'name',
    }  # fmt: skip
    for ns, place in (
        ('centroid', CENTER), ('uncertainty', CENTER), ('tip', TIP), ('tip_uncertainty', TIP),
    ):  # fmt: skip
        assert xyz(markers[ns, -1].pose.position) == place
    arrow = np.array([xyz(point) for point in markers['axis', -1].points])
    np.testing.assert_allclose(arrow[0], CENTER)
    way = arrow[1] - arrow[0]
    np.testing.assert_allclose(way / np.linalg.norm(way), (0, 0.6, 0.8), atol=1e-12)
    name = markers['name', -1]
    assert name.text == 'instrument 90.0 mm'
    assert name.pose.position.y < CENTER[1]


def test_a_tip_is_drawn_only_if_it_is_valid():
    assert {ns for ns, _ in draw(instrument())} == {'centroid', 'uncertainty', 'axis', 'name'}


def test_an_instrument_without_a_centroid_is_not_drawn():
    assert draw(instrument(centroid=StereoPoint(), tip=stereo_point(TIP))) == {}
    # Its place in the list still counts.
    ids = {marker_id for _, marker_id in draw(instrument(centroid=StereoPoint()), instrument())}
    assert ids == {-2}


def test_ids_are_unique_and_follow_the_tracks():
    markers = draw(
        instrument(track_id=7), instrument(), instrument(track_id=0), instrument(), instrument()
    )
    assert [marker_id for ns, marker_id in markers if ns == 'centroid'] == [7, -2, 0, -4, -5]
    assert markers['name', 7].text == '7 instrument 90.0 mm'
    assert markers['name', 0].text == '0 instrument 90.0 mm'
    # Two markers of the same namespace and id would replace each other.
    assert len(markers) == 5 * 4


def test_colors_are_those_of_the_class():
    wrist = draw(instrument(class_id=2))
    for ns in ('centroid', 'axis', 'name'):
        color = wrist[ns, -1].color
        assert [color.r, color.g, color.b] == pytest.approx(PARTS.colors[2] / 255)
        assert color.a == 1
    assert 0 < wrist['uncertainty', -1].color.a < 1
    merged = draw(instrument())['axis', -1].color
    assert (merged.r, merged.g, merged.b, merged.a) == (1.0, 1.0, 1.0, 1.0)


@pytest.mark.parametrize('turn', [Rotation.identity(), TURN, TURN.inv()])
@pytest.mark.parametrize('ns', ['uncertainty', 'tip_uncertainty'])
def test_the_ellipsoid_has_the_axes_of_the_covariance(turn, ns):
    point = stereo_point(CENTER, turned_covariance(turn))
    ellipsoid = draw(instrument(centroid=point, tip=point))[ns, -1]
    assert ellipsoid.type == Marker.SPHERE
    # Diameters; 95 % of a normal distribution in space lie within 2.795 standard deviations.
    np.testing.assert_allclose(xyz(ellipsoid.scale), 2 * 2.795 * STDS, rtol=1e-6)
    axes = turn_of(ellipsoid)
    for found, expected in zip(axes.T, turn.as_matrix().T, strict=True):
        assert np.linalg.norm(np.cross(found, expected)) < 1e-6


def test_the_ellipsoid_holds_95_percent():
    covariance = turned_covariance()
    ellipsoid = draw(instrument(centroid=stereo_point(CENTER, covariance)))['uncertainty', -1]
    points = np.random.default_rng(1).multivariate_normal(np.zeros(3), covariance, 20000)
    in_its_frame = points @ turn_of(ellipsoid) / (np.array(xyz(ellipsoid.scale)) / 2)
    inside = np.mean(np.linalg.norm(in_its_frame, axis=1) < 1)
    assert inside == pytest.approx(0.95, abs=0.01)


@pytest.mark.parametrize('covariance', [np.zeros((3, 3)), np.diag([1e-6, -1e-20, 0.0])])
def test_a_flat_covariance_still_has_an_ellipsoid_that_can_be_drawn(covariance):
    ellipsoid = draw(instrument(centroid=stereo_point(CENTER, covariance)))['uncertainty', -1]
    assert all(0 < length < 0.01 for length in xyz(ellipsoid.scale))
    np.testing.assert_allclose(turn_of(ellipsoid) @ turn_of(ellipsoid).T, np.eye(3), atol=1e-9)
