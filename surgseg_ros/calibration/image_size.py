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

"""Whether a calibration is for images of this size, and what it is for scaled ones."""

from dataclasses import replace

import numpy as np

from surgseg_ros.calibration.camera import CalibrationError
from surgseg_ros.calibration.camera import CameraCalibration

ROUNDING_PX = 1.0
"""What scaling an image to whole pixels may change of its aspect ratio."""
CENTER = (0.15, 0.85)
"""Where a principal point can be, relative to width and height."""
MEAN_CENTER = (0.36, 0.64)
"""Where one cannot be in width and height alike: it would be that of another image size."""
MIDDLE_TOLERANCE_PX = 0.01
"""What printing a number may change of twice the principal point."""
FOCAL = (0.2, 10.0)
"""Focal lengths relative to the larger side: 140 to 6 degrees across."""

Size = tuple[int, int]


def find_scale(calibrated: Size, size: Size) -> np.ndarray:
    """
    Return the factors (2,) of width and height from calibrated images to others.

    :param calibrated: (width, height) in px
    :param size: of the images
    :raises CalibrationError: if the aspect ratio is another, so that the images were cropped
    """
    scale = np.divide(size, calibrated)
    if abs(scale[0] * calibrated[1] - size[1]) > ROUNDING_PX:
        is_turned = tuple(reversed(calibrated)) == size
        cause = 'width and height exchanged' if is_turned else 'another aspect ratio'
        raise CalibrationError(
            f'it is of images of {calibrated[0]}x{calibrated[1]} px, the images have '
            f'{size[0]}x{size[1]} px, {cause}; crop them as for the calibration, or give that of '
            'these images'
        )
    return scale


def scale_matrix(matrix: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """
    Return K (3, 3) or P (3, 4) of scaled images, (0, 0) being the center of a pixel.

    :param scale: (2,) of width and height
    """
    scaled = np.array(matrix, float)
    scaled[:2] *= scale[:, None]
    scaled[:2, 2] += (scale - 1) / 2
    return scaled


def scale_camera(camera: CameraCalibration, scale: np.ndarray) -> CameraCalibration:
    """
    Return the calibration of scaled images.

    :param scale: (2,) of width and height
    """
    return replace(
        camera,
        camera_matrix=scale_matrix(camera.camera_matrix, scale),
        projection=scale_matrix(camera.projection, scale),
    )


def find_size_by_center(matrix: np.ndarray, size: Size) -> Size | None:
    """
    Return the size of the calibrated images, if a file names none but the principal point does.

    It does so where it cannot be that of the images, but is the very middle of larger or smaller
    ones of their aspect ratio, as that of an ideal pair of rectified cameras is.

    :param matrix: K (3, 3) or P (3, 4) in px
    :param size: (width, height) of the images in px
    """
    if _is_near_middle(matrix, size):
        return None
    exact = 2 * matrix[:2, 2] + 1
    width, height = (int(side) for side in np.rint(exact))
    is_whole = np.allclose(exact, (width, height), atol=MIDDLE_TOLERANCE_PX)
    if not is_whole or min(width, height) < 1 or width * size[1] != height * size[0]:
        return None
    return width, height


def _is_near_middle(matrix: np.ndarray, size: Size) -> bool:
    center = matrix[:2, 2] / size
    is_outside = (center < CENTER[0]) | (center > CENTER[1])
    return not (
        is_outside.any() or (center < MEAN_CENTER[0]).all() or (center > MEAN_CENTER[1]).all()
    )


def check_image_size(name: str, matrix: np.ndarray, size: Size) -> None:
    """
    Refuse a camera that cannot have taken images of a size.

    :param name: of the matrix, for the message
    :param matrix: K (3, 3) or P (3, 4) in px
    :param size: (width, height) in px
    :raises CalibrationError: if focal length or principal point does not fit
    """
    focal = matrix[0, 0] / max(size)
    of_images = f'images of {size[0]}x{size[1]} px'
    if not FOCAL[0] <= focal <= FOCAL[1]:
        raise CalibrationError(
            f'the focal length in {name} is {matrix[0, 0]:g}, which is none of {of_images}; give '
            'it in px of these images'
        )
    if not _is_near_middle(matrix, size):
        raise CalibrationError(
            f'the principal point in {name} is {matrix[0, 2]:g}, {matrix[1, 2]:g}, far from the '
            f'middle of {of_images}: it is of images of about {2 * matrix[0, 2] + 1:.0f}x'
            f'{2 * matrix[1, 2] + 1:.0f} px; give the calibration of these images, or add '
            'image_width and image_height of the calibrated ones'
        )
