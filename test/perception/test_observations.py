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

"""Tests of what the trackers take of found instruments."""

from dataclasses import replace
import math

import numpy as np
import pytest
from stereo_rods import draw_rods
from stereo_rods import Rod
from stereo_rods import rod_calibration
from stereo_rods import TYPES
from stereo_rods import view_rods

from surgseg_ros.perception.instruments import find_instruments
from surgseg_ros.perception.observations import observe_in_space
from surgseg_ros.perception.observations import observe_regions
from surgseg_ros.perception.region import tip_covariance
from surgseg_ros.perception.stereo import locate_instruments

RODS = (
    Rod((-0.09, -0.03, 0.05), (-0.005, 0.012, 0.08)),
    Rod((0.10, -0.04, 0.06), (0.015, -0.008, 0.09), class_id=2),
)


@pytest.fixture
def regions():
    return find_instruments(draw_rods(RODS), TYPES).instruments


def test_points_of_a_region_have_their_places(regions):
    observations = observe_regions(regions)
    for index, (region, observation) in enumerate(zip(regions, observations, strict=True)):
        centroid, tip, entry = observation.points
        np.testing.assert_allclose(centroid.position, region.centroid)
        np.testing.assert_allclose(tip.position, region.tip)
        np.testing.assert_allclose(entry.position, region.entry)
        assert all(point.is_usable for point in observation.points)
        assert observation.class_name == region.class_name
        assert (observation.score, observation.index) == (region.score, index)


def test_points_that_are_not_seen_are_none(regions):
    hidden = replace(regions[0], tip_valid=False, entry_valid=False)
    (observation,) = observe_regions([hidden])
    assert observation.points[1:] == (None, None)


def test_instruments_made_of_parts_have_no_type(regions):
    (observation,) = observe_regions([replace(regions[0], class_name='instrument')])
    assert observation.class_name == ''


def test_an_entry_is_no_more_exact_than_its_least_deviation(regions):
    (observation,) = observe_regions([replace(regions[0], minor_axis_length=5.0)])
    np.testing.assert_allclose(observation.points[2].covariance, 4 * np.eye(2))


def test_a_tip_is_less_certain_along_the_instrument():
    covariance = tip_covariance(math.pi / 6, 60.0)
    along = np.array([math.cos(math.pi / 6), math.sin(math.pi / 6)])
    across = np.array([-along[1], along[0]])
    assert along @ covariance @ along == pytest.approx(6.6**2)
    assert across @ covariance @ across == pytest.approx(3.0**2)
    np.testing.assert_allclose(tip_covariance(1.0, 10.0), 1.5**2 * np.eye(2), atol=1e-9)


def test_points_in_space_are_those_of_the_instrument():
    found = locate_instruments(view_rods(RODS), view_rods(RODS, 'right'), rod_calibration())
    found[1] = replace(found[1], tip=None)
    observations = observe_in_space(found)
    assert [item.index for item in observations] == [0, 1]
    assert observations[0].class_name == found[0].region.class_name
    np.testing.assert_allclose(observations[0].points[0].position, found[0].centroid.position)
    np.testing.assert_allclose(observations[0].points[1].covariance, found[0].tip.covariance)
    assert observations[1].points[1] is None
