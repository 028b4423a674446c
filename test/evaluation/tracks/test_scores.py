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

"""Tests of how observations and tracks are counted."""

import numpy as np
import pytest

from surgseg_ros.data import get_label_set
from surgseg_ros.evaluation.tracks.metrics import IdentityCounter
from surgseg_ros.evaluation.tracks.metrics import summarize_identities
from surgseg_ros.evaluation.tracks.scores import find_owners
from surgseg_ros.evaluation.tracks.scores import TrackScores
from surgseg_ros.evaluation.tracks.scores import TrueInstrument
from surgseg_ros.perception.instruments import find_instruments
from surgseg_ros.perception.observations import observe_regions
from surgseg_ros.perception.tracking import InstrumentTracker
from surgseg_ros.perception.tracking import TrackerOptions

NO_TIP = np.full(2, np.nan)


def two_bars():
    """Return a binary label image with a large and a small bar, and which is which."""
    instances = np.zeros((100, 200), np.uint8)
    instances[20:40, :80] = 1
    instances[70:80, 150:] = 2
    return (instances > 0).astype(np.uint8), instances


def follow(labels, instances, truths, frames=5):
    scores = TrackScores('image', IdentityCounter(20.0))
    tracker = InstrumentTracker(TrackerOptions.for_pixels(200))
    for index in range(frames):
        regions = find_instruments(labels, get_label_set('binary')).instruments
        observations = observe_regions(regions)
        tracks = tracker.update(index / 30, observations)
        scores.update(index / 30, truths, observations, find_owners(regions, instances), tracks)
    return scores, summarize_identities({'scene': scores.identities})['scene']


def truth_of(instances, number, counts=True):
    rows, columns = np.nonzero(instances == number)
    return TrueInstrument(number, (np.array([columns.mean(), rows.mean()]), NO_TIP), counts)


def test_tracks_count_once_they_are_confirmed():
    labels, instances = two_bars()
    scores, identities = follow(labels, instances, [truth_of(instances, n) for n in (1, 2)])
    assert (identities['misses'], identities['false_positives']) == (4, 0)
    summary = scores.summary()
    assert (summary['expected'], summary['found']) == (10, 10)
    assert summary['centroid']['max'] == pytest.approx(0.0, abs=1e-6)
    assert summary['tracked_centroid']['count'] == 6
    assert summary['tip'] == {'count': 0}
    assert (
        summary['hidden_tips']
        == sum(
            region.tip_valid
            for region in find_instruments(labels, get_label_set('binary')).instruments
        )
        * 5
    )
    assert len(scores.moments) == 5
    assert sorted(scores.moments[-1].tracks) == [1, 2]


def test_small_instruments_are_neither_missed_nor_false():
    labels, instances = two_bars()
    truths = [truth_of(instances, 1), truth_of(instances, 2, counts=False)]
    _, identities = follow(labels, instances, truths)
    assert (identities['objects'], identities['misses'], identities['false_positives']) == (
        5,
        2,
        0,
    )


def test_regions_of_no_instrument_are_false():
    labels, instances = two_bars()
    truths = [truth_of(instances, 1)]
    instances[instances == 2] = 0
    _, identities = follow(labels, instances, truths)
    assert identities['false_positives'] == 3


def test_a_region_belongs_to_the_instrument_that_most_of_it_shows():
    labels, instances = two_bars()
    labels[20:40, 50:55] = 0
    instances[20:40, 70:] = 3
    regions = find_instruments(labels, get_label_set('binary')).instruments
    ownership = find_owners(regions, instances)
    assert [region.area for region in regions] == [1000, 500, 500]
    by_start = {
        region.bounding_box[0]: (owner, largest)
        for region, owner, largest in zip(
            regions, ownership.owners, ownership.largest, strict=True
        )
    }
    assert by_start == {0: (1, True), 55: (1, False), 150: (2, True)}
