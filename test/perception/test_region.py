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

"""Tests of region geometry on shapes whose geometry is known."""

import math

import cv2
import numpy as np
import pytest

from surgseg_ros.perception.region import border_runs
from surgseg_ros.perception.region import BOUNDARY_CORRELATION_PX
from surgseg_ros.perception.region import BOUNDARY_STD_PX
from surgseg_ros.perception.region import centroid_covariance
from surgseg_ros.perception.region import fit_ellipse
from surgseg_ros.perception.region import on_image_border
from surgseg_ros.perception.region import outline


@pytest.mark.parametrize('degrees', [0, 30, 60, 90, 120, 150, 179])
def test_ellipse(degrees):
    mask = np.zeros((400, 400), np.uint8)
    cv2.ellipse(mask, (210, 190), (120, 40), degrees, 0, 360, 1, -1)
    ellipse = fit_ellipse(mask, (1000, 2000))
    assert ellipse.centroid == pytest.approx((1210, 2190), abs=0.2)
    assert ellipse.major_axis_length == pytest.approx(240, abs=2)
    assert ellipse.minor_axis_length == pytest.approx(80, abs=2)
    difference = ellipse.orientation - math.radians(degrees)
    assert math.sin(difference) == pytest.approx(0, abs=0.01)
    assert -math.pi / 2 <= ellipse.orientation < math.pi / 2


def test_rectangle_moments_are_exact():
    """A w x h rectangle of unit squares has variances w^2/12 and h^2/12."""
    ellipse = fit_ellipse(np.ones((10, 30), np.uint8), (0, 0))
    assert ellipse.centroid == (14.5, 4.5)
    assert ellipse.major_axis_length == pytest.approx(4 * 30 / math.sqrt(12))
    assert ellipse.minor_axis_length == pytest.approx(4 * 10 / math.sqrt(12))


def test_single_pixel():
    ellipse = fit_ellipse(np.ones((1, 1), np.uint8), (5, 7))
    assert ellipse.centroid == (5, 7)
    assert ellipse.minor_axis_length == pytest.approx(4 / math.sqrt(12))


def test_outline_and_border():
    mask = np.ones((3, 4), np.uint8)
    boundary = outline(mask, (0, 5))
    assert len(boundary) == 10
    assert set(map(tuple, boundary)) == {(x, y) for x in range(4) for y in (5, 7)} | {
        (0.0, 6.0),
        (3.0, 6.0),
    }
    border = on_image_border(boundary, (100, 8))
    np.testing.assert_array_equal(border, (boundary[:, 0] == 0) | (boundary[:, 1] == 7))


@pytest.mark.parametrize('axes', [(100, 100), (160, 60)])
def test_covariance_agrees_with_simulated_outline_errors(axes):
    """
    Move an ellipse's outline by correlated noise many times and measure the centroid.

    The noise is white over cells of the correlation length along the outline, whose spectrum at
    long wavelengths is sigma^2 l, as the formula assumes.
    """
    rng = np.random.default_rng(0)
    angles = np.linspace(0, 2 * np.pi, 4000, endpoint=False)
    points = np.stack([axes[0] * np.cos(angles), axes[1] * np.sin(angles)], axis=1)
    normals = np.stack([np.cos(angles) / axes[0], np.sin(angles) / axes[1]], axis=1)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    lengths = np.linalg.norm(np.roll(points, -1, axis=0) - points, axis=1)
    cells = (lengths.cumsum() / BOUNDARY_CORRELATION_PX).astype(int)
    centroids = []
    for _ in range(3000):
        errors = rng.normal(0, BOUNDARY_STD_PX, cells.max() + 1)[cells]
        moved = points + errors[:, None] * normals
        moments = cv2.moments(moved.astype(np.float32).reshape(-1, 1, 2))
        centroids.append((moments['m10'] / moments['m00'], moments['m01'] / moments['m00']))
    measured = np.cov(np.array(centroids).T)
    mask = np.zeros((400, 400), np.uint8)
    cv2.ellipse(mask, (200, 200), axes, 0, 0, 360, 1, -1)
    xx, xy, yy = centroid_covariance(outline(mask, (-200, -200)), (0.0, 0.0), int(mask.sum()))
    assert xx == pytest.approx(measured[0, 0], rel=0.25)
    assert yy == pytest.approx(measured[1, 1], rel=0.25)
    assert abs(xy) < 0.1 * max(xx, yy)


def count_entries(mask, offset=(0, 0)):
    points, runs = border_runs(mask, offset, (640, 512))
    assert mask[points[:, 1], points[:, 0]].all()
    assert sorted(set(runs)) == list(range(1, runs.max(initial=0) + 1))
    return runs.max(initial=0)


def test_entries_are_runs_of_border_pixels():
    mask = np.zeros((512, 640), np.uint8)
    assert count_entries(mask) == 0
    mask[100:200, :50] = 1
    assert count_entries(mask) == 1
    mask[500:, 300:320] = 1
    assert count_entries(mask) == 2
    # Around a corner, also the one where counting starts, it is one entry.
    mask[:30, :30] = 1
    mask[480:, 600:] = 1
    assert count_entries(mask) == 4
    crop = np.ascontiguousarray(mask[100:])
    assert count_entries(crop, (0, 100)) == 3
    assert count_entries(np.ones((512, 640), np.uint8)) == 1


def test_an_image_of_one_row_is_all_border():
    points, runs = border_runs(np.array([[1, 1, 0, 1]], np.uint8), (0, 0), (4, 1))
    assert set(map(tuple, points.tolist())) == {(0, 0), (1, 0), (3, 0)}
    assert len(runs) == len(points)
