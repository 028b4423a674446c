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

"""Tests of the stereo calibration: what it computes, and what it refuses."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from stereo_rods import BASELINE
from stereo_rods import CENTER
from stereo_rods import FOCAL
from stereo_rods import projections
from stereo_rods import rod_calibration

from surgseg_ros.perception.stereo_calibration import CalibrationError
from surgseg_ros.perception.stereo_calibration import CameraCalibration
from surgseg_ros.perception.stereo_calibration import StereoCalibration

POINTS = np.array([[0.01, -0.02, 0.08], [-0.03, 0.02, 0.12], [0.0, 0.0, 0.05]])
MATRICES = [
    np.array([[815.0, 0, 560], [0, 819, 308], [0, 0, 1]]),
    np.array([[825.0, 0, 477], [0, 829, 304], [0, 0, 1]]),
]
DISTORTIONS = [np.array([-0.33, 0.42, 0.001, -0.002, 0.0]), np.array([-0.36, 0.5, 0.0, 0.001, 0])]
ROTATION, _ = cv2.Rodrigues(np.array([0.01, -0.008, 0.005]))
TRANSLATION = np.array([-0.0055, 0.0001, 0.0002])


def rectified(**changes):
    left, right = map(CameraCalibration.of_rectified_image, projections())
    return StereoCalibration(left, replace(right, **changes))


def see(calibration, points):
    """Return the rectified pixels (N, 2) of points in the left optical frame, and disparities."""
    turned = points @ calibration.rotation
    x = calibration.fx * turned[:, 0] / turned[:, 2] + calibration.cx
    y = calibration.fy * turned[:, 1] / turned[:, 2] + calibration.cy
    return np.column_stack((x, y)), calibration.disparity_at(turned[:, 2])


def raw_pair():
    return StereoCalibration.from_raw_pair(
        tuple(MATRICES), tuple(DISTORTIONS), ROTATION, TRANSLATION, (960, 540)
    )


def test_points_of_raw_images_come_back():
    calibration = raw_pair()
    right_points = POINTS @ ROTATION.T + TRANSLATION
    pixels = [
        cv2.projectPoints(points, np.zeros(3), np.zeros(3), matrix, distortion)[0][:, 0]
        for points, matrix, distortion in zip(
            (POINTS, right_points), MATRICES, DISTORTIONS, strict=True
        )
    ]
    left, right = (
        calibration.rectify(eye, pixel)
        for eye, pixel in zip(('left', 'right'), pixels, strict=True)
    )
    np.testing.assert_allclose(left[:, 1], right[:, 1], atol=1e-3)
    for pixel, disparity, expected in zip(left, left[:, 0] - right[:, 0], POINTS, strict=True):
        point, _ = calibration.triangulate(pixel, disparity, np.eye(3))
        np.testing.assert_allclose(point, expected, atol=1e-6)
    np.testing.assert_allclose(calibration.unrectify('right', right), pixels[1], atol=1e-2)


def test_the_principal_points_of_both_eyes_may_differ():
    left, right = projections(shift=40.0)
    calibration = StereoCalibration(*map(CameraCalibration.of_rectified_image, (left, right)))
    pixels = np.array([[CENTER[0] + 40.0 + 12.0, 300.0]])
    np.testing.assert_allclose(calibration.rectify('right', pixels), [[CENTER[0] + 12.0, 300.0]])
    np.testing.assert_allclose(
        calibration.unrectify('right', calibration.rectify('right', pixels)), pixels
    )


@pytest.mark.parametrize('calibration', [rod_calibration(), raw_pair()], ids=['plain', 'raw'])
def test_the_covariance_is_that_of_noisy_pixels(calibration):
    rng = np.random.default_rng(3)
    covariance = np.array([[0.5, 0.1, 0.05], [0.1, 0.8, 0.0], [0.05, 0.0, 0.3]])
    pixels, disparities = see(calibration, POINTS[:1])
    _, expected = calibration.triangulate(pixels[0], disparities[0], covariance)
    noise = rng.multivariate_normal(np.zeros(3), covariance, 4000)
    drawn = [
        calibration.triangulate(pixels[0] + n[:2], disparities[0] + n[2], covariance)[0]
        for n in noise
    ]
    np.testing.assert_allclose(np.cov(np.transpose(drawn)), expected, rtol=0.12, atol=2e-10)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'projection': np.zeros((3, 4))}, 'not calibrated'),
        ({'projection': np.full((3, 4), np.nan)}, 'not finite'),
        ({'distortion': np.array([np.inf])}, 'D of the right eye'),
        ({'rectification': np.zeros((3, 3))}, 'no rotation'),
        ({'camera_matrix': np.zeros((3, 3))}, 'K of the right eye'),
        ({'distortion_model': 'magic'}, 'magic'),
        ({'projection': projections()[0]}, 'baseline is zero'),
        ({'projection': projections()[1] * [[1, 1, 1, -1]] * np.ones((3, 1))}, 'swapped'),
        ({'projection': projections()[1] * [[1, 1, 1, 1000]] * np.ones((3, 1))}, 'millimeters'),
        ({'projection': projections()[1] + [[0] * 4, [0, 0, 30, 0], [0] * 4]}, 'rectified pair'),
        (
            {'projection': projections()[0] + [[0] * 4, [0, 0, 0, -2.3], [0] * 4]},
            'above the other',
        ),
    ],
)
def test_what_cannot_be_right_is_refused_with_its_reason(change, message):
    with pytest.raises(CalibrationError, match=message):
        rectified(**change)


def test_swapped_eyes_are_refused():
    left, right = map(CameraCalibration.of_rectified_image, projections())
    with pytest.raises(CalibrationError, match='swapped'):
        StereoCalibration(right, left)


@pytest.mark.parametrize(
    ('translation', 'message'),
    [
        (-TRANSLATION, 'swapped'),
        (TRANSLATION * np.nan, 'finite'),
        (np.zeros(3), 'baseline is zero'),
        (np.array([0.0, -0.005, 0.0]), 'above'),
        (TRANSLATION * 1000, 'millimeters'),
    ],
)
def test_raw_pairs_are_checked_too(translation, message):
    with pytest.raises(CalibrationError, match=message):
        StereoCalibration.from_raw_pair(
            tuple(MATRICES), tuple(DISTORTIONS), ROTATION, translation, (960, 540)
        )


def test_depth_and_disparity():
    assert rod_calibration().disparity_at(0.08) == pytest.approx(FOCAL * BASELINE / 0.08)
