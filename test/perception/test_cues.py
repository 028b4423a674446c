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

"""Tests of the color and location cues."""

import numpy as np
import pytest

from surgseg_ros.perception.cues import center_prior
from surgseg_ros.perception.cues import color_cue
from surgseg_ros.perception.cues import location_cue
from surgseg_ros.perception.cues import stretch_to_unit


def paint(*colors):
    return np.array([colors], np.uint8)


def test_color_by_hand():
    # Gray: A = 128, S = 0. Pure red: S = 255, which makes it 0 whatever A is.
    cue = color_cue(paint((90, 90, 90), (255, 0, 0)), stretch=False)
    np.testing.assert_allclose(cue, [[1 - 128 / 255, 0]], atol=1e-6)
    assert cue.dtype == np.float32


def test_color_prefers_metal_to_tissue():
    metal, tissue, fat = color_cue(paint((170, 172, 175), (150, 50, 50), (210, 170, 90)))[0]
    assert metal == 1
    assert tissue == 0
    assert 0 < fat < 1


def test_location_is_the_mean_of_the_video():
    maps = [np.array([[0.0, 1.0]]), np.array([[0.5, 0.5]])]
    np.testing.assert_allclose(location_cue(maps), [[0.25, 0.75]])


def test_center_prior_falls_off_with_the_distance_in_sides():
    prior = center_prior((101, 51), sigma=0.25)
    assert prior.shape == (51, 101)
    assert prior[25, 50] == 1
    # A quarter of the width, 25.25 px, is one standard deviation.
    assert prior[25, 75] == pytest.approx(np.exp(-0.5 * (25 / 25.25) ** 2))
    np.testing.assert_allclose(prior, prior[::-1, ::-1])


def test_stretching_a_constant_map_gives_nothing():
    np.testing.assert_array_equal(stretch_to_unit(np.full((2, 2), 7)), np.zeros((2, 2)))
    np.testing.assert_allclose(stretch_to_unit(np.array([2, 4, 3])), [0, 1, 0.5])
