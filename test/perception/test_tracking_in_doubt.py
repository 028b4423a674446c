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

"""Tests of which track takes which observation in doubt, as when outlines jump."""

import numpy as np
import pytest

from surgseg_ros.perception.track import Observation
from surgseg_ros.perception.track import PointEstimate
from surgseg_ros.perception.tracking import InstrumentTracker
from surgseg_ros.perception.tracking import TrackerOptions


def see(*places, names=('', '', '')):
    return [
        Observation((PointEstimate(np.array(place, float), np.eye(2)),), name, 1.0, index)
        for index, (place, name) in enumerate(zip(places, names, strict=False))
    ]


def follow(*images, rate=30.0, **changes):
    """Return the identities of the observations of the last image."""
    tracker = InstrumentTracker(TrackerOptions.for_pixels(1000, confirm_frames=1, **changes))
    for index, observations in enumerate(images):
        tracks = tracker.update(index / rate, observations)
    by_index = {track.index: track.track_id for track in tracks if track.index is not None}
    return [by_index[index] for index in range(len(images[-1]))]


STILL = [see((300, 300), (700, 300))] * 5


def test_an_outline_that_jumps_keeps_its_identity():
    assert follow(*STILL, see((400, 300), (700, 300))) == [1, 2]


def test_both_may_jump_at_once():
    assert follow(*STILL, see((600, 340), (400, 340))) == [2, 1]


@pytest.mark.parametrize('place', [(300, 460), (540, 500)])
def test_what_is_too_far_is_another_instrument(place):
    assert follow(*STILL, see(place, (700, 300))) == [3, 2]


def test_another_class_does_not_jump():
    names = ('bipolar forceps', 'prograsp forceps')
    images = [see((300, 300), names=names)] * 5
    assert follow(*images, see((400, 300), names=names[1:])) == [2]


def test_a_track_out_of_sight_takes_no_observation_of_another():
    """Its gate is wide after a while, and the other one is not quite where it should be."""
    images = [see((300, 300), (700, 300))] * 5 + [see((700 - 14 * n, 300)) for n in range(20)]
    assert follow(*images, see((430, 308))) == [2]


def test_of_two_that_come_back_the_older_one_does():
    images = [see((300, 300))] * 30 + [see((300, 300), (340, 300))] * 3 + [[]] * 20
    assert follow(*images, see((330, 300))) == [1]


def test_jumps_can_be_forbidden():
    assert follow(*STILL, see((400, 300), (700, 300)), max_jump=0.0) == [3, 2]
