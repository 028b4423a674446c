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

"""``camera_calibration.txt`` of the EndoVis challenges, as a da Vinci's calibration writes it."""

import cv2
import numpy as np

from surgseg_ros.calibration.camera import CalibrationError
from surgseg_ros.calibration.distortion import name_distortion_model
from surgseg_ros.calibration.entries import Entries
from surgseg_ros.calibration.entries import read_vector
from surgseg_ros.calibration.file_cameras import FileCamera
from surgseg_ros.calibration.file_cameras import find_size
from surgseg_ros.calibration.file_cameras import Pose
from surgseg_ros.calibration.matrices import check_camera_matrix

_FOCAL_OF_LEFT = 'camera0f'


def is_endovis(entries: Entries) -> bool:
    """Tell whether entries are named as in such a file."""
    return entries.find(_FOCAL_OF_LEFT) is not None


def read_endovis(entries: Entries) -> tuple[FileCamera, FileCamera, Pose]:
    """
    Return the left and the right camera, and R and t from the left to the right one.

    ``F`` and ``C`` are focal lengths and principal point in px, ``K`` the coefficients in the
    order of OpenCV, ``Extrinsic-Omega`` is a rotation vector in rad, ``Extrinsic-T`` in mm.

    :raises CalibrationError: if an entry is missing or wrong; the message names it
    """
    left, right = (_read_camera(entries, index) for index in range(2))
    rotation, _ = cv2.Rodrigues(_read(entries, 'Extrinsic-Omega', 3))
    return left, right, (rotation, _read(entries, 'Extrinsic-T', 3))


def _read_camera(entries: Entries, index: int) -> FileCamera:
    name = f'Camera-{index}'
    (fx, fy), (cx, cy) = _read(entries, f'{name}-F', 2), _read(entries, f'{name}-C', 2)
    skew = _read(entries, f'{name}-Alpha', 1)[0] if entries.find(f'camera{index}alpha') else 0.0
    matrix = np.array([[fx, skew * fx, cx], [0, fy, cy], [0, 0, 1]])
    check_camera_matrix(f'{name}-F, C and Alpha', matrix)
    distortion = _read(entries, f'{name}-K', 5)
    return FileCamera(
        matrix,
        distortion,
        name_distortion_model((), distortion),
        image_size=find_size(entries, entries),
    )


def _read(entries: Entries, name: str, count: int) -> np.ndarray:
    """Return the numbers (count,) of an entry."""
    entry = entries.find(name.replace('-', '').lower())
    numbers = np.zeros(0) if entry is None else read_vector(entry)
    if len(numbers) != count:
        raise CalibrationError(f'{name} needs {count} numbers, got {len(numbers)}; correct it')
    return numbers
