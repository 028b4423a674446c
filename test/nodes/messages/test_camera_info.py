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

import textwrap

import cv2
import numpy as np
import pytest

pytest.importorskip('sensor_msgs')

from surgseg_ros.calibration.baseline import BaselineLimits
from surgseg_ros.calibration.camera import CalibrationError
from surgseg_ros.nodes.messages.camera_info import calibration_of
from surgseg_ros.nodes.messages.camera_info import camera_info_from_yaml
from surgseg_ros.nodes.messages.camera_info import make_camera_info

ROS_YAML = textwrap.dedent("""\
    image_width: 640
    image_height: 480
    camera_name: endoscope/left
    camera_matrix:
      rows: 3
      cols: 3
      data: [430.2, 0, 306.7, 0, 430.5, 227.2, 0, 0, 1]
    distortion_model: rational_polynomial
    distortion_coefficients:
      rows: 1
      cols: 8
      data: [-0.3, 0.11, 0.001, -0.002, 0.5, 0.1, 0.2, 0.3]
    rectification_matrix:
      rows: 3
      cols: 3
      data: [0.9999, 0.01, 0, -0.01, 0.9999, 0, 0, 0, 1]
    projection_matrix:
      rows: 3
      cols: 4
      data: [395.6, 0, 331.3, -2.1, 0, 417.9, 221.1, 0, 0, 0, 1, 0]
    """)


def write(path, text):
    path.write_text(text)
    return path


def test_made_info_is_that_of_a_rectified_camera():
    info = make_camera_info(1280, 1024, 1050.0, 1051.0, 640.0, 512.0, baseline_px_tx=-4.6)
    assert (info.width, info.height) == (1280, 1024)
    np.testing.assert_array_equal(
        np.reshape(info.k, (3, 3)), [[1050, 0, 640], [0, 1051, 512], [0, 0, 1]]
    )
    np.testing.assert_array_equal(np.reshape(info.r, (3, 3)), np.eye(3))
    assert info.p[3] == -4.6
    np.testing.assert_array_equal(np.reshape(info.p, (3, 4))[:, :3], np.reshape(info.k, (3, 3)))
    assert info.distortion_model == 'plumb_bob'
    assert list(info.d) == [0.0] * 5


def test_ros_calibration_is_read_completely(tmp_path):
    info = camera_info_from_yaml(write(tmp_path / 'left.yaml', ROS_YAML))
    assert (info.width, info.height) == (640, 480)
    assert info.distortion_model == 'rational_polynomial'
    assert list(info.d) == [-0.3, 0.11, 0.001, -0.002, 0.5, 0.1, 0.2, 0.3]
    assert list(info.k) == [430.2, 0, 306.7, 0, 430.5, 227.2, 0, 0, 1]
    assert list(info.r) == [0.9999, 0.01, 0, -0.01, 0.9999, 0, 0, 0, 1]
    assert list(info.p) == [395.6, 0, 331.3, -2.1, 0, 417.9, 221.1, 0, 0, 0, 1, 0]


@pytest.mark.parametrize(
    ('old', 'new', 'reason'),
    [
        ('image_width: 640', '', 'width and height of the images belong together'),
        ('image_width: 640', 'image_width: 0', "'image_width' must be a positive integer"),
        ('image_height: 480', 'image_height: tall', 'image_height must be numbers'),
        ('227.2, 0, 0, 1]', '227.2, 0, 0]', 'camera_matrix is said to be 3x3 but has 8 numbers'),
        ('[-0.3', '[far', "distortion_coefficients must be numbers, 'far' is none"),
        ('cols: 8', 'cols: 5', 'distortion_coefficients is said to be 1x5 but has 8 numbers'),
        (
            'distortion_coefficients',
            'distortion_coefficents',
            'D, the distortion coefficients, is',
        ),
        ('rational_polynomial', 'division', "unknown distortion model 'division'"),
        ('-2.1, 0, 417.9', '-2.1e6, 0, 417.9', 'neither in m nor in mm'),
        ('camera_name: endoscope/left', 'camera_name: [', 'no valid JSON, YAML or XML'),
    ],
)
def test_incomplete_calibrations_are_explained(tmp_path, old, new, reason):
    path = write(tmp_path / 'left.yaml', ROS_YAML.replace(old, new))
    with pytest.raises(CalibrationError, match='left.yaml') as caught:
        camera_info_from_yaml(path)
    assert reason in str(caught.value)


def test_a_missing_file_is_named():
    with pytest.raises(CalibrationError, match='/nowhere/left.yaml'):
        camera_info_from_yaml('/nowhere/left.yaml')


@pytest.mark.parametrize('text', ['', 'just words', '- 1\n- 2\n', 'fps: 30'])
def test_other_yaml_is_refused(tmp_path, text):
    with pytest.raises(CalibrationError, match='holds no calibration|is empty'):
        camera_info_from_yaml(write(tmp_path / 'other.yaml', text))


@pytest.fixture
def stereo_file(tmp_path):
    """Write the calibration of a parallel pair with 4.4 mm baseline, in millimeters."""
    path = tmp_path / 'stereo.yaml'
    storage = cv2.FileStorage(str(path), cv2.FILE_STORAGE_WRITE)
    camera = np.array([[1000, 0, 600], [0, 1000, 500], [0, 0, 1]], np.float32)
    for name, matrix in {
        'M1': camera,
        'D1': np.zeros((1, 5)),
        'M2': camera,
        'D2': np.zeros((1, 5)),
        'R': np.eye(3),
        'T': np.array([[-4.4, 0, 0]]),
    }.items():
        storage.write(name, matrix)
    storage.release()
    return path


@pytest.mark.parametrize(('eye', 'baseline_m'), [('left', 0.0), ('right', 0.0044)])
def test_opencv_stereo_calibration_gives_meters(stereo_file, eye, baseline_m):
    info = camera_info_from_yaml(stereo_file, eye, image_size=(1280, 1024))
    assert (info.width, info.height) == (1280, 1024)
    assert list(info.k) == [1000, 0, 600, 0, 1000, 500, 0, 0, 1]
    assert -info.p[3] / info.p[0] == pytest.approx(baseline_m, abs=1e-6)
    np.testing.assert_allclose(np.reshape(info.r, (3, 3)), np.eye(3), atol=1e-6)


def test_opencv_calibration_needs_the_image_size(stereo_file):
    with pytest.raises(CalibrationError, match='image_size'):
        camera_info_from_yaml(stereo_file)


def test_opencv_calibration_must_be_complete(stereo_file):
    stereo_file.write_text(stereo_file.read_text().replace('D2:', 'D3:'))
    with pytest.raises(CalibrationError, match='D, the distortion coefficients, is missing of 2'):
        camera_info_from_yaml(stereo_file, image_size=(1280, 1024))


@pytest.mark.parametrize(
    ('said', 'count', 'published'),
    [
        ('distortion_model: plumb_bob', 8, 'rational_polynomial'),
        ('distortion_model: rational_polynomial', 5, 'plumb_bob'),
        ('camera_model: fisheye', 4, 'equidistant'),
        ('distortion_model: equidistant', 4, 'equidistant'),
        ('', 14, 'rational_polynomial'),
    ],
)
def test_the_model_is_that_of_the_coefficients(tmp_path, said, count, published):
    coefficients = [0.1] * count
    text = ROS_YAML.replace('distortion_model: rational_polynomial', said)
    text = text.replace('cols: 8', f'cols: {count}')
    text = text.replace('[-0.3, 0.11, 0.001, -0.002, 0.5, 0.1, 0.2, 0.3]', str(coefficients))
    info = camera_info_from_yaml(write(tmp_path / 'left.yaml', text))
    assert (info.distortion_model, list(info.d)) == (published, coefficients)
    assert calibration_of(info).distortion_model == published


def test_images_of_another_size_are_scaled_and_it_is_reported(tmp_path):
    notes = []
    path = write(tmp_path / 'left.yaml', ROS_YAML)
    info = camera_info_from_yaml(path, image_size=(320, 240), report=notes.append)
    assert (info.width, info.height, info.k[0], info.p[3]) == (320, 240, 215.1, -1.05)
    assert info.k[2] == pytest.approx((306.7 + 0.5) / 2 - 0.5)
    assert 'scaled from 640x480 to 320x240 px' in notes[0]
    with pytest.raises(CalibrationError, match='left.yaml.*640x480 px.*640x360 px, another'):
        camera_info_from_yaml(path, image_size=(640, 360))


def test_another_rig_needs_other_limits(stereo_file):
    limits = BaselineLimits(2.0, 4.0)
    with pytest.raises(CalibrationError, match='4.4, neither in m nor in mm within 2 to 4 mm'):
        camera_info_from_yaml(stereo_file, 'left', (1280, 1024), limits)


def test_unknown_eye_is_refused(stereo_file):
    with pytest.raises(ValueError, match='middle'):
        camera_info_from_yaml(stereo_file, 'middle', (1280, 1024))
