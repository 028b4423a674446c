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

"""Tests of the disparity along an instrument, on outlines that are made up."""

import numpy as np
import pytest
from stereo_rods import BASELINE
from stereo_rods import FOCAL
from stereo_rods import Rod
from stereo_rods import rod_calibration
from stereo_rods import view_rods

from surgseg_ros.perception.disparity_fit import compare_edges
from surgseg_ros.perception.disparity_fit import EdgeDisparities
from surgseg_ros.perception.disparity_fit import fit_line
from surgseg_ros.perception.silhouette import find_silhouette
from surgseg_ros.perception.silhouette import Silhouette

DOWN = np.array([0.0, 1.0])


def silhouette(edges, first_row=0, slope=0.0):
    edges = np.array(edges, float)
    return Silhouette(
        eye='left',
        region=None,
        first_row=first_row,
        edges=edges,
        slopes=np.full(edges.shape, slope),
        samples=np.zeros((0, 2)),
        image_size=(640, 512),
        shift=np.zeros(2),
    )


def upright(x, rows, width=40.0):
    """Return both edges of a band around x, a number or one of each row."""
    middle = np.broadcast_to(np.asarray(x, float), (rows,))
    return np.stack([middle - width / 2, middle + width / 2])


def straight(count=40, slope=0.02, std=0.2, disparity=20.0):
    """Return blocks along 300 px, exactly on a line."""
    along = np.linspace(0, 300, count)
    return EdgeDisparities(along, disparity + slope * (along - 150), np.full(count, float(std**2)))


def test_the_disparity_of_two_bands():
    left = silhouette(upright(300, 100), first_row=50)
    right = silhouette(upright(288, 80), first_row=60)
    edges = compare_edges(left, right, DOWN)
    np.testing.assert_allclose(edges.disparity, 12)
    assert 60 <= edges.along.min() < 70
    assert 130 < edges.along.max() <= 139
    line = fit_line(edges)
    assert line.disparity == pytest.approx(12)
    assert line.slope == pytest.approx(0, abs=1e-9)


def test_a_slanting_instrument():
    rows = np.arange(200)
    left = silhouette(upright(300 + 0.5 * rows, 200), first_row=100, slope=0.5)
    right = silhouette(upright(285 + 0.47 * rows, 200), first_row=100, slope=0.47)
    direction = np.array([0.5, 1.0]) / np.hypot(0.5, 1.0)
    line = fit_line(compare_edges(left, right, direction))
    for row in (20, 100, 180):
        along = np.array([300 + 0.5 * row, 100 + row]) @ direction
        assert line.at(along) == pytest.approx(15 + 0.03 * row, abs=0.2)


def test_an_edge_that_one_eye_does_not_see_is_left_out():
    left, right = upright(300, 100), upright(288, 100)
    left[0] = np.nan
    right[0] += 30
    edges = compare_edges(silhouette(left), silhouette(right), DOWN)
    np.testing.assert_allclose(edges.disparity, 12)
    assert len(edges.disparity) == 7


@pytest.mark.parametrize('common', [-20, 0, 5])
def test_too_few_common_rows_tell_nothing(common):
    left = silhouette(upright(300, 50), first_row=0)
    right = silhouette(upright(288, 50), first_row=50 - common)
    assert compare_edges(left, right, DOWN) is None
    enough = silhouette(upright(288, 50), first_row=44)
    assert compare_edges(left, enough, DOWN) is not None


def test_edges_that_are_cut_everywhere_tell_nothing():
    cut = silhouette(np.full((2, 100), np.nan))
    whole = silhouette(upright(288, 100))
    assert compare_edges(cut, whole, DOWN) is None
    assert compare_edges(whole, cut, DOWN) is None
    nearly = upright(300, 100)
    nearly[:, :98] = np.nan
    assert compare_edges(silhouette(nearly), whole, DOWN) is None


def noisy_pair(std, slope=0.0, rows=200):
    rng = np.random.default_rng(1)
    left, right = (
        silhouette(upright(x, rows) + rng.normal(0, std, (2, rows)), slope=slope)
        for x in (300, 288)
    )
    return compare_edges(left, right, DOWN)


def test_noisier_and_flatter_outlines_are_less_certain():
    calm, rough, rougher = (np.median(noisy_pair(std).variance) for std in (0.0, 1.0, 3.0))
    assert 0 < calm < rough
    assert rougher == pytest.approx(9 * rough, rel=0.01)
    # Both edges move by the noise, 16 rows are averaged.
    assert rough == pytest.approx(2 / 16, rel=0.3)
    # Nothing tells an edge's noise below its least value but how it runs.
    flat = np.median(noisy_pair(0.0, slope=2.0).variance)
    assert flat == pytest.approx(5 * calm, rel=0.01)


def test_a_straight_line_is_found():
    edges = straight()
    line = fit_line(edges)
    np.testing.assert_allclose(line.at(edges.along), edges.disparity, atol=1e-3)
    assert line.slope == pytest.approx(0.02, rel=1e-3)
    assert line.at(150.0) == pytest.approx(20, abs=1e-3)


@pytest.mark.parametrize('error', [-15.0, 4.0, 8.0, 100.0])
def test_outliers_are_ignored(error):
    rng = np.random.default_rng(2)
    edges = straight()
    disparity = edges.disparity + rng.normal(0, 0.1, 40)
    disparity[rng.choice(40, 10, replace=False)] += error
    line = fit_line(EdgeDisparities(edges.along, disparity, edges.variance))
    np.testing.assert_allclose(line.at(edges.along), edges.disparity, atol=0.35)


def test_more_and_calmer_blocks_make_it_more_certain():
    few, many = fit_line(straight(10)), fit_line(straight(40))
    assert many.variance == pytest.approx(few.variance / 4, rel=0.05)
    assert many.slope_variance < few.slope_variance / 3
    variances = [fit_line(straight(std=std)).variance for std in (0.1, 0.5, 2.0)]
    assert variances[0] < variances[1] / 1.5 < variances[2] / 10


def test_the_variance_tells_the_error():
    rng = np.random.default_rng(3)
    places, normalized = (0.0, 150.0, 400.0), []
    for _ in range(300):
        truth = straight(20, std=1.0)
        seen = truth.disparity + rng.normal(0, 1.0, 20)
        line = fit_line(EdgeDisparities(truth.along, seen, truth.variance))
        normalized.append([
            (float(line.at(along)) - (20 + 0.02 * (along - 150))) ** 2 / line.variance_at(along)
            for along in places
        ])  # fmt: skip
    # The reckoned part that no noise has here (instruments are not straight) makes it smaller.
    means = np.mean(normalized, axis=0)
    assert np.all((means > 0.5) & (means < 1.2))


def test_blocks_that_disagree_make_it_less_certain():
    edges = straight(std=0.1)
    wavy = 3 * np.sin(np.arange(40))
    rough = fit_line(EdgeDisparities(edges.along, edges.disparity + wavy, edges.variance))
    assert rough.variance > 5 * fit_line(edges).variance


def test_a_position_far_from_the_blocks_is_less_certain():
    line = fit_line(straight())
    assert line.variance_at(line.center) == line.variance
    assert line.variance_at(600.0) > 4 * line.variance_at(300.0) > 4 * line.variance


def test_a_focus_fits_a_place():
    along = np.linspace(0, 300, 60)
    # Bent by 0.06 px per px behind 200 px, as jaws towards the camera.
    disparity = 20 + 0.06 * np.maximum(along - 200, 0)
    edges = EdgeDisparities(along, disparity, np.full(60, 0.04))
    whole, end = fit_line(edges), fit_line(edges, (290.0, 25.0))
    assert abs(float(whole.at(290.0)) - 25.4) > 0.5
    assert float(end.at(290.0)) == pytest.approx(25.4, abs=0.3)
    assert abs(end.center - 290) < 40
    assert end.variance > whole.variance


def test_one_block_has_its_disparity_and_an_unknown_slope():
    edges = EdgeDisparities(np.array([70.0]), np.array([14.0]), np.array([0.04]))
    line = fit_line(edges)
    assert line.at(70.0) == pytest.approx(14)
    assert line.slope == pytest.approx(0, abs=1e-9)
    assert line.slope_variance**0.5 == pytest.approx(0.1)


@pytest.mark.parametrize(
    'rod',
    [
        Rod((0.01, 0.1, 0.06), (0.004, 0.0, 0.1)),
        Rod((-0.09, -0.03, 0.05), (-0.005, 0.012, 0.08)),
    ],
)
def test_the_disparity_of_a_rod_is_that_of_its_middle_line(rod):
    left, right = (
        find_silhouette(view.instruments[0], eye, view.label_image, rod_calibration())
        for eye in ('left', 'right')
        for view in [view_rods([rod], eye)]
    )
    angle = left.region.orientation
    direction = np.array([np.cos(angle), np.sin(angle)])
    line = fit_line(compare_edges(left, right, direction))
    disparity = FOCAL * BASELINE / rod.depth_at(left.region.centroid)
    assert line.at(left.region.centroid @ direction) == pytest.approx(disparity, rel=0.01)
