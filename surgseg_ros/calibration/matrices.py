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

"""What the matrices of a calibration must look like; refusals name the entry."""

import numpy as np

from surgseg_ros.calibration.camera import CalibrationError

MAX_SKEW = 1e-3
"""Of the axes of an image, relative to the focal length; OpenCV knows none."""
MAX_FOCAL_RATIO = 2.2
"""Between fx and fy; 2 has a picture of which every other row is missing."""
ROTATION_TOLERANCE = 1e-2


def check_finite(name: str, matrix: np.ndarray) -> None:
    """
    Refuse NaN and infinity.

    :raises CalibrationError: if there is one
    """
    if not np.isfinite(matrix).all():
        raise CalibrationError(f'{name} is not finite; calibrate again')


def check_camera_matrix(name: str, matrix: np.ndarray) -> None:
    """
    Refuse what is not ``[fx 0 cx; 0 fy cy; 0 0 1]``.

    :param matrix: (3, 3) px
    :raises CalibrationError: if it is none; a transposed one is named as such
    """
    _check_shape(name, matrix, (3, 3))
    check_finite(name, matrix)
    _check_intrinsics(name, matrix, '[fx 0 cx; 0 fy cy; 0 0 1]')


def check_projection(name: str, matrix: np.ndarray) -> None:
    """
    Refuse what is not ``[fx 0 cx Tx; 0 fy cy Ty; 0 0 1 0]``.

    :param matrix: (3, 4) px
    :raises CalibrationError: if it is none
    """
    _check_shape(name, matrix, (3, 4))
    check_finite(name, matrix)
    if matrix[2, 3] != 0 and np.allclose(matrix[2, :3], (0, 0, 1), atol=1e-6):
        raise CalibrationError(
            f'the last row of {name} is not 0 0 1 0: it is not the projection of a rectified '
            'image; give K, D, R and t of each eye'
        )
    _check_intrinsics(name, matrix, '[fx 0 cx Tx; 0 fy cy Ty; 0 0 1 0]')


def check_rotation(name: str, matrix: np.ndarray) -> None:
    """
    Refuse what is no rotation.

    :param matrix: (3, 3)
    :raises CalibrationError: if it is none
    """
    _check_shape(name, matrix, (3, 3))
    check_finite(name, matrix)
    is_small = np.abs(matrix).max() < 1 + ROTATION_TOLERANCE  # no product overflows
    if not is_small or not np.allclose(matrix @ matrix.T, np.eye(3), atol=ROTATION_TOLERANCE):
        raise CalibrationError(
            f'{name} is no rotation (its product with its transpose is not the identity); '
            'calibrate again, or correct the entry'
        )
    if np.linalg.det(matrix) < 0:
        raise CalibrationError(
            f'{name} is no rotation but a mirror image (its determinant is -1); correct the sign '
            'of an axis'
        )


def _check_shape(name: str, matrix: np.ndarray, shape: tuple[int, int]) -> None:
    if np.shape(matrix) != shape:
        raise CalibrationError(f'{name} must be {shape[0]}x{shape[1]}')


def _check_intrinsics(name: str, matrix: np.ndarray, form: str) -> None:
    if not np.any(matrix[:2, :3]):
        raise CalibrationError(
            f'the focal length in {name} is 0 px: the camera is not calibrated; calibrate the '
            'pair and let the driver publish it'
        )
    if not np.allclose(matrix[2, :3], (0, 0, 1), atol=1e-6):
        is_transposed = np.allclose(matrix[:, 2], (0, 0, 1), atol=1e-6)
        row = ' '.join(f'{value:g}' for value in matrix[2])
        raise CalibrationError(
            f'{name} is transposed (cx and cy stand in its last row: {row}); write it as {form}'
            if is_transposed
            else f'the last row of {name} is {row}, not 0 0 1; write it as {form}'
        )
    fx, fy = matrix[0, 0], matrix[1, 1]
    if min(fx, fy) <= 0:
        raise CalibrationError(
            f'the focal length in {name} is {min(fx, fy):g} px, not positive; write it as {form}'
        )
    if max(abs(matrix[0, 1]), abs(matrix[1, 0])) > MAX_SKEW * fx:
        raise CalibrationError(
            f'{name} has a skew ({matrix[0, 1]:g} and {matrix[1, 0]:g} beside the focal lengths), '
            'which is not supported; calibrate without'
        )
    if max(fx / fy, fy / fx) > MAX_FOCAL_RATIO:
        raise CalibrationError(
            f'the focal lengths in {name} are {fx:g} and {fy:g} px, which no camera has; write it '
            f'as {form}'
        )
