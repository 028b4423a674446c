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

"""
Which entry of a calibration file says what of which eye.

Exporters differ in names and in where they put the eyes: ``M1, D1, M2, D2, R, T`` (OpenCV's
stereo sample, SCARED), ``K_left``, ``cameraMatrixL``, one mapping an eye (``left``, Kalibr's
``cam0``), or one file an eye (ROS).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from surgseg_ros.calibration.camera import CalibrationError
from surgseg_ros.calibration.camera import EYES
from surgseg_ros.calibration.endovis import is_endovis
from surgseg_ros.calibration.endovis import read_endovis
from surgseg_ros.calibration.entries import Entries
from surgseg_ros.calibration.entries import read_vector
from surgseg_ros.calibration.file_cameras import CAMERA_MATRIX
from surgseg_ros.calibration.file_cameras import FileCamera
from surgseg_ros.calibration.file_cameras import find_matrix
from surgseg_ros.calibration.file_cameras import find_size
from surgseg_ros.calibration.file_cameras import Pose
from surgseg_ros.calibration.file_cameras import PROJECTION
from surgseg_ros.calibration.file_cameras import read_camera
from surgseg_ros.calibration.file_cameras import read_translation
from surgseg_ros.calibration.file_cameras import ROTATION
from surgseg_ros.calibration.file_cameras import TRANSLATION
from surgseg_ros.calibration.matrices import check_projection
from surgseg_ros.calibration.matrices import check_rotation

FORMATS = (
    '{"P_left": 3x4, "P_right": 3x4} for rectified images, {"left": {"K", "D", "R", "t"}, '
    '"right": {...}} with the pose of each eye (x_eye = R x + t), or {"K_left", "D_left", '
    '"K_right", "D_right", "R", "t"} with R and t from the left eye to the right one; others: '
    'docs/inputs.md'
)
EYE_MARKS = (('left', 'right'), ('l', 'r'), ('1', '2'), ('0', '1'), ('cam0', 'cam1'))
EYE_MAPPINGS = (
    *(('left', 'right'), ('leftcamera', 'rightcamera'), ('cameraleft', 'cameraright')),
    *(('leftcam', 'rightcam'), ('camleft', 'camright'), ('l', 'r'), ('cam0', 'cam1')),
    *(('camera0', 'camera1'), ('cam1', 'cam2'), ('camera1', 'camera2')),
)
MATLAB = (
    *('radialdistortion', 'tangentialdistortion', 'cameraparameters1', 'rotationofcamera2'),
    *('posecamera2', 'intrinsicmatrix1'),
)
SAME_ROTATION = 2e-3
"""Largest difference of elements of a rotation that is given twice."""
RECTIFIED_PAIR = ('fx', 'fy', 'cx', 'cy', 'baseline_mm')


@dataclass(frozen=True)
class FilePair:
    """
    What files say of both eyes.

    :param pose: R (3, 3) and t (3,), turn a point of the left eye's frame into the right eye's
    :param length_unit: if the format has one
    """

    left: FileCamera
    right: FileCamera
    pose: Pose | None = None
    length_unit: str | None = None

    def __post_init__(self) -> None:
        """Refuse eyes that do not belong together."""
        sizes = [eye.image_size for eye in self.eyes]
        if sizes[0] and sizes[1] and sizes[0] != sizes[1]:
            raise CalibrationError(
                'the eyes were calibrated with images of {}x{} and {}x{} px; give calibrations of '
                'one size'.format(*sizes[0], *sizes[1])
            )
        turns = [eye.rectification for eye in self.eyes]
        if self.pose is not None and turns[0] is not None and turns[1] is not None:
            _check_rotation_between(self.pose[0], turns[1].T @ turns[0])

    @property
    def eyes(self) -> tuple[FileCamera, FileCamera]:
        """Return both, the left one first."""
        return self.left, self.right


def read_layout(entries: Entries) -> FilePair | FileCamera:
    """
    Read what a file says of one camera or of both eyes.

    :raises CalibrationError: if an entry is missing or wrong; the message names it
    """
    _refuse_matlab(entries)
    simple = entries.child('rectifiedpair')
    if simple is not None:
        return _read_rectified_pair(simple)
    if is_endovis(entries):
        return FilePair(*read_endovis(entries))
    eyes = _find_eyes(entries)
    for eye in eyes:
        _refuse_matlab(eye)
    if len(eyes) == 1:
        return read_camera(eyes[0], entries)
    left, right = (read_camera(eye, entries) for eye in eyes)
    return FilePair(left, right, _relative_pose(entries, left, right))


def is_of_one_camera(entries: Entries) -> bool:
    """Tell whether names of entries carry no mark of an eye."""
    return _has(entries, CAMERA_MATRIX) or _has(entries, PROJECTION)


def _refuse_matlab(entries: Entries) -> None:
    for found in filter(None, map(entries.find, MATLAB)):
        raise CalibrationError(
            f"'{found.name}' is MATLAB's, whose matrices are transposed and whose pixels count "
            'from 1; convert it (stereoParametersToOpenCV) and write K, D, R and t of each eye'
        )


def _find_eyes(entries: Entries) -> list[Entries]:
    """
    Return the entries of both eyes, the left one first, or those of the only camera.

    :raises CalibrationError: if the file is of no camera, or of more than two
    """
    if is_of_one_camera(entries):
        return [entries]
    for names in EYE_MAPPINGS:
        eyes = [eye for name in names if (eye := entries.child(name)) is not None]
        if len(eyes) == len(EYES):
            _refuse_third_camera(entries, names[1])
            return eyes
    incomplete = None
    for marks in EYE_MARKS:
        eyes = [entries.marked(mark) for mark in marks]
        has_camera = [_has(eye, CAMERA_MATRIX) or _has(eye, PROJECTION) for eye in eyes]
        if all(has_camera):
            return eyes
        if any(has_camera) and incomplete is None:
            incomplete = EYES[has_camera.index(False)]
    if incomplete:
        raise CalibrationError(f'K of the {incomplete} eye is missing; expected {FORMATS}')
    if _has(entries, ROTATION) and _has(entries, TRANSLATION):
        raise CalibrationError(
            'R and T are there, but K and D of the eyes are not; give both files: --calibration '
            'intrinsics.yml extrinsics.yml'
        )
    raise CalibrationError(
        f'it holds no calibration, its entries are: {", ".join(entries.names[:8])}; expected '
        f'{FORMATS}'
    )


def _has(entries: Entries, names: Sequence[str]) -> bool:
    return entries.find(*names) is not None


def _refuse_third_camera(entries: Entries, second: str) -> None:
    third = {'cam1': 'cam2', 'camera1': 'camera2', 'cam2': 'cam3', 'camera2': 'camera3'}
    if second in third and entries.child(third[second]) is not None:
        raise CalibrationError(
            f"it has more than two cameras ('{third[second]}'); keep those of the two eyes"
        )


def _read_rectified_pair(entries: Entries) -> FilePair:
    numbers = []
    for name in RECTIFIED_PAIR:
        entry = entries.find(name.replace('_', ''))
        if entry is None or len(read_vector(entry)) != 1:
            raise CalibrationError(
                f'rectified_pair needs the numbers {", ".join(RECTIFIED_PAIR)}; {name} is missing'
            )
        numbers.append(read_vector(entry)[0])
    fx, fy, cx, cy, baseline_mm = numbers
    left = np.array([[fx, 0, cx, 0], [0, fy, cy, 0], [0, 0, 1, 0]], float)
    right = left.copy()
    right[0, 3] = -fx * baseline_mm
    check_projection('rectified_pair', left)
    size = find_size(entries, entries)
    eyes = [FileCamera(projection=matrix, image_size=size) for matrix in (left, right)]
    return FilePair(eyes[0], eyes[1], length_unit='mm')


def _relative_pose(entries: Entries, left: FileCamera, right: FileCamera) -> Pose | None:
    """Return R and t that turn a point of the left eye's frame into the right eye's."""
    rotation = find_matrix(entries, ROTATION, (3, 3))
    translation = entries.find(*TRANSLATION)
    if rotation is not None and translation is not None:
        check_rotation(*rotation)
        return rotation[1], read_translation(translation)
    if rotation is not None or translation is not None:
        missing = 'R' if rotation is None else 't'
        raise CalibrationError(f'{missing} of the pair is missing; expected {FORMATS}')
    if right.pose is None:
        return None
    if left.pose is None:
        return right.pose
    turn = right.pose[0] @ left.pose[0].T
    return turn, right.pose[1] - turn @ left.pose[1]


def _check_rotation_between(rotation: np.ndarray, expected: np.ndarray) -> None:
    """Refuse R (3, 3) from left to right that is not that of the rectifications beside it."""
    if np.allclose(rotation, expected, atol=SAME_ROTATION):
        return
    is_transposed = np.allclose(rotation.T, expected, atol=SAME_ROTATION)
    cause = 'R is transposed' if is_transposed else 'one of them is wrong'
    raise CalibrationError(
        f'R does not fit the rectifications of the eyes (R1 and R2): {cause}; correct it, or '
        'calibrate again'
    )
