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

"""Tests of the figures of positions and tracks, on cases whose figures are known."""

import json
import math

import numpy as np
import pytest

from surgseg_ros.evaluation.tracks import metrics
from surgseg_ros.evaluation.tracks.metrics import IdentityCounter
from surgseg_ros.evaluation.tracks.metrics import MissingMetricsError
from surgseg_ros.evaluation.tracks.metrics import PointErrors
from surgseg_ros.evaluation.tracks.metrics import summarize_identities
from surgseg_ros.evaluation.tracks.metrics import summarize_times

LEFT, RIGHT = np.array([100.0, 50.0]), np.array([300.0, 50.0])


def draw(covariance, scale=1.0, count=4000):
    """Return errors drawn from a Gaussian, told with a covariance that is scaled."""
    generator = np.random.default_rng(1)
    errors = PointErrors()
    for error in generator.multivariate_normal(np.zeros(len(covariance)), covariance, count):
        errors.add(error, scale * covariance, np.zeros(len(covariance)), 0.08)
    return errors


@pytest.mark.parametrize('dimension', [2, 3])
def test_honest_covariances_hold_95_percent(dimension):
    matrix = np.random.default_rng(3).normal(size=(dimension, dimension))
    summary = draw(matrix @ matrix.T + np.eye(dimension)).summary()
    assert summary['inside_95'] == pytest.approx(0.95, abs=0.01)
    assert summary['normalized_squared_mean'] == pytest.approx(dimension, rel=0.05)
    assert summary['count'] == 4000


def test_too_small_and_too_large_covariances_show():
    covariance = np.diag([1e-6, 4e-6, 9e-6])
    assert draw(covariance, 0.25).summary()['inside_95'] < 0.6
    assert draw(covariance, 4.0).summary()['inside_95'] > 0.999


def test_lengths_are_scaled():
    errors = PointErrors()
    for length in (0.001, 0.002, 0.009):
        errors.add(np.array([length, 0.0, 0.0]), 1e-6 * np.eye(3), np.zeros(3), 0.08)
    summary = errors.summary(1000.0)
    assert (summary['median'], summary['max']) == (2.0, 9.0)
    assert summary['mean_error'] == [4.0, 0.0, 0.0]
    assert summary['predicted_median'] == pytest.approx(math.sqrt(3), rel=1e-4)


def test_what_has_no_truth_does_not_count():
    errors = PointErrors()
    errors.add(np.zeros(3), np.eye(3), np.array([0.0, math.nan, 0.0]))
    assert errors.summary() == {'count': 0}


def test_errors_belong_to_their_depth():
    errors = PointErrors()
    for depth in (0.05, 0.06, 0.079, 0.2):
        errors.add(np.zeros(3), np.eye(3), np.ones(3), depth)
    bands = errors.by_depth()
    assert [band['count'] for band in bands.values()] == [1, 2, 0, 0, 0]
    both = PointErrors()
    both.extend(errors)
    both.extend(errors)
    assert both.between(0.06, 0.08).summary()['count'] == 4


def count(*frames):
    """Return the figures of frames of places by identity of track; the truth never moves."""
    counter = IdentityCounter(50.0)
    for tracks in frames:
        counter.update({1: LEFT, 2: RIGHT}, tracks)
    return summarize_identities({'scene': counter})['scene']


def test_perfect_tracks():
    figures = count(*[{7: LEFT, 8: RIGHT + 3}] * 5)
    assert (figures['mota'], figures['idf1'], figures['objects']) == (1.0, 1.0, 10)


def test_a_new_identity_is_one_switch():
    figures = count(*[{7: LEFT, 8: RIGHT}] * 5, *[{7: LEFT, 9: RIGHT}] * 5)
    assert figures['switches'] == 1
    assert figures['mota'] == pytest.approx(1 - 1 / 20)
    assert figures['idf1'] == pytest.approx(0.75)


def test_a_swap_is_a_switch_of_both():
    assert count({7: LEFT, 8: RIGHT}, {7: RIGHT, 8: LEFT})['switches'] == 2


def test_an_identity_that_comes_back_is_no_switch():
    figures = count({7: LEFT, 8: RIGHT}, {7: LEFT}, {7: LEFT, 8: RIGHT})
    assert (figures['switches'], figures['misses']) == (0, 1)


def test_a_track_far_from_all_is_a_miss_and_false():
    figures = count({7: LEFT, 8: RIGHT + 51})
    assert (figures['misses'], figures['false_positives']) == (1, 1)


def test_scenes_add_up_and_empty_ones_have_no_score():
    full, empty = IdentityCounter(50.0), IdentityCounter(50.0)
    full.update({1: LEFT}, {1: LEFT})
    empty.update({}, {})
    figures = summarize_identities({'full': full, 'empty': empty})
    assert figures['empty']['mota'] is None
    assert figures['overall']['objects'] == 1
    json.dumps(figures)


def test_a_missing_package_names_the_remedy(monkeypatch):
    monkeypatch.setattr(metrics, 'find_spec', lambda name: None)
    with pytest.raises(MissingMetricsError, match=r'pip install surgseg_ros\[evaluation\]'):
        IdentityCounter(1.0)


def test_times_are_milliseconds():
    assert summarize_times([0.001, 0.003]) == {'count': 2, 'median_ms': 2.0, 'p95_ms': 2.9}
    assert summarize_times([]) == {'count': 0}
