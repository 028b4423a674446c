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

import numpy as np
import pytest
from raw_pair import DISTORTIONS
from raw_pair import IMAGE_SIZE
from raw_pair import locate
from raw_pair import MATRICES
from raw_pair import POINTS
from raw_pair import ROTATION
from raw_pair import see as see_raw
from raw_pair import TRANSLATION
from stereo_rods import BASELINE
from stereo_rods import CENTER
from stereo_rods import FOCAL
from stereo_rods import projections
from stereo_rods import rod_calibration

from surgseg_ros.calibration.baseline import BaselineLimits
from surgseg_ros.calibration.camera import CalibrationError
from surgseg_ros.calibration.camera import CameraCalibration
from surgseg_ros.calibration.stereo import StereoCalibration

FISHEYE = [np.array([0.02, -0.01, 0.003, 0.0]), np.array([0.175, -0.03, 0.0004, -0.0007])]
RATIONAL = [np.array([-0.3, 0.1, 0.001, 0.0, 0.02, 0.05, 0.02, 0.01]), np.zeros(8)]


def rectified(**changes):
    left, right = map(CameraCalibration.of_rectified_image, projections())
    return StereoCalibration(left, replace(right, **changes))


def see(calibration, points):
    """Return the rectified pixels (N, 2) of points in the left optical frame, and disparities."""
    turned = points @ calibration.rotation
    x = calibration.fx * turned[:, 0] / turned[:, 2] + calibration.cx
    y = calibration.fy * turned[:, 1] / turned[:, 2] + calibration.cy
    return np.column_stack((x, y)), calibration.disparity_at(turned[:, 2])


def raw_pair(distortions=DISTORTIONS, **changes):
    options = {'rotation': ROTATION, 'translation': TRANSLATION, 'image_size': IMAGE_SIZE}
    return StereoCalibration.from_raw_pair(MATRICES, distortions, **options | changes)


@pytest.mark.parametrize(
    ('model', 'distortions'),
    [('plumb_bob', DISTORTIONS), ('rational_polynomial', RATIONAL), ('equidistant', FISHEYE)],
)
def test_points_of_raw_images_come_back(model, distortions):
    calibration = raw_pair(distortions, distortion_models=(model, model))
    pixels = see_raw(distortions=distortions, is_fisheye=model == 'equidistant')
    np.testing.assert_allclose(locate(calibration, pixels), POINTS, atol=2e-6)
    for eye, seen in zip(('left', 'right'), pixels, strict=True):
        there_and_back = calibration.unrectify(eye, calibration.rectify(eye, seen))
        np.testing.assert_allclose(there_and_back, seen, atol=1e-2)


def test_eyes_may_have_different_models():
    models = ('plumb_bob', 'equidistant')
    calibration = raw_pair([DISTORTIONS[0], FISHEYE[1]], distortion_models=models)
    left = see_raw()[0]
    right = see_raw(distortions=FISHEYE, is_fisheye=True)[1]
    np.testing.assert_allclose(locate(calibration, [left, right]), POINTS, atol=2e-6)


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
        ({'projection': projections()[1] * [[2, 1, 1, 2]] * np.ones((3, 1))}, 'rectified pair'),
        ({'projection': np.array(projections()[1])[:, [0, 1, 3, 2]]}, 'last row of P'),
        ({'rectification': np.diag([1.0, 1.0, -1.0])}, 'mirror'),
        ({'camera_matrix': projections()[0][:, :3].T}, 'K of the right eye is transposed'),
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
    ('change', 'message'),
    [
        ({'translation': -TRANSLATION}, 'swapped'),
        ({'translation': TRANSLATION * np.nan}, 'finite'),
        ({'translation': np.zeros(3)}, 'baseline is zero'),
        ({'translation': np.array([0.0, -0.005, 0.0])}, 'above'),
        ({'translation': np.array([-0.001, 0.0, 0.005])}, 'behind'),
        ({'translation': TRANSLATION * 1000}, 'millimeters'),
        ({'translation': TRANSLATION / 1000}, 'meters'),
        ({'translation': TRANSLATION * 10}, '1 to 40 mm can be right'),
        ({'rotation': ROTATION * 1.1}, 'R is no rotation'),
        ({'rotation': np.diag([1.0, -1.0, -1.0])}, 'turns by 180 degrees'),
        ({'rotation': np.diag([1.0, -1.0, 1.0])}, 'mirror'),
    ],
)
def test_raw_pairs_are_checked_too(change, message):
    with pytest.raises(CalibrationError, match=message):
        raw_pair(**change)


def test_another_rig_has_other_limits():
    wide = raw_pair(translation=TRANSLATION * 10, limits=BaselineLimits(20, 200))
    assert wide.baseline == pytest.approx(0.055, rel=1e-2)


@pytest.mark.parametrize('size', [(1920, 1080), (480, 270), (640, 1080)])
def test_images_of_another_size_are_refused_by_the_principal_point(size):
    raw_pair().check_image_size(IMAGE_SIZE)
    with pytest.raises(CalibrationError, match='K of the left eye.*middle of images'):
        raw_pair().check_image_size(size)


def test_depth_and_disparity():
    assert rod_calibration().disparity_at(0.08) == pytest.approx(FOCAL * BASELINE / 0.08)
