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

from dataclasses import dataclass

import cv2
import numpy as np

EYES = ('left', 'right')
MAX_BASELINE_M = 0.5
"""Longer ones are taken for millimeters; an endoscope's is 0.004 to 0.006."""
MIN_BASELINE_M = 0.0002
SAME_ROW_TOLERANCE = 2e-3
"""Largest difference of a rectified pair's fy and cy, relative to the focal length."""
DISTORTION_MODELS = ('plumb_bob', 'rational_polynomial', 'equidistant')


class CalibrationError(ValueError):
    """A stereo calibration that cannot be right; the message says why and what to do."""


@dataclass(frozen=True)
class CameraCalibration:
    """
    Calibration of one eye, with the fields of ``sensor_msgs/CameraInfo``.

    :param camera_matrix: K (3, 3) of the raw image in px
    :param distortion: D (n,)
    :param rectification: R (3, 3), from the raw camera's frame to the rectified one
    :param projection: P (3, 4) of the rectified image in px; ``P[0, 3]`` is -fx times the
        baseline in m for the right eye
    :param distortion_model: one of :data:`DISTORTION_MODELS`
    """

    camera_matrix: np.ndarray
    distortion: np.ndarray
    rectification: np.ndarray
    projection: np.ndarray
    distortion_model: str = 'plumb_bob'

    @classmethod
    def of_rectified_image(cls, projection: np.ndarray) -> 'CameraCalibration':
        """
        Return the calibration of images that are rectified already.

        :param projection: P (3, 4)
        """
        projection = np.asarray(projection, float)
        return cls(projection[:, :3], np.zeros(0), np.eye(3), projection)


class StereoCalibration:
    """
    Both eyes of a stereo endoscope.

    Rectified pixels of both eyes are those of one virtual camera, the left eye's P: equal rows
    belong together, and a point at depth z has the disparity fx * baseline / z.

    :param left: of the left eye
    :param right: of the right eye
    :raises CalibrationError: if it cannot be right
    """

    def __init__(self, left: CameraCalibration, right: CameraCalibration) -> None:
        self._cameras = dict(zip(EYES, (left, right), strict=True))
        for eye, camera in self._cameras.items():
            _check_camera(eye, camera)
        self._is_rectified = {eye: _is_rectified(camera) for eye, camera in self._cameras.items()}
        self.fx, self.fy = float(left.projection[0, 0]), float(left.projection[1, 1])
        self.cx, self.cy = float(left.projection[0, 2]), float(left.projection[1, 2])
        self.baseline = _find_baseline(left.projection, right.projection)
        _check_rows(left.projection, right.projection)

    @classmethod
    def from_raw_pair(
        cls,
        camera_matrices: tuple[np.ndarray, np.ndarray],
        distortions: tuple[np.ndarray, np.ndarray],
        rotation: np.ndarray,
        translation: np.ndarray,
        image_size: tuple[int, int],
    ) -> 'StereoCalibration':
        """
        Return the calibration of two raw cameras, see ``cv2.stereoRectify``.

        :param camera_matrices: K (3, 3) of the left and the right eye in px
        :param distortions: D (n,) of both
        :param rotation: (3, 3), turns a point of the left eye's frame into the right eye's
        :param translation: (3,) m, of the same
        :param image_size: (width, height)
        :raises CalibrationError: if it cannot be right
        """
        for name, values in (('K', camera_matrices), ('D', distortions)):
            if not all(np.isfinite(value).all() for value in values):
                raise CalibrationError(f'{name} has values that are not finite; calibrate again')
        if not np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-2):
            raise CalibrationError('R is no rotation (R times its transpose is not the identity)')
        _check_translation(translation)
        matrices = cv2.stereoRectify(
            camera_matrices[0],
            distortions[0],
            camera_matrices[1],
            distortions[1],
            image_size,
            rotation,
            translation.reshape(3, 1),
            flags=cv2.CALIB_ZERO_DISPARITY,
            alpha=0,
        )[:4]
        eyes = (
            CameraCalibration(camera_matrices[i], distortions[i], matrices[i], matrices[2 + i])
            for i in range(2)
        )
        return cls(*eyes)

    @property
    def rotation(self) -> np.ndarray:
        """Return (3, 3), from the rectified left frame to the optical frame of the left image."""
        return self._cameras['left'].rectification.T

    def rectify(self, eye: str, points: np.ndarray) -> np.ndarray:
        """
        Return the rectified places of image points.

        :param eye: ``'left'`` or ``'right'``
        :param points: (N, 2) px of the eye's image, x and y
        :return: (N, 2) px of the virtual camera
        """
        camera = self._cameras[eye]
        points = np.asarray(points, float).reshape(-1, 2)
        if len(points) == 0 or self._is_rectified[eye]:
            return self._to_virtual(camera, points)
        undistort = (
            cv2.fisheye.undistortPoints
            if camera.distortion_model == 'equidistant'
            else cv2.undistortPoints
        )
        rectified = undistort(
            points[:, None],
            camera.camera_matrix,
            camera.distortion,
            R=camera.rectification,
            P=camera.projection[:, :3],
        )
        return self._to_virtual(camera, rectified[:, 0])

    def unrectify(self, eye: str, points: np.ndarray) -> np.ndarray:
        """
        Return the places in the eye's image of rectified points.

        :param eye: ``'left'`` or ``'right'``
        :param points: (N, 2) px of the virtual camera
        :return: (N, 2) px of the eye's image, x and y
        """
        camera = self._cameras[eye]
        points = np.asarray(points, float).reshape(-1, 2)
        if len(points) == 0 or self._is_rectified[eye]:
            return self._from_virtual(camera, points)
        rays = np.column_stack((
            (points - (self.cx, self.cy)) / (self.fx, self.fy),
            np.ones(len(points)),
        ))  # fmt: skip
        turned = rays @ camera.rectification
        project = (
            cv2.fisheye.projectPoints
            if camera.distortion_model == 'equidistant'
            else cv2.projectPoints
        )
        origin = np.zeros(3)
        distortion = camera.distortion if len(camera.distortion) else np.zeros(4)
        pixels, _ = project(turned[:, None], origin, origin, camera.camera_matrix, distortion)
        return pixels[:, 0]

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


def _is_rectified(camera: CameraCalibration) -> bool:
    """Tell whether raw and rectified pixels are the same."""
    return (
        not np.any(camera.distortion)
        and np.allclose(camera.rectification, np.eye(3), atol=1e-9)
        and np.allclose(camera.camera_matrix, camera.projection[:, :3], atol=1e-6)
    )


def _check_camera(eye: str, camera: CameraCalibration) -> None:
    for name, matrix, shape in (
        ('K', camera.camera_matrix, (3, 3)),
        ('R', camera.rectification, (3, 3)),
        ('P', camera.projection, (3, 4)),
    ):
        if np.shape(matrix) != shape:
            raise CalibrationError(f'{name} of the {eye} eye must be {shape[0]}x{shape[1]}')
        if not np.isfinite(matrix).all():
            raise CalibrationError(f'{name} of the {eye} eye is not finite; calibrate again')
    if not np.isfinite(camera.distortion).all():
        raise CalibrationError(f'D of the {eye} eye is not finite; calibrate again')
    if camera.distortion_model not in DISTORTION_MODELS:
        raise CalibrationError(
            f"unknown distortion model '{camera.distortion_model}' of the {eye} eye; known: "
            f'{", ".join(DISTORTION_MODELS)}'
        )
    if min(camera.projection[0, 0], camera.projection[1, 1]) <= 0:
        raise CalibrationError(
            f'the focal length in P of the {eye} eye is {camera.projection[0, 0]:g} px: the '
            'camera is not calibrated; calibrate the pair and let the driver publish it'
        )
    if min(camera.camera_matrix[0, 0], camera.camera_matrix[1, 1]) <= 0:
        raise CalibrationError(f'the focal length in K of the {eye} eye is not positive')
    if not np.allclose(camera.rectification @ camera.rectification.T, np.eye(3), atol=1e-2):
        raise CalibrationError(f'R of the {eye} eye is no rotation; calibrate again')


def _find_baseline(left: np.ndarray, right: np.ndarray) -> float:
    """Return the distance of the eyes in m from P (3, 4) of both."""
    left_shift, right_shift = (
        matrix[:2, 3] / (matrix[0, 0], matrix[1, 1]) for matrix in (left, right)
    )
    across, upright = right_shift - left_shift
    if abs(upright) > abs(across):
        raise CalibrationError(
            'the eyes are one above the other (P[1,3]); only eyes side by side are understood'
        )
    _check_baseline(-across)
    return float(-across)


def _check_translation(translation: np.ndarray) -> None:
    """Refuse a translation (3,) from left to right that ``cv2.stereoRectify`` would misread."""
    if not np.isfinite(translation).all():
        raise CalibrationError('t has values that are not finite; calibrate again')
    if abs(translation[1]) > abs(translation[0]):
        raise CalibrationError(
            'the eyes are one above the other (t[1]); only eyes side by side are understood'
        )
    _check_baseline(float(-translation[0]))


def _check_baseline(baseline: float) -> None:
    if abs(baseline) < MIN_BASELINE_M:
        raise CalibrationError(
            'the baseline is zero (P[0,3] of the right eye): both eyes were calibrated alone; '
            'calibrate them as a pair'
        )
    if baseline < 0:
        raise CalibrationError(
            f'the baseline is negative ({1e3 * baseline:.2f} mm): the right eye would be on the '
            'left; the eyes are swapped, or P[0,3] of the right eye has the wrong sign (it is '
            '-fx times the baseline)'
        )
    if baseline > MAX_BASELINE_M:
        raise CalibrationError(
            f'the baseline is {baseline:g} m: it seems to be in millimeters; lengths are meters'
        )


def _check_rows(left: np.ndarray, right: np.ndarray) -> None:
    """Refuse a pair whose rectified images do not have corresponding rows."""
    rows = [(matrix[1, 1], matrix[1, 2]) for matrix in (left, right)]
    if np.abs(np.subtract(rows[0], rows[1])).max() > SAME_ROW_TOLERANCE * left[1, 1]:
        raise CalibrationError(
            f'P of both eyes is not that of a rectified pair: fy {rows[0][0]:g} and '
            f'{rows[1][0]:g}, cy {rows[0][1]:g} and {rows[1][1]:g} px must be equal; calibrate '
            'the eyes as a pair'
        )
