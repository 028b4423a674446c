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

"""Tests of instruments as observations, and of tracks as instruments."""

import math

import pytest

pytest.importorskip('rclpy')

from geometry_msgs.msg import Point
import numpy as np
from surgseg_ros.msg import Instrument
from surgseg_ros.msg import InstrumentArray
from surgseg_ros.msg import Point2D
from surgseg_ros.msg import StereoInstrument
from surgseg_ros.msg import StereoInstrumentArray
from surgseg_ros.msg import StereoPoint

from surgseg_ros.nodes.messages.tracks import observe_instruments
from surgseg_ros.nodes.messages.tracks import observe_stereo_instruments
from surgseg_ros.nodes.messages.tracks import tracked_instrument
from surgseg_ros.nodes.messages.tracks import tracked_stereo_instrument
from surgseg_ros.perception.track import Track
from surgseg_ros.perception.track import TrackedPoint


def instrument(**changes):
    values = {
        'class_id': 2,
        'class_name': 'prograsp forceps',
        'centroid': Point2D(x=100.0, y=50.0),
        'centroid_covariance': [0.5, 0.1, 0.25],
        'minor_axis_length': 40.0,
        'tip': Point2D(x=20.0, y=55.0),
        'tip_valid': True,
        'jaw_tips': [Point2D(x=20.0, y=50.0), Point2D(x=20.0, y=60.0)],
        'entry': Point2D(x=300.0, y=45.0),
    }
    return Instrument(**(values | changes))


def stereo_instrument():
    centroid = StereoPoint(
        valid=True,
        position=Point(x=0.01, y=0.02, z=0.08),
        covariance=np.diag([1e-8, 2e-8, 3e-7]).ravel(),
    )
    return StereoInstrument(class_id=255, class_name='instrument', left_index=0, centroid=centroid)


def tracked_point(*position):
    n = len(position)
    return TrackedPoint(np.array(position), 2 * np.eye(n), np.full(n, 3.0), 4 * np.eye(n))


def track(index):
    return Track(7, [], seen_s=0.0, index=index)


def test_what_is_not_valid_is_not_observed():
    (seen,) = observe_instruments(InstrumentArray(instruments=[instrument()]))
    centroid, tip, entry = seen.points
    np.testing.assert_array_equal(centroid.position, (100, 50))
    np.testing.assert_allclose(centroid.covariance, [[0.5, 0.1], [0.1, 0.25]], rtol=1e-6)
    np.testing.assert_array_equal(tip.position, (20, 55))
    assert entry is None
    assert (seen.class_name, seen.index) == ('prograsp forceps', 0)


def test_merged_classes_are_no_type():
    merged = instrument(class_id=Instrument.CLASS_MERGED, class_name='instrument')
    (seen,) = observe_instruments(InstrumentArray(instruments=[merged]))
    assert seen.class_name == ''


def test_instruments_in_space_are_observed_in_m():
    (seen,) = observe_stereo_instruments(StereoInstrumentArray(instruments=[stereo_instrument()]))
    centroid, tip = seen.points
    np.testing.assert_array_equal(centroid.position, (0.01, 0.02, 0.08))
    np.testing.assert_array_equal(centroid.covariance, np.diag([1e-8, 2e-8, 3e-7]))
    assert tip is None
    assert seen.class_name == ''


def test_a_track_moves_the_jaws_along_and_keeps_the_rest():
    last = instrument(area=900)
    found = tracked_instrument(
        last, track(0), (tracked_point(104.0, 51.0), tracked_point(25.0, 56.0), None)
    )
    assert (found.centroid.x, found.centroid.y) == (104.0, 51.0)
    assert (found.velocity.x, found.velocity_covariance[2]) == (3.0, 4.0)
    assert [(jaw.x, jaw.y) for jaw in found.jaw_tips] == [(24.0, 51.0), (24.0, 61.0)]
    assert (found.tip_valid, found.tip.x) == (True, 25.0)
    assert not found.entry_valid
    assert math.isnan(found.entry.x)
    assert found.area == 900
    assert last.centroid.x == 100.0


def test_a_track_without_a_tip_has_none():
    found = tracked_instrument(instrument(), track(0), (tracked_point(1.0, 2.0), None, None))
    assert not found.tip_valid
    assert math.isnan(found.tip.x)
    assert len(found.jaw_tips) == 0


@pytest.mark.parametrize(('index', 'left_index'), [(0, 0), (None, -1)])
def test_an_unseen_instrument_in_space_points_nowhere(index, left_index):
    last = stereo_instrument()
    points = (tracked_point(0.1, 0.2, 0.3), None)
    found = tracked_stereo_instrument(last, track(index), points)
    assert found.left_index == left_index
    assert found.centroid.position.z == 0.3
    assert found.centroid.velocity.y == 3.0
    assert not found.tip.valid
    assert math.isnan(found.tip.velocity.x)
    assert last.centroid.position.z == 0.08
