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

"""Tests of calibration files: what each format gives, and what is refused with which words."""

import json

import cv2
import numpy as np
import pytest
from raw_pair import DISTORTIONS
from raw_pair import IMAGE_SIZE
from raw_pair import locate
from raw_pair import MATRICES
from raw_pair import POINTS
from raw_pair import ROTATION
from raw_pair import see
from raw_pair import TRANSLATION
from stereo_rods import projections
import yaml

from surgseg_ros.calibration.baseline import BaselineLimits
from surgseg_ros.calibration.camera import CalibrationError
from surgseg_ros.calibration.files import read_eye
from surgseg_ros.calibration.files import ReadOptions
from surgseg_ros.calibration.files import StereoCalibrationFile

LEFT, RIGHT = (matrix.tolist() for matrix in projections())
K = [matrix.tolist() for matrix in MATRICES]
D = [distortion.tolist() for distortion in DISTORTIONS]
R, T = ROTATION.tolist(), TRANSLATION.tolist()
EYE = np.eye(3).tolist()
FISHEYE = [[0.02, -0.01, 0.003, 0.0], [0.175, -0.03, 0.0004, -0.0007]]
FLAT = {'K_left': K[0], 'D_left': D[0], 'K_right': K[1], 'D_right': D[1], 'R': R, 't': T}
RECTIFIED = {'P_left': LEFT, 'P_right': RIGHT}
RECTIFIED_SIZE = (640, 512)


def write(path, content):
    is_json = path.suffix == '.json'
    path.write_text(json.dumps(content) if is_json else yaml.safe_dump(content))
    return path


def read(tmp_path, content, name='calibration.json', size=IMAGE_SIZE, **options):
    path = write(tmp_path / name, content)
    return StereoCalibrationFile([path], ReadOptions(**options)).for_images(size)


def refused(tmp_path, content, size=IMAGE_SIZE, **options):
    with pytest.raises(CalibrationError) as caught:
        read(tmp_path, content, size=size, **options)
    message = str(caught.value)
    assert 'calibration.json' in message
    assert '\n' not in message
    return message


def write_opencv(path, **matrices):
    storage = cv2.FileStorage(str(path), cv2.FILE_STORAGE_WRITE)
    for name, value in matrices.items():
        storage.write(name, np.array(value, float) if isinstance(value, list) else value)
    storage.release()
    return path


def ros_camera(index, **changes):
    """Return what ROS camera_calibration writes of an eye."""
    rectified = cv2.stereoRectify(
        MATRICES[0], DISTORTIONS[0], MATRICES[1], DISTORTIONS[1], IMAGE_SIZE, ROTATION,
        TRANSLATION.reshape(3, 1), flags=cv2.CALIB_ZERO_DISPARITY, alpha=0,
    )  # fmt: skip
    matrices = {
        'camera_matrix': MATRICES[index],
        'distortion_coefficients': DISTORTIONS[index][None],
        'rectification_matrix': rectified[index],
        'projection_matrix': rectified[2 + index],
    }
    shaped = {
        name: {'rows': len(m), 'cols': len(m[0]), 'data': m.ravel().tolist()}
        for name, m in matrices.items()
    }
    size = {'image_width': IMAGE_SIZE[0], 'image_height': IMAGE_SIZE[1]}
    return size | {'camera_name': 'eye', 'distortion_model': 'plumb_bob'} | shaped | changes


def kalibr_camera(index, **changes):
    matrix = MATRICES[index]
    return {
        'cam_overlaps': [1 - index],
        'camera_model': 'pinhole',
        'distortion_coeffs': D[index][:4],
        'distortion_model': 'radtan',
        'intrinsics': matrix[[0, 1, 0, 1], [0, 1, 2, 2]].tolist(),
        'resolution': list(IMAGE_SIZE),
        'rostopic': f'/cam{index}/image_raw',
    } | changes


def camchain(**changes):
    transform = np.vstack((np.column_stack((ROTATION, TRANSLATION)), [0, 0, 0, 1])).tolist()
    return {
        'cam0': kalibr_camera(0, **changes),
        'cam1': kalibr_camera(1, **{'T_cn_cnm1': transform} | changes),
    }


@pytest.mark.parametrize('name', ['calibration.json', 'calibration.yaml'])
@pytest.mark.parametrize(
    'content',
    [
        RECTIFIED,
        {'left': {'P': LEFT}, 'right': {'P': RIGHT}},
        {'P1': LEFT, 'P2': RIGHT, 'Q': np.eye(4).tolist()},
        RECTIFIED | {'image_size': [640, 512]},
    ],
)
def test_projections_of_rectified_images(tmp_path, content, name):
    calibration = read(tmp_path, content, name, RECTIFIED_SIZE)
    assert calibration.baseline == pytest.approx(0.0044)
    np.testing.assert_array_equal(calibration.rotation, np.eye(3))


RAW_PAIRS = {
    'suffixes': FLAT,
    'numbers': {'K1': K[0], 'D1': D[0], 'K2': K[1], 'D2': D[1], 'R': R, 'T': T},
    'opencv sample': {'M1': K[0], 'D1': D[0], 'M2': K[1], 'D2': D[1], 'R': R, 'T': T},
    'from zero': {'K0': K[0], 'D0': D[0], 'K1': K[1], 'D1': D[1], 'R': R, 'T': T},
    'opencv names': {
        'cameraMatrix1': K[0], 'distCoeffs1': D[0], 'cameraMatrix2': K[1],
        'distCoeffs2': D[1], 'R': R, 'T': T,
    },
    'long names': {
        'left_camera_matrix': K[0], 'left_distortion_coefficients': [D[0]],
        'right_camera_matrix': K[1], 'right_distortion_coefficients': [D[1]],
        'rotation_matrix': R, 'translation_vector': [[value] for value in T],
    },
    'letters': {'mtx_l': K[0], 'dist_l': D[0], 'mtx_r': K[1], 'dist_r': D[1], 'R': R, 'T': T},
    'strings': {
        **FLAT,
        'K_left': [[str(value) for value in row] for row in K[0]],
        'D_left': [f'{value:e}' for value in D[0]],
    },
    'nested': {'left': {'K': K[0], 'D': D[0]}, 'right': {'K': K[1], 'D': D[1], 'R': R, 't': T}},
    'in one entry': {'calibration': FLAT},
    'pose beside': {
        'left': {'K': K[0], 'D': D[0]}, 'right': {'K': K[1], 'D': D[1]}, 'R': R, 't': T
    },
    'identity': {
        'left': {'K': K[0], 'D': D[0], 'R': EYE, 't': [0, 0, 0]},
        'right': {'K': K[1], 'D': [D[1]], 'R': R, 't': [[value] for value in T]},
    },
    'poses': {
        'left': {'K': K[0], 'D': D[0], 'R': R, 't': [0.1, 0.2, 0.3]},
        'right': {
            'K': K[1],
            'D': D[1],
            'R': (ROTATION @ ROTATION).tolist(),
            't': (ROTATION @ [0.1, 0.2, 0.3] + TRANSLATION).tolist(),
        },
    },
}  # fmt: skip


@pytest.mark.parametrize('content', RAW_PAIRS.values(), ids=RAW_PAIRS)
@pytest.mark.parametrize('unit', [1.0, 1000.0], ids=['m', 'mm'])
def test_raw_pairs(tmp_path, content, unit):
    def scale(entry):
        if isinstance(entry, dict):
            return {
                key: (np.array(value) * unit).tolist()
                if key in ('t', 'T', 'translation_vector')
                else scale(value)
                for key, value in entry.items()
            }
        return entry

    calibration = read(tmp_path, scale(content))
    np.testing.assert_allclose(locate(calibration, see()), POINTS, atol=2e-6)


@pytest.mark.parametrize('name', ['pair.yml', 'pair.xml', 'pair.json'])
@pytest.mark.parametrize('unit', [1.0, 1000.0], ids=['m', 'mm'])
def test_stereo_files_of_opencv(tmp_path, name, unit):
    matrices = {'M1': K[0], 'D1': [D[0]], 'M2': K[1], 'D2': [D[1]], 'R': R}
    translation = (TRANSLATION[:, None] * unit).tolist()
    path = write_opencv(tmp_path / name, **matrices, T=translation)
    calibration = StereoCalibrationFile([path]).for_images(IMAGE_SIZE)
    np.testing.assert_allclose(locate(calibration, see()), POINTS, atol=2e-6)


def test_intrinsics_and_extrinsics_of_opencv_belong_together(tmp_path):
    intrinsics = write_opencv(tmp_path / 'intrinsics.yml', M1=K[0], D1=[D[0]], M2=K[1], D2=[D[1]])
    rectified = cv2.stereoRectify(
        MATRICES[0],
        DISTORTIONS[0],
        MATRICES[1],
        DISTORTIONS[1],
        IMAGE_SIZE,
        ROTATION,
        TRANSLATION.reshape(3, 1),
    )
    names = dict(zip(('R1', 'R2', 'P1', 'P2', 'Q'), rectified, strict=False))
    extrinsics = write_opencv(tmp_path / 'extrinsics.yml', R=R, T=TRANSLATION[:, None], **names)
    calibration = StereoCalibrationFile([intrinsics, extrinsics]).for_images(IMAGE_SIZE)
    np.testing.assert_allclose(locate(calibration, see()), POINTS, atol=2e-6)
    for alone in (intrinsics, extrinsics):
        with pytest.raises(CalibrationError, match='intrinsics.yml extrinsics.yml'):
            StereoCalibrationFile([alone])
    transposed = write_opencv(tmp_path / 'transposed.yml', R=ROTATION.T, T=TRANSLATION, **names)
    with pytest.raises(CalibrationError, match='R is transposed'):
        StereoCalibrationFile([intrinsics, transposed])


def test_two_files_of_ros(tmp_path):
    paths = [write(tmp_path / f'{i}.yaml', ros_camera(i)) for i in range(2)]
    found = StereoCalibrationFile(paths)
    np.testing.assert_allclose(locate(found.for_images(IMAGE_SIZE), see()), POINTS, atol=2e-6)
    with pytest.raises(CalibrationError, match='swapped'):
        StereoCalibrationFile(paths[::-1]).for_images(IMAGE_SIZE)
    with pytest.raises(CalibrationError, match='of one camera; give the files of both eyes'):
        StereoCalibrationFile(paths[:1])
    with pytest.raises(CalibrationError, match='baseline is zero'):
        StereoCalibrationFile([paths[0]] * 2).for_images(IMAGE_SIZE)
    other_size = write(tmp_path / 'other.yaml', ros_camera(1, image_width=1920, image_height=1080))
    with pytest.raises(CalibrationError, match='960x540 and 1920x1080'):
        StereoCalibrationFile([paths[0], other_size])


def test_ros_in_one_file_and_images_that_are_rectified(tmp_path):
    content = {'left': ros_camera(0), 'right': ros_camera(1)}
    raw = read(tmp_path, content)
    np.testing.assert_allclose(locate(raw, see()), POINTS, atol=2e-6)
    rectified = read(tmp_path, content, are_rectified=True)
    assert rectified.baseline == pytest.approx(raw.baseline)
    np.testing.assert_array_equal(rectified.rectify('left', [[7.0, 9.0]]), [[7.0, 9.0]])
    assert 'P of the left eye' in refused(tmp_path, FLAT, are_rectified=True)


ENDOVIS = """\
// calibration of a da Vinci: an example with made-up numbers
Width: 960            // x resolution
Height: 540
Camera-0-F: 815 819   // left camera x,y focal dist in pixels
Camera-0-C: 560 308
Camera-0-Alpha: 0.0   // skew: none
Camera-0-K: -0.33 0.42 0.001 -0.002 0.00000
Camera-1-F: 825 829
Camera-1-C: 477 304
Camera-1-K: -0.36 0.5 0.0 0.001 0.0
Extrinsic-Omega: 0.01 -0.008 0.005   // left to right camera rotation
Extrinsic-T: -5.5 0.1 0.2            // left to right camera position
"""


def test_endovis(tmp_path):
    path = tmp_path / 'camera_calibration.txt'
    path.write_text(ENDOVIS)
    found = StereoCalibrationFile([path])
    np.testing.assert_allclose(locate(found.for_images(IMAGE_SIZE), see()), POINTS, atol=2e-6)
    with pytest.raises(CalibrationError, match='another aspect ratio; crop them'):
        found.for_images((1920, 1200))
    for old, new, message in (
        ('Camera-1-C: 477 304\n', '', 'Camera-1-C needs 2 numbers, got 0'),
        ('Alpha: 0.0', 'Alpha: 0.1', 'Camera-0-F, C and Alpha has a skew'),
        ('815 819', '815 819x', "Camera-0-F must be numbers, '819x' is none"),
    ):
        path.write_text(ENDOVIS.replace(old, new))
        with pytest.raises(CalibrationError, match=message):
            StereoCalibrationFile([path])


def test_kalibr(tmp_path):
    calibration = read(tmp_path, camchain(), 'camchain.yaml')
    pixels = see(distortions=[values[:4] for values in DISTORTIONS])
    np.testing.assert_allclose(locate(calibration, pixels), POINTS, atol=2e-6)
    for model in ({'distortion_model': 'fov'}, {'camera_model': 'omni'}):
        assert next(iter(model.values())) in refused(tmp_path, camchain(**model))
    only = read_eye(write(tmp_path / 'cam0.yaml', {'cam0': kalibr_camera(0)}))
    np.testing.assert_array_equal(only.camera.camera_matrix, MATRICES[0])
    three = camchain() | {'cam2': kalibr_camera(1)}
    assert 'more than two cameras' in refused(tmp_path, three)


@pytest.mark.parametrize('word', ['equidistant', 'fisheye', 'Kannala-Brandt', 'KannalaBrandt8'])
def test_fisheye_pairs(tmp_path, word):
    content = FLAT | {'D_left': FISHEYE[0], 'D_right': FISHEYE[1], 'distortion_model': word}
    calibration = read(tmp_path, content)
    pixels = see(distortions=[np.array(values) for values in FISHEYE], is_fisheye=True)
    np.testing.assert_allclose(locate(calibration, pixels), POINTS, atol=2e-6)


def test_images_of_another_size_are_scaled_and_it_is_said(tmp_path):
    large = {'image_width': 2 * IMAGE_SIZE[0], 'image_height': 2 * IMAGE_SIZE[1]}
    for index, eye in enumerate(('left', 'right')):
        matrix = 2 * MATRICES[index]
        matrix[:2, 2] += 0.5
        matrix[2, 2] = 1
        large[f'K_{eye}'] = matrix.tolist()
    found = StereoCalibrationFile([write(tmp_path / 'large.json', FLAT | large)])
    np.testing.assert_allclose(locate(found.for_images(IMAGE_SIZE), see()), POINTS, atol=2e-6)
    assert 'scaled from 1920x1080 to 960x540 px' in found.describe()
    for name, value in (
        ('image_size', {'width': 1920, 'height': 1080}),
        ('image_shape', [1080, 1920]),
        ('resolution', '1920 1080'),
    ):
        sized = without(FLAT | large, 'image_width', 'image_height') | {name: value}
        assert read(tmp_path, sized).fx == pytest.approx(found.for_images(IMAGE_SIZE).fx)
    for size, words in (((960, 600), 'another aspect'), ((1080, 1920), 'exchanged')):
        with pytest.raises(CalibrationError, match=f'large.json.*1920x1080.*{words}'):
            found.for_images(size)


def test_a_projection_of_larger_images_is_scaled(tmp_path):
    large = [2 * matrix for matrix in projections()]
    for matrix in large:
        matrix[:2, 2] += 0.5
        matrix[2, 2] = 1
    content = {'P_left': large[0].tolist(), 'P_right': large[1].tolist()}
    for size in ({'resolution': [1280, 1024]}, {}):
        found = read(tmp_path, content | size, size=RECTIFIED_SIZE)
        assert (found.fx, found.cx) == pytest.approx((LEFT[0][0], LEFT[0][2]))
        assert found.baseline == pytest.approx(0.0044)


def test_a_size_that_only_the_principal_point_tells_is_said(tmp_path):
    path = write(tmp_path / 'pair.json', RECTIFIED)
    found = StereoCalibrationFile([path])
    found.for_images((320, 256))
    assert 'scaled from 640x512 to 320x256 px (the file names no size' in found.describe()


@pytest.mark.parametrize('size', [(320, 240), (1280, 960), (2000, 1600)])
def test_a_principal_point_that_tells_no_size_is_refused(tmp_path, size):
    content = {name: np.array(matrix) for name, matrix in RECTIFIED.items()}
    if size[0] == 2000:
        for matrix in content.values():
            matrix[0, 2] += 20.3
    content = {name: matrix.tolist() for name, matrix in content.items()}
    assert 'far from the middle' in refused(tmp_path, content, size)


def test_the_description_names_file_model_unit_and_baseline(tmp_path):
    found = StereoCalibrationFile([write(tmp_path / 'pair.json', FLAT)])
    found.for_images(IMAGE_SIZE)
    words = ('pair.json', 'raw images, plumb_bob', 'lengths in m', '5.50 mm', 'names no size')
    assert [word for word in words if word not in found.describe()] == []


def test_numbers_of_a_rectified_pair(tmp_path):
    pair = {'fx': 847.0, 'fy': 847.0, 'cx': 537.0, 'cy': 309.0, 'baseline_mm': 5.5}
    assert read(tmp_path, {'rectified_pair': pair}).baseline == pytest.approx(0.0055)


def test_units_and_other_rigs(tmp_path):
    wide = FLAT | {'t': (10 * TRANSLATION).tolist()}
    assert '--baseline-mm' in refused(tmp_path, wide)
    limits = BaselineLimits(20, 200)
    assert read(tmp_path, wide, limits=limits).baseline == pytest.approx(0.055, rel=1e-2)
    assert '--length-unit' in refused(tmp_path, wide, limits=BaselineLimits(0.05, 100))
    assert 'taken for millimeters' in refused(tmp_path, FLAT, length_unit='mm')
    assert 'unit' in refused(tmp_path, FLAT, length_unit='inch')


def without(content, *names):
    return {name: value for name, value in content.items() if name not in names}


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ([], 'no names of entries'),
        ({'fps': 30}, 'its entries are: fps; expected'),
        ({'P_left': LEFT, 'P_right': [1, 2]}, 'P_right must be 3x4, got 2 numbers'),
        ({'P_left': LEFT, 'P_right': 'none'}, "P_right must be numbers, 'none' is none"),
        ({'P_left': LEFT, 'P_right': None}, 'the right eye is missing'),
        ({'P_left': LEFT, 'P_right': LEFT}, 'baseline is zero'),
        ({'P_left': RIGHT, 'P_right': LEFT}, 'swapped'),
        ({'P_left': LEFT, 'P_right': np.zeros((3, 4)).tolist()}, 'not calibrated'),
        ({'P_left': LEFT, 'P_right': np.transpose(RIGHT).tolist()}, 'P_right is 4x3: it is tran'),
        (FLAT | {'t': (-TRANSLATION).tolist()}, 'swapped'),
        (FLAT | {'K_left': np.transpose(K[0]).tolist()}, 'K_left is transposed'),
        (FLAT | {'K_right': [[800, 0, 480], [0, 800, 270], [0, 0, 800]]}, 'last row of K_right'),
        (FLAT | {'K_left': [[0.8, 0, 0.5], [0, 0.8, 0.5], [0, 0, 1]]}, 'focal length in K of'),
        (FLAT | {'K_left': [[815, 20, 560], [0, 819, 308], [0, 0, 1]]}, 'skew'),
        (FLAT | {'K_left': [[815, 0, 560], [0, float('nan'), 308], [0, 0, 1]]}, 'K_left is not f'),
        (FLAT | {'D_left': [0.1, 0.2, float('inf')]}, 'D_left is not finite'),
        (FLAT | {'D_left': [0.1, 0.2, 0.3]}, 'D_left: .*4, 5, 8, 12 or 14'),
        (FLAT | {'D_left': [[0.1, 0.2], [0.0, 0.0]]}, 'D_left must be one row'),
        (FLAT | {'distortion_model': 'division'}, "unknown distortion model 'division'"),
        (FLAT | {'distortion_model': 'fisheye'}, "'fisheye' has 4 coefficients, D has 5"),
        (FLAT | {'R': (1.2 * ROTATION).tolist()}, 'R is no rotation'),
        (FLAT | {'R': np.diag([1, 1, -1]).tolist()}, 'mirror'),
        (FLAT | {'R': [0.01, 0.0, 0.0]}, 'R must be 3x3, got 3 numbers'),
        (FLAT | {'t': [1, 2]}, 't needs 3 numbers'),
        (FLAT | {'T': [0, 0, 1]}, "'t' and 'T' say the same but differ"),
        (FLAT | {'width': 960}, 'write both'),
        (FLAT | {'width': 960, 'height': 540, 'image_size': [540, 960]}, '540x960 px, but 960'),
        (FLAT | {'K_left': [[815, 0, 560], [0, 819], [0, 0, 1]]}, 'rows of different lengths'),
        (FLAT | {'K_left': [[True, 0, 560], [0, 819, 308], [0, 0, 1]]}, 'must be numbers'),
        (FLAT | {'K_left': list(range(100))}, 'more than 64 numbers'),
        (without(FLAT, 't'), 't of the pair is missing'),
        (without(FLAT, 'R', 't'), 'from the left eye to the right one are missing'),
        (without(FLAT, 'D_right'), 'D, the distortion coefficients, is missing of right'),
        (without(FLAT, 'K_right'), 'K of the right eye is missing'),
        ({'left': {'K': K[0], 'D': D[0]}, 'right': {'K': K[1], 'D': D[1], 't': T}}, 'R is mi'),
        ({'CameraParameters1': {}, 'RotationOfCamera2': EYE}, 'MATLAB'),
        ({'rectified_pair': {'fx': 1.0}}, 'fy is missing'),
    ],
)  # fmt: skip
def test_bad_files_are_refused_by_name_and_reason(tmp_path, content, message):
    with pytest.raises(CalibrationError, match=message) as caught:
        read(tmp_path, content)
    assert 'calibration.json' in str(caught.value)


def test_one_eye_of_any_file(tmp_path):
    mono = write_opencv(
        tmp_path / 'camera.xml', image_width=960, camera_matrix=K[0],
        image_height=540, distortion_coefficients=[FISHEYE[0]], fisheye_model=1,
    )  # fmt: skip
    found = read_eye(mono)
    assert (found.image_size, found.camera.distortion_model) == (IMAGE_SIZE, 'equidistant')
    np.testing.assert_allclose(found.camera.projection[:, :3], MATRICES[0])
    half = read_eye(mono, image_size=(480, 270))
    assert half.camera.camera_matrix[0, 0] == MATRICES[0][0, 0] / 2
    assert 'scaled from 960x540 to 480x270' in half.note
    pair = write(tmp_path / 'pair.json', FLAT)
    right = read_eye(pair, 'right', IMAGE_SIZE).camera
    assert -right.projection[0, 3] / right.projection[0, 0] == pytest.approx(0.0055, rel=1e-2)
    with pytest.raises(CalibrationError, match='names no size'):
        read_eye(pair)


def test_lengths_of_a_lone_right_eye_become_meters(tmp_path):
    in_millimeters = ros_camera(1)
    in_millimeters['projection_matrix']['data'][3] *= 1000
    lone = read_eye(write(tmp_path / 'right.yaml', in_millimeters), 'right')
    meters = read_eye(write(tmp_path / 'right_m.yaml', ros_camera(1)), 'right')
    np.testing.assert_allclose(lone.camera.projection, meters.camera.projection)
    assert 'lengths in mm' in lone.note
