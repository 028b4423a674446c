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

import copy

import cv2
import numpy as np
import pytest

pytest.importorskip('rclpy')

from surgseg_ros.calibration.baseline import BaselineLimits
from surgseg_ros.calibration.camera import CalibrationError
from surgseg_ros.nodes.messages.camera_info import make_camera_info
from surgseg_ros.nodes.segmentation.stereo_calibration_source import StereoCalibrationSource

SIZE = (640, 512)
FX, FY, CX, CY, BASELINE = 500.0, 520.0, 310.0, 250.0, 0.0044
DISTORTION = (-0.3, 0.1, 0.002, -0.001, 0.0)
FISHEYE = (0.175, -0.03, 0.0004, -0.0007)
PIXELS = np.array([(60.0, 40.0), (310.0, 250.0), (600.0, 480.0)])


def make_infos(**changes):
    left, right = (
        make_camera_info(*SIZE, FX, FY, CX, CY, baseline_px_tx=shift, **changes)
        for shift in (0.0, -FX * BASELINE)
    )
    return {'left': left, 'right': right}


def find(infos, image_size=SIZE, are_rectified=True):
    return StereoCalibrationSource().find(infos, image_size, are_rectified)


def test_the_calibration_follows_from_both_messages():
    found = find(make_infos())
    assert (found.fx, found.fy, found.cx, found.cy) == (FX, FY, CX, CY)
    assert found.baseline == pytest.approx(BASELINE)
    assert found.disparity_at(0.1) == pytest.approx(22)


@pytest.mark.parametrize('are_rectified', [True, False])
def test_equal_messages_are_looked_at_once(are_rectified):
    source = StereoCalibrationSource()
    first = source.find(make_infos(), SIZE, are_rectified)
    later = make_infos()
    later['left'].header.stamp.sec = 17
    assert source.find(later, SIZE, are_rectified) is first


@pytest.mark.parametrize('eye', ['left', 'right'])
@pytest.mark.parametrize(('field', 'index'), [('k', 2), ('d', 0), ('r', 1), ('p', 2)])
def test_a_change_of_either_message_is_noticed(eye, field, index):
    source = StereoCalibrationSource()
    first = source.find(make_infos(), SIZE, are_rectified=False)
    changed = make_infos()
    getattr(changed[eye], field)[index] += 1e-6
    assert source.find(changed, SIZE, are_rectified=False) is not first


def test_whether_images_are_rectified_may_change():
    source, infos = StereoCalibrationSource(), make_infos(distortion=DISTORTION)
    raw = source.find(infos, SIZE, are_rectified=False)
    rectified = source.find(infos, SIZE, are_rectified=True)
    np.testing.assert_allclose(rectified.rectify('left', PIXELS), PIXELS)
    assert np.abs(raw.rectify('left', PIXELS)[[0, 2]] - PIXELS[[0, 2]]).min() > 3


@pytest.mark.parametrize('eye', ['left', 'right'])
def test_raw_pixels_lie_on_the_rays_that_cause_them(eye):
    found = find(make_infos(distortion=DISTORTION), are_rectified=False)
    x, y = found.rectify(eye, PIXELS).T
    rays = np.column_stack(((x - CX) / FX, (y - CY) / FY, np.ones(len(x))))
    camera = np.array([[FX, 0, CX], [0, FY, CY], [0, 0, 1]])
    seen, _ = cv2.projectPoints(rays, np.zeros(3), np.zeros(3), camera, np.array(DISTORTION))
    np.testing.assert_allclose(seen[:, 0], PIXELS, atol=0.1)


def test_of_rectified_images_only_the_projection_counts():
    infos = make_infos(distortion=DISTORTION)
    for info in infos.values():
        info.k = [0.0] * 9
        info.r = [0.0] * 9
        info.distortion_model = 'a model that nobody knows'
    assert find(infos).baseline == pytest.approx(BASELINE)
    with pytest.raises(CalibrationError):
        find(infos, are_rectified=False)


def test_without_distortion_its_model_does_not_matter():
    infos = make_infos(distortion=())
    for info in infos.values():
        info.distortion_model = ''
    found = find(infos, are_rectified=False)
    np.testing.assert_allclose(found.rectify('right', PIXELS), PIXELS)


def test_fisheye_pixels_lie_on_the_rays_that_cause_them():
    infos = make_infos(distortion=FISHEYE)
    for info in infos.values():
        info.distortion_model = 'equidistant'
    x, y = find(infos, are_rectified=False).rectify('left', PIXELS).T
    rays = np.column_stack(((x - CX) / FX, (y - CY) / FY, np.ones(len(x))))
    camera = np.array([[FX, 0, CX], [0, FY, CY], [0, 0, 1]])
    origin = np.zeros(3)
    seen, _ = cv2.fisheye.projectPoints(rays[:, None], origin, origin, camera, np.array(FISHEYE))
    np.testing.assert_allclose(seen[:, 0], PIXELS, atol=1e-3)


def test_the_number_of_coefficients_decides_about_polynomials():
    found = find(make_infos(distortion=(*DISTORTION, 0.02, 0.01, 0.0)), are_rectified=False)
    assert found.cameras['left'].distortion_model == 'rational_polynomial'


@pytest.mark.parametrize(
    ('model', 'distortion', 'message'),
    [
        ('fov', DISTORTION, "left/camera_info: unknown distortion model 'fov'"),
        ('equidistant', DISTORTION, "'equidistant' has 4 coefficients, D has 5"),
        ('plumb_bob', DISTORTION[:3], '4, 5, 8, 12 or 14 coefficients'),
    ],
)
def test_what_is_not_known_of_raw_images_is_refused_by_name(model, distortion, message):
    infos = make_infos(distortion=distortion)
    for info in infos.values():
        info.distortion_model = model
    with pytest.raises(CalibrationError, match=message):
        find(infos, are_rectified=False)


def test_other_rigs_need_other_limits():
    infos = make_infos()
    infos['right'].p[3] *= 20
    with pytest.raises(CalibrationError, match='88 mm.*stereo_baseline_mm'):
        find(infos)
    wide = BaselineLimits(20, 200)
    found = StereoCalibrationSource().find(infos, SIZE, are_rectified=True, limits=wide)
    assert found.baseline == pytest.approx(20 * BASELINE)


def test_a_calibration_of_other_images_is_noticed_by_its_middle():
    infos = make_infos()
    for info in infos.values():
        info.width, info.height = 1280, 1024
    with pytest.raises(CalibrationError, match='P of the left eye.*middle of images of 1280x1024'):
        find(infos, image_size=(1280, 1024))


@pytest.mark.parametrize('eye', ['left', 'right'])
def test_another_image_size_is_refused_with_the_eye_and_both_sizes(eye):
    infos = make_infos()
    infos[eye].width = 1280
    with pytest.raises(CalibrationError, match=f'{eye}/camera_info.*1280x512 px.*640x512 px'):
        find(infos)


def test_images_of_another_size_than_the_messages_are_refused():
    source, infos = StereoCalibrationSource(), make_infos()
    source.find(infos, SIZE, are_rectified=True)
    with pytest.raises(CalibrationError, match='640x512 px, the images have 320x256 px'):
        source.find(infos, (320, 256), are_rectified=True)


def test_the_eyes_swapped_are_refused():
    infos = make_infos()
    with pytest.raises(CalibrationError, match='swapped'):
        find({'left': infos['right'], 'right': infos['left']})


def test_an_error_comes_again_until_the_messages_are_right():
    source, infos = StereoCalibrationSource(), make_infos()
    wrong = copy.deepcopy(infos)
    wrong['right'].p[3] = 0.0
    for _ in range(2):
        with pytest.raises(CalibrationError, match='the baseline is zero'):
            source.find(wrong, SIZE, are_rectified=True)
    assert source.find(infos, SIZE, are_rectified=True).baseline == pytest.approx(BASELINE)
