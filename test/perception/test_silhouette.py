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

"""Tests of silhouettes, on shapes whose outline is known."""

import numpy as np
import pytest
from stereo_rods import CENTER
from stereo_rods import FOCAL
from stereo_rods import HEIGHT
from stereo_rods import projections
from stereo_rods import Rod
from stereo_rods import rod_calibration
from stereo_rods import TYPES
from stereo_rods import view_rods
from stereo_rods import WIDTH

from surgseg_ros.calibration.camera import CameraCalibration
from surgseg_ros.calibration.stereo import StereoCalibration
from surgseg_ros.perception.instruments import find_instruments
from surgseg_ros.perception.silhouette import find_silhouette


def draw(*boxes, class_ids=(1, 2)):
    """Return a label image of rectangles (first column, first row, last column, last row)."""
    labels = np.zeros((HEIGHT, WIDTH), np.uint8)
    for (left, top, right, bottom), class_id in zip(boxes, class_ids, strict=False):
        labels[top : bottom + 1, left : right + 1] = class_id
    return labels


def silhouette_of(labels, class_id=1, eye='left', calibration=None):
    regions = find_instruments(labels, TYPES).instruments
    (region,) = (item for item in regions if item.class_id == class_id)
    return find_silhouette(region, eye, labels, calibration or rod_calibration())


def draw_triangle(slope=0.5, top=100, height=200, middle=300):
    rows, columns = np.indices((HEIGHT, WIDTH))
    depth = rows - top
    inside = (depth >= 0) & (depth < height) & (np.abs(columns - middle) <= slope * depth)
    return inside.astype(np.uint8)


def test_edges_of_a_rectangle_lie_half_a_pixel_outside():
    found = silhouette_of(draw((100, 50, 199, 149)))
    assert (found.first_row, found.last_row) == (50, 149)
    np.testing.assert_allclose(found.edges[0], np.full(100, 99.5))
    np.testing.assert_allclose(found.edges[1], np.full(100, 199.5))
    np.testing.assert_allclose(found.slopes, 0, atol=1e-9)
    assert found.image_size == (WIDTH, HEIGHT)


@pytest.mark.parametrize('slope', [0.25, 0.5, 1.5])
def test_edges_of_a_triangle(slope):
    found = silhouette_of(draw_triangle(slope, height=120))
    assert (found.first_row, found.last_row) == (100, 219)
    way = slope * np.arange(120)
    assert np.abs(found.edges - (300 - way, 300 + way)).max() <= 0.5
    np.testing.assert_allclose(found.slopes[0, 10:-10], -slope, atol=0.1)
    np.testing.assert_allclose(found.slopes[1, 10:-10], slope, atol=0.1)


def test_some_rows():
    found = silhouette_of(draw_triangle())
    edges, slopes = found.rows(150, 160)
    np.testing.assert_array_equal(edges, found.edges[:, 50:61])
    np.testing.assert_array_equal(slopes, found.slopes[:, 50:61])


@pytest.mark.parametrize(
    ('box', 'cut'), [((0, 50, 80, 149), 0), ((560, 50, WIDTH - 1, 149), 1)], ids=['left', 'right']
)
def test_the_image_border_is_no_edge(box, cut):
    found = silhouette_of(draw(box))
    assert np.isnan(found.edges[cut]).all()
    assert np.isnan(found.slopes[cut]).all()
    assert np.isfinite(found.edges[1 - cut]).all()


def test_where_another_instrument_lies_in_front_is_no_edge():
    found = silhouette_of(draw((100, 50, 199, 149), (200, 80, 299, 109)))
    is_cut = np.isnan(found.edges[1])
    rows = np.arange(50, 150)
    np.testing.assert_array_equal(is_cut, (rows >= 80) & (rows <= 109))
    assert np.isfinite(found.edges[0]).all()
    neighbor = silhouette_of(draw((100, 50, 199, 149), (200, 80, 299, 109)), class_id=2)
    assert np.isnan(neighbor.edges[0]).all()
    assert np.isfinite(neighbor.edges[1]).all()


@pytest.mark.parametrize(('gap', 'is_cut'), [(2, True), (3, False)])
def test_another_instrument_counts_if_it_is_next_to_the_edge(gap, is_cut):
    found = silhouette_of(draw((100, 50, 199, 149), (200 + gap, 50, 299, 149)))
    assert np.isnan(found.edges[1]).all() == is_cut
    assert np.isnan(found.edges[1]).any() == is_cut


def test_the_gap_between_its_own_jaws_cuts_no_edge():
    labels = draw((100, 50, 199, 149))
    labels[100:150, 149:151] = 0
    found = silhouette_of(labels)
    np.testing.assert_allclose(found.edges[0], np.full(100, 99.5))
    np.testing.assert_allclose(found.edges[1], np.full(100, 199.5))


def test_a_moved_silhouette():
    found = silhouette_of(draw_triangle())
    shift = np.array([2.25, -3.5])
    moved = found.shifted(shift)
    assert (moved.first_row, moved.last_row) == (97, 295)
    # Rows half-way between those of the original.
    between = (found.edges[:, :-1] + found.edges[:, 1:]) / 2
    np.testing.assert_allclose(moved.edges, between + 2.25)
    np.testing.assert_allclose(moved.samples, found.samples + shift)
    back = moved.shifted(-shift)
    np.testing.assert_allclose(back.samples, found.samples)
    np.testing.assert_allclose(back.shift, 0)
    assert np.nanmax(np.abs(back.edges - found.rows(back.first_row, back.last_row)[0])) < 0.5
    assert found.shifted(np.zeros(2)) is found


def test_a_moved_silhouette_contains_what_moved_with_it():
    found = silhouette_of(draw((100, 50, 199, 149)))
    corners = np.array([(100, 50), (199, 50), (100, 149), (199, 149)], float)
    beside = np.array([(99, 50), (200, 149), (150, 49), (150, 150), (-30, 20), (700, 600)], float)
    for shift in (np.zeros(2), np.array([20.0, -7.0])):
        moved = found.shifted(shift)
        assert moved.contains(corners + shift, rod_calibration()).all()
        assert not moved.contains(beside + shift, rod_calibration()).any()


def test_a_hole_is_not_contained():
    labels = draw((100, 50, 199, 149))
    labels[100:150, 140:160] = 0
    found = silhouette_of(labels)
    inside = found.contains(np.array([(120.0, 120.0), (150.0, 120.0)]), rod_calibration())
    np.testing.assert_array_equal(inside, [True, False])


def test_what_the_image_shows():
    found = silhouette_of(draw((100, 50, 199, 149)))
    shown = np.array([(-0.4, -0.4), (639.4, 511.4), (320.0, 256.0)])
    hidden = np.array([(-0.6, 10.0), (10.0, -0.6), (639.6, 10.0), (10.0, 511.6)])
    assert found.in_image(shown, rod_calibration()).all()
    assert not found.in_image(hidden, rod_calibration()).any()
    moved = found.shifted(np.array([10.0, 0.0]))
    np.testing.assert_array_equal(
        moved.in_image(np.array([(5.0, 9.0), (645.0, 9.0)]), rod_calibration()), [False, True]
    )


def test_samples_are_pixels_all_over_the_instrument():
    labels = draw_triangle()
    samples = silhouette_of(labels).samples
    assert 1000 < len(samples) < 2000
    assert np.all(labels[samples[:, 1].astype(int), samples[:, 0].astype(int)] == 1)
    area = np.argwhere(labels)[:, ::-1]
    np.testing.assert_allclose(samples.mean(axis=0), area.mean(axis=0), atol=2.0)
    np.testing.assert_allclose(np.cov(samples.T), np.cov(area.T), rtol=0.03, atol=20)


def test_pixels_of_an_eye_become_those_of_the_common_camera():
    """The right eye's principal point lies 7 px more to the right."""
    calibration = StereoCalibration(*map(CameraCalibration.of_rectified_image, projections(7.0)))
    labels = draw((100, 50, 199, 149))
    right = silhouette_of(labels, eye='right', calibration=calibration)
    np.testing.assert_allclose(right.edges[0], np.full(100, 92.5))
    np.testing.assert_array_equal(
        right.contains(np.array([(93.0, 60.0), (192.0, 60.0), (193.0, 60.0)]), calibration),
        [True, True, False],
    )
    left = silhouette_of(labels, eye='left', calibration=calibration)
    np.testing.assert_allclose(left.edges[0], np.full(100, 99.5))


def test_both_edges_of_a_rod_average_to_its_middle_line():
    rod = Rod((0.01, 0.1, 0.06), (0.004, 0.0, 0.1))
    view = view_rods([rod])
    found = find_silhouette(view.instruments[0], 'left', view.label_image, rod_calibration())
    rows = np.arange(found.first_row, found.last_row + 1)[40:-40]
    middle = found.edges.mean(axis=0)[40:-40]
    start, end = (
        np.array(place[:2]) / place[2] * FOCAL + CENTER for place in (rod.start, rod.end)
    )
    expected = start[0] + (rows - start[1]) * (end[0] - start[0]) / (end[1] - start[1])
    assert np.abs(middle - expected).max() < 1.0
