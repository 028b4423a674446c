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

"""Tests of the filter of one point, mostly against its own model of motion."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.special import chdtri

from surgseg_ros.perception.kalman import compare
from surgseg_ros.perception.kalman import ConstantVelocityFilter

INTERVAL_S = 1 / 30
ACCELERATION_STD, SPEED_STD = 0.4, 0.05
NOISE_STD = 0.001


def noise_covariance(dimension, rng):
    """Return a covariance (n, n) with correlated components."""
    factor = rng.normal(size=(dimension, dimension)) + np.eye(dimension)
    return NOISE_STD**2 * (factor @ factor.T + 0.1 * np.eye(dimension))


def normalized_error_squared(item, position, velocity):
    error = np.concatenate((position, velocity)) - item.state
    return error @ np.linalg.solve(item.covariance, error)


def follow(rng, dimension, steps=25):
    """Follow a random motion and return the filter's normalized error squared at its end."""
    covariance = noise_covariance(dimension, rng)
    position, velocity = np.zeros(dimension), rng.normal(0, SPEED_STD, dimension)
    item = ConstantVelocityFilter.start(
        rng.multivariate_normal(position, covariance), covariance, SPEED_STD
    )
    for _ in range(steps):
        acceleration = rng.normal(0, ACCELERATION_STD, dimension)
        position = position + velocity * INTERVAL_S + acceleration * INTERVAL_S**2 / 2
        velocity = velocity + acceleration * INTERVAL_S
        item = item.predict(INTERVAL_S, ACCELERATION_STD)
        item = item.update(rng.multivariate_normal(position, covariance), covariance)
    return normalized_error_squared(item, position, velocity)


def moving(position=(0.01, -0.02), velocity=(0.03, 0.05)):
    """Return a filter that knows how a point moves, with all parts of its state correlated."""
    rng = np.random.default_rng(3)
    factor = 1e-3 * (rng.normal(size=(4, 4)) + 2 * np.eye(4))
    return ConstantVelocityFilter(np.array([*position, *velocity]), factor @ factor.T)


def assert_is_a_covariance(matrix):
    scale = np.sqrt(np.diag(matrix))
    correlations = matrix / np.outer(scale, scale)
    np.testing.assert_allclose(correlations, correlations.T, atol=1e-9)
    assert np.linalg.eigvalsh(correlations)[0] > 0


@pytest.mark.parametrize('dimension', [2, 3])
def test_errors_are_as_large_as_the_covariance_says(dimension):
    rng, runs = np.random.default_rng(1), 200
    total = sum(follow(rng, dimension) for _ in range(runs))
    degrees = 2 * dimension * runs
    assert chdtri(degrees, 0.999) < total < chdtri(degrees, 0.001)


@pytest.mark.parametrize('dimension', [2, 3])
def test_a_constant_velocity_is_learned(dimension):
    rng = np.random.default_rng(2)
    velocity = np.array([0.04, -0.03, 0.02])[:dimension]
    covariance = NOISE_STD**2 * np.eye(dimension)
    item = ConstantVelocityFilter.start(np.zeros(dimension), covariance, SPEED_STD)
    for step in range(1, 61):
        seen = velocity * step * INTERVAL_S + rng.normal(0, NOISE_STD, dimension)
        item = item.predict(INTERVAL_S, 0.01).update(seen, covariance)
    np.testing.assert_allclose(item.velocity, velocity, atol=0.003)
    np.testing.assert_allclose(item.position, velocity * 60 * INTERVAL_S, atol=NOISE_STD)
    assert np.sqrt(np.diag(item.velocity_covariance)).max() < 0.05 * SPEED_STD


def test_a_new_point_rests_with_an_unknown_velocity():
    covariance = noise_covariance(3, np.random.default_rng(4))
    item = ConstantVelocityFilter.start(np.array([0.1, 0.2, 0.3]), covariance, SPEED_STD)
    np.testing.assert_array_equal(item.position, [0.1, 0.2, 0.3])
    np.testing.assert_array_equal(item.velocity, np.zeros(3))
    np.testing.assert_array_equal(item.position_covariance, covariance)
    np.testing.assert_array_equal(item.velocity_covariance, SPEED_STD**2 * np.eye(3))
    np.testing.assert_array_equal(item.covariance[:3, 3:], np.zeros((3, 3)))


@pytest.mark.parametrize('decay_s', [np.inf, 0.3])
def test_no_time_changes_nothing(decay_s):
    before = moving()
    after = before.predict(0.0, ACCELERATION_STD, decay_s)
    np.testing.assert_array_equal(after.state, before.state)
    np.testing.assert_array_equal(after.covariance, before.covariance)


def test_positions_lie_ahead_and_are_less_certain_the_farther_they_lie():
    state = np.array([0.01, -0.02, 0.03, 0.05])
    now = ConstantVelocityFilter(state, np.diag([1e-6, 2e-6, 3e-6, 4e-6]))
    intervals_s = (0.05, 0.2, 1.0)
    ahead = [now.predict(interval_s, ACCELERATION_STD) for interval_s in intervals_s]
    for item, interval_s in zip(ahead, intervals_s, strict=True):
        np.testing.assert_allclose(item.position, now.position + interval_s * now.velocity)
        np.testing.assert_allclose(item.velocity, now.velocity)
        assert_is_a_covariance(item.covariance)
    for nearer, farther in pairwise([now, *ahead]):
        growth = farther.position_covariance - nearer.position_covariance
        assert np.linalg.eigvalsh(growth)[0] > 0
        growth = farther.velocity_covariance - nearer.velocity_covariance
        assert np.linalg.eigvalsh(growth)[0] > 0


def test_the_filter_that_is_predicted_stays_as_it_was():
    now = moving()
    state, covariance = now.state.copy(), now.covariance.copy()
    now.predict(0.5, ACCELERATION_STD).update(np.zeros(2), np.eye(2))
    np.testing.assert_array_equal(now.state, state)
    np.testing.assert_array_equal(now.covariance, covariance)


def test_a_velocity_that_fades_takes_a_point_a_limited_way():
    now, decay_s = moving(), 0.3
    np.testing.assert_allclose(now.predict(decay_s, 0.0, decay_s).velocity, now.velocity / np.e)
    at_last = now.predict(100.0, 0.0, decay_s)
    np.testing.assert_allclose(at_last.velocity, 0, atol=1e-9)
    np.testing.assert_allclose(at_last.position, now.position + decay_s * now.velocity)


@pytest.mark.parametrize('decay_s', [np.inf, 0.3])
def test_two_short_steps_lead_where_one_long_step_does(decay_s):
    twice = moving().predict(0.1, 0.0, decay_s).predict(0.1, 0.0, decay_s)
    once = moving().predict(0.2, 0.0, decay_s)
    np.testing.assert_allclose(twice.state, once.state)
    np.testing.assert_allclose(twice.covariance, once.covariance)


@pytest.mark.parametrize('first', [1e-8, 1e4])
@pytest.mark.parametrize('later', [1e-8, 1e4])
def test_covariances_stay_covariances_whatever_their_size(first, later):
    rng = np.random.default_rng(6)
    item = ConstantVelocityFilter.start(np.zeros(3), first * np.eye(3), SPEED_STD)
    for _ in range(300):
        item = item.predict(INTERVAL_S, ACCELERATION_STD)
        item = item.update(rng.normal(0, later**0.5, 3), later * np.eye(3))
        assert_is_a_covariance(item.covariance)
    assert np.diag(item.position_covariance).max() < later


def test_an_exact_observation_is_believed_and_a_vague_one_is_not():
    now, seen = moving(), np.array([0.5, 0.6])
    np.testing.assert_allclose(now.update(seen, 1e-12 * np.eye(2)).position, seen, atol=1e-5)
    np.testing.assert_allclose(now.update(seen, 1e6 * np.eye(2)).state, now.state, atol=1e-9)


def test_distances_of_many_are_those_of_each():
    rng = np.random.default_rng(7)
    filters = [
        ConstantVelocityFilter.start(rng.normal(size=3), noise_covariance(3, rng), SPEED_STD)
        for _ in range(4)
    ]
    positions = rng.normal(size=(5, 3))
    covariances = np.stack([noise_covariance(3, rng) for _ in positions])
    together, _ = compare(filters, positions, covariances)
    alone = [
        [item.distance_squared(*seen) for seen in zip(positions, covariances, strict=True)]
        for item in filters
    ]
    np.testing.assert_allclose(together, alone)


def test_distances_count_standard_deviations():
    item = ConstantVelocityFilter.start(np.array([1.0, 2.0]), np.diag([0.03, 0.0]), SPEED_STD)
    covariance = np.diag([0.01, 0.25])
    assert item.distance_squared(np.array([1.4, 2.0]), covariance) == pytest.approx(4)
    assert item.distance_squared(np.array([1.0, 0.5]), covariance) == pytest.approx(9)
