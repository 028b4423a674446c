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

"""Calibration of a stereo endoscope: it is checked, rectifies points and triangulates them."""

from collections.abc import Sequence

import cv2
import numpy as np

from surgseg_ros.calibration.baseline import BaselineLimits
from surgseg_ros.calibration.baseline import ENDOSCOPE
from surgseg_ros.calibration.camera import CalibrationError
from surgseg_ros.calibration.camera import CameraCalibration
from surgseg_ros.calibration.camera import DISTORTION_MODELS
from surgseg_ros.calibration.camera import EQUIDISTANT
from surgseg_ros.calibration.camera import EYES
from surgseg_ros.calibration.camera import PLUMB_BOB
from surgseg_ros.calibration.image_size import check_image_size
from surgseg_ros.calibration.matrices import check_camera_matrix
from surgseg_ros.calibration.matrices import check_finite
from surgseg_ros.calibration.matrices import check_projection
from surgseg_ros.calibration.matrices import check_rotation

SAME_ROW_TOLERANCE = 2e-3
"""Largest difference of a rectified pair's fx, fy and cy, relative to the focal length."""
MAX_TURN_RAD = np.pi / 4
"""Between the eyes of one endoscope, which look at the same place."""


class StereoCalibration:
    """
    Both eyes of a stereo endoscope.

    Rectified pixels of both eyes are those of one virtual camera, the left eye's P: equal rows
    belong together, and a point at depth z has the disparity fx * baseline / z.

    :param left: of the left eye
    :param right: of the right eye
    :param limits: what the baseline can be
    :raises CalibrationError: if it cannot be right
    """

    def __init__(
        self,
        left: CameraCalibration,
        right: CameraCalibration,
        limits: BaselineLimits = ENDOSCOPE,
    ) -> None:
        self.cameras = dict(zip(EYES, (left, right), strict=True))
        for eye, camera in self.cameras.items():
            _check_camera(eye, camera)
        self.fx, self.fy = float(left.projection[0, 0]), float(left.projection[1, 1])
        self.cx, self.cy = float(left.projection[0, 2]), float(left.projection[1, 2])
        self.baseline = _find_baseline(left.projection, right.projection)
        limits.check(self.baseline)
        _check_rows(left.projection, right.projection)

    @classmethod
    def from_raw_pair(
        cls,
        camera_matrices: Sequence[np.ndarray],
        distortions: Sequence[np.ndarray],
        rotation: np.ndarray,
        translation: np.ndarray,
        image_size: tuple[int, int],
        distortion_models: Sequence[str] = (PLUMB_BOB, PLUMB_BOB),
        limits: BaselineLimits = ENDOSCOPE,
    ) -> 'StereoCalibration':
        """
        Return the calibration of two raw cameras, see ``cv2.stereoRectify``.

        :param camera_matrices: K (3, 3) of the left and the right eye in px
        :param distortions: D (n,) of both
        :param rotation: (3, 3), turns a point of the left eye's frame into the right eye's
        :param translation: (3,) m, of the same
        :param image_size: (width, height)
        :param distortion_models: of both, from :data:`DISTORTION_MODELS`
        :param limits: what the baseline can be
        :raises CalibrationError: if it cannot be right
        """
        for eye, matrix, distortion in zip(EYES, camera_matrices, distortions, strict=True):
            check_camera_matrix(f'K of the {eye} eye', matrix)
            check_finite(f'D of the {eye} eye', distortion)
        check_rotation('R', rotation)
        _check_pose(rotation, translation, limits)
        # The rotations follow from R and t alone, and P may be any: it is that of a virtual
        # camera. OpenCV would take equidistant coefficients for those of its own model.
        seen_distortions = [
            np.zeros(5) if model == EQUIDISTANT else distortion
            for model, distortion in zip(distortion_models, distortions, strict=True)
        ]
        rotations_and_projections = cv2.stereoRectify(
            camera_matrices[0],
            seen_distortions[0],
            camera_matrices[1],
            seen_distortions[1],
            image_size,
            rotation,
            translation.reshape(3, 1),
            flags=cv2.CALIB_ZERO_DISPARITY,
            alpha=0,
        )[:4]
        left, right = (
            CameraCalibration(
                camera_matrices[i],
                distortions[i],
                rotations_and_projections[i],
                rotations_and_projections[2 + i],
                distortion_models[i],
            )
            for i in range(2)
        )
        return cls(left, right, limits)

    def check_image_size(self, size: tuple[int, int]) -> None:
        """
        Refuse it for images that cannot be of these cameras.

        :param size: (width, height) in px
        :raises CalibrationError: if a focal length or principal point does not fit
        """
        for eye, camera in self.cameras.items():
            name = 'P' if camera.is_rectified else 'K'
            check_image_size(f'{name} of the {eye} eye', camera.camera_matrix, size)

    @property
    def rotation(self) -> np.ndarray:
        """Return (3, 3), from the rectified left frame to the optical frame of the left image."""
        return self.cameras['left'].rectification.T

    def rectify(self, eye: str, points: np.ndarray) -> np.ndarray:
        """
        Return the rectified places of image points.

        :param eye: ``'left'`` or ``'right'``
        :param points: (N, 2) px of the eye's image, x and y
        :return: (N, 2) px of the virtual camera
        """
        camera = self.cameras[eye]
        points = np.asarray(points, float).reshape(-1, 2)
        return self._to_virtual(camera, camera.rectify(points))

    def unrectify(self, eye: str, points: np.ndarray) -> np.ndarray:
        """
        Return the places in the eye's image of rectified points.

        :param eye: ``'left'`` or ``'right'``
        :param points: (N, 2) px of the virtual camera
        :return: (N, 2) px of the eye's image, x and y
        """
        camera = self.cameras[eye]
        points = np.asarray(points, float).reshape(-1, 2)
        return camera.unrectify(self._from_virtual(camera, points))

    def disparity_at(self, depth: float) -> float:
        """Return the disparity (px) of a depth (m) in the rectified frame."""
        return self.fx * self.baseline / depth

    def triangulate(
        self, pixel: np.ndarray, disparity: float, covariance: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """
        Return a point in space.

        :param pixel: (2,) rectified px of the left eye
        :param disparity: px, above 0
        :param covariance: (3, 3) px^2 of x, y and disparity
        :return: (3,) m and its covariance (3, 3) m^2, in the optical frame of the left image
        """
        x, y = pixel - (self.cx, self.cy)
        depth = self.fx * self.baseline / disparity
        point = np.array([x / self.fx, y / self.fy, 1.0]) * depth
        jacobian = np.column_stack((
            [depth / self.fx, 0.0, 0.0],
            [0.0, depth / self.fy, 0.0],
            -point / disparity,
        ))  # fmt: skip
        turned = self.rotation @ jacobian
        return self.rotation @ point, turned @ covariance @ turned.T

    def _to_virtual(self, camera: CameraCalibration, points: np.ndarray) -> np.ndarray:
        """Turn rectified pixels (N, 2) of one eye into those of the virtual camera."""
        return (points - camera.projection[:2, 2]) * self._scale(camera) + (self.cx, self.cy)

    def _from_virtual(self, camera: CameraCalibration, points: np.ndarray) -> np.ndarray:
        """Turn pixels (N, 2) of the virtual camera into rectified ones of one eye."""
        return (points - (self.cx, self.cy)) / self._scale(camera) + camera.projection[:2, 2]

    def _scale(self, camera: CameraCalibration) -> np.ndarray:
        """Return the focal lengths (2,) of the virtual camera relative to an eye's."""
        projection = camera.projection
        return np.array([self.fx / projection[0, 0], self.fy / projection[1, 1]])


def _check_camera(eye: str, camera: CameraCalibration) -> None:
    check_projection(f'P of the {eye} eye', camera.projection)
    check_camera_matrix(f'K of the {eye} eye', camera.camera_matrix)
    check_rotation(f'R of the {eye} eye', camera.rectification)
    check_finite(f'D of the {eye} eye', camera.distortion)
    if camera.distortion_model not in DISTORTION_MODELS:
        raise CalibrationError(
            f"unknown distortion model '{camera.distortion_model}' of the {eye} eye; known: "
            f'{", ".join(DISTORTION_MODELS)}'
        )


def _find_baseline(left: np.ndarray, right: np.ndarray) -> float:
    """Return how far the right eye is to the right of the left one (m), from P (3, 4) of both."""
    left_shift, right_shift = (
        matrix[:2, 3] / (matrix[0, 0], matrix[1, 1]) for matrix in (left, right)
    )
    across, upright = right_shift - left_shift
    if abs(upright) > abs(across):
        raise CalibrationError(
            'the eyes are one above the other (P[1,3]); only eyes side by side are understood'
        )
    return float(-across)


def _check_pose(rotation: np.ndarray, translation: np.ndarray, limits: BaselineLimits) -> None:
    """Refuse R (3, 3) and t (3,) from left to right that ``cv2.stereoRectify`` would misread."""
    check_finite('t', translation)
    turn = float(np.linalg.norm(cv2.Rodrigues(rotation)[0]))
    if turn > MAX_TURN_RAD:
        raise CalibrationError(
            f'R turns by {np.degrees(turn):.0f} degrees, but the eyes of an endoscope look the '
            'same way; give R and t that turn a point of the left eye into the right eye'
        )
    across, others = abs(translation[0]), np.abs(translation[1:])
    if others.max() > across:
        raise CalibrationError(
            f'the eyes are one above or behind the other (t is {translation[0]:g}, '
            f'{translation[1]:g}, {translation[2]:g}); only eyes side by side are understood'
        )
    limits.check(-float(np.sign(translation[0]) * np.linalg.norm(translation)))


def _check_rows(left: np.ndarray, right: np.ndarray) -> None:
    """Refuse a pair whose rectified images do not have corresponding rows and equal scales."""
    of_left, of_right = ((matrix[0, 0], matrix[1, 1], matrix[1, 2]) for matrix in (left, right))
    if np.abs(np.subtract(of_left, of_right)).max() > SAME_ROW_TOLERANCE * left[1, 1]:
        pairs = ', '.join(
            f'{name} {a:g} and {b:g}'
            for name, a, b in zip(('fx', 'fy', 'cy'), of_left, of_right, strict=True)
        )
        raise CalibrationError(
            f'P of both eyes is not that of a rectified pair: {pairs} px must be equal; calibrate '
            'the eyes as a pair'
        )
