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

"""Tests of instruments in space, on rods whose projection is exact."""

from dataclasses import replace

import numpy as np
import pytest
from stereo_rods import draw_rods
from stereo_rods import Rod
from stereo_rods import rod_calibration
from stereo_rods import roughen
from stereo_rods import TYPES
from stereo_rods import view_rods

from surgseg_ros.perception.instruments import find_instruments
from surgseg_ros.perception.stereo import locate_instruments
from surgseg_ros.perception.stereo_matching import EyeView
from surgseg_ros.perception.stereo_matching import StereoOptions

CHI_SQUARE_95 = 7.815
LEFT_ROD = Rod((-0.09, -0.03, 0.05), (-0.005, 0.012, 0.08))
RIGHT_ROD = Rod((0.10, -0.04, 0.06), (0.015, -0.008, 0.09), class_id=2)
STEEP_ROD = Rod((0.01, 0.1, 0.06), (0.004, 0.0, 0.1))
EXACT = StereoOptions(calibration_std_px=0.0)


def locate(*rods, **options):
    return locate_instruments(
        view_rods(rods), view_rods(rods, 'right'), rod_calibration(), EXACT, **options
    )


def depth_error(found, rod):
    return found.centroid.position[2] - rod.depth_at(found.centroid.left)


@pytest.mark.parametrize('rod', [LEFT_ROD, RIGHT_ROD, STEEP_ROD])
def test_the_centroid_lies_on_the_middle_line(rod):
    (found,) = locate(rod)
    assert abs(depth_error(found, rod)) < 0.0005
    assert found.centroid.reprojection_error < 1.0
    axis = np.subtract(rod.end, rod.start)
    assert found.axis @ axis / np.linalg.norm(axis) > np.cos(4 * found.axis_std + 0.05)


@pytest.mark.parametrize('rod', [LEFT_ROD, RIGHT_ROD, STEEP_ROD])
def test_the_tip_lies_at_the_end(rod):
    (found,) = locate(rod)
    # The silhouette ends one radius beyond the end of the middle line.
    error = np.linalg.norm(found.tip.position - rod.end)
    assert error < 1.6 * rod.radius


@pytest.mark.parametrize('moved', [(0, 30), (40, 0)])
def test_ends_that_are_not_the_same_are_no_tip(moved):
    left, right = view_rods([LEFT_ROD]), view_rods([LEFT_ROD], 'right')
    region = right.instruments[0]
    other = replace(region, tip=tuple(np.add(region.tip, moved)))
    right = replace(right, instruments=[other])
    (found,) = locate_instruments(left, right, rod_calibration(), EXACT)
    assert found.tip is None


def test_a_part_that_only_one_eye_sees_does_not_count():
    """The left border shows the left eye more of the rod than the right eye."""
    (found,) = locate(LEFT_ROD)
    whole = find_instruments(draw_rods([LEFT_ROD]), TYPES).instruments[0]
    assert found.centroid.left[0] > whole.centroid[0] + 10
    assert abs(depth_error(found, LEFT_ROD)) < 0.0005


def test_each_instrument_finds_itself():
    upper = Rod((-0.09, -0.03, 0.05), (-0.01, -0.012, 0.08))
    lower = Rod((-0.09, 0.01, 0.05), (-0.01, 0.022, 0.08))
    found = locate(upper, lower, RIGHT_ROD)
    assert len(found) == 3
    for item in found:
        errors = [abs(depth_error(item, rod)) for rod in (upper, lower, RIGHT_ROD)]
        assert min(errors) < 0.0005


def test_another_instrument_in_front_changes_nothing():
    behind = Rod((-0.12, -0.05, 0.10), (0.02, 0.03, 0.12))
    front = Rod((0.09, -0.05, 0.05), (-0.008, 0.004, 0.06), class_id=2)
    found = {item.region.class_id: item for item in locate(behind, front)}
    assert abs(depth_error(found[2], front)) < 0.0005
    assert abs(depth_error(found[1], behind)) < 0.0015


@pytest.mark.parametrize('options', [StereoOptions(max_depth=0.04), StereoOptions(min_depth=0.2)])
def test_depths_out_of_range_are_not_accepted(options):
    views = view_rods([LEFT_ROD]), view_rods([LEFT_ROD], 'right')
    assert locate_instruments(*views, rod_calibration(), options) == []


def test_what_one_eye_alone_sees_is_not_located():
    views = view_rods([LEFT_ROD, RIGHT_ROD]), view_rods([RIGHT_ROD], 'right')
    (found,) = locate_instruments(*views, rod_calibration())
    assert found.region.class_id == 2


def test_nothing_to_see():
    empty = view_rods([])
    assert locate_instruments(empty, empty, rod_calibration()) == []


def test_the_covariance_tells_the_error_of_rough_outlines():
    rng = np.random.default_rng(5)
    normalized = []
    for _ in range(60):
        rod = Rod(
            (rng.uniform(-0.1, -0.07), rng.uniform(-0.05, 0.05), 0.06),
            (rng.uniform(-0.01, 0.02), rng.uniform(-0.02, 0.02), rng.uniform(0.07, 0.11)),
        )
        views = []
        for eye in ('left', 'right'):
            labels = roughen(draw_rods([rod], eye), 0.7, rng)
            views.append(EyeView(labels, find_instruments(labels, TYPES).instruments[:1]))
        for found in locate_instruments(*views, rod_calibration(), EXACT):
            truth = found.centroid.position * rod.depth_at(found.centroid.left)
            error = found.centroid.position - truth / found.centroid.position[2]
            normalized.append(error @ np.linalg.solve(found.centroid.covariance, error))
    inside = np.mean(np.array(normalized) < CHI_SQUARE_95)
    assert len(normalized) > 50
    assert inside >= 0.85
    # Not so large that it says nothing.
    assert np.median(normalized) > 0.02


def test_a_gap_between_the_stamps_is_in_the_covariance():
    exact = locate(STEEP_ROD)[0].centroid
    late = locate(STEEP_ROD, stamp_gap_s=0.02)[0].centroid
    assert late.covariance[2, 2] > 1.2 * exact.covariance[2, 2]


def test_known_motion_between_the_stamps_is_made_up_for():
    """The rod moves by (12, 9) px between the stamps of the eyes, 20 ms apart."""
    shift = np.array([12.0, 9.0]) / 530.0
    still = LEFT_ROD
    moved = Rod(
        tuple(still.start + np.append(shift, 0.0) * still.start[2]),
        tuple(still.end + np.append(shift, 0.0) * still.end[2]),
    )
    left = view_rods([still], motions=[np.array([12.0, 9.0]) / 0.02])
    right = view_rods([moved], 'right')
    (blind,) = locate_instruments(
        view_rods([still]), right, rod_calibration(), EXACT, stamp_gap_s=0.02
    ) or [None]
    (aware,) = locate_instruments(left, right, rod_calibration(), EXACT, stamp_gap_s=0.02)
    assert abs(depth_error(aware, still)) < 0.001
    assert blind is None or abs(depth_error(blind, still)) > 0.003
    assert aware.centroid.covariance[2, 2] > 4 * locate(still)[0].centroid.covariance[2, 2]


@pytest.mark.parametrize(
    'values',
    [{'min_depth': 0.5}, {'min_depth': -1.0}, {'min_overlap': 2.0}, {'calibration_std_px': -1}],
)
def test_options_are_checked(values):
    with pytest.raises(ValueError, match=next(iter(values))):
        StereoOptions(**values)
