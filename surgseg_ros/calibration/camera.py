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

"""Calibration of one camera: from pixels of its image to rectified ones and back."""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

EYES = ('left', 'right')
PLUMB_BOB, RATIONAL_POLYNOMIAL, EQUIDISTANT = 'plumb_bob', 'rational_polynomial', 'equidistant'
DISTORTION_MODELS = (PLUMB_BOB, RATIONAL_POLYNOMIAL, EQUIDISTANT)
"""As ``sensor_msgs/distortion_models.hpp`` calls them."""
_UNDISTORT_UNTIL = (cv2.TERM_CRITERIA_COUNT + cv2.TERM_CRITERIA_EPS, 40, 1e-3)
"""OpenCV's own five steps leave 1 px at the corners of a wide endoscope image."""


class CalibrationError(ValueError):
    """A calibration that cannot be right; the message says why and what to do."""


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
    distortion_model: str = PLUMB_BOB

    @classmethod
    def of_rectified_image(cls, projection: np.ndarray) -> 'CameraCalibration':
        """
        Return the calibration of images that are rectified already.

        :param projection: P (3, 4)
        """
        projection = np.asarray(projection, float)
        return cls(projection[:, :3], np.zeros(0), np.eye(3), projection)

    @cached_property
    def is_rectified(self) -> bool:
        """Tell whether raw and rectified pixels are the same."""
        is_undistorted = not np.any(self.distortion) and self.distortion_model != EQUIDISTANT
        return (
            is_undistorted
            and np.allclose(self.rectification, np.eye(3), atol=1e-9)
            and np.allclose(self.camera_matrix, self.projection[:, :3], atol=1e-6)
        )

    def rectify(self, points: np.ndarray) -> np.ndarray:
        """
        Return the rectified places of image points.

        :param points: (N, 2) px of the raw image
        :return: (N, 2) px of the rectified image
        """
        if len(points) == 0 or self.is_rectified:
            return points
        rotation, projection = self.rectification, self.projection[:, :3]
        lens = (self.camera_matrix, self.distortion)
        if self.distortion_model == EQUIDISTANT:
            found = cv2.fisheye.undistortPoints(points[:, None], *lens, R=rotation, P=projection)
        elif hasattr(cv2, 'undistortPointsIter'):  # OpenCV 4
            found = cv2.undistortPointsIter(
                points[:, None], *lens, rotation, projection, _UNDISTORT_UNTIL
            )
        else:
            found = cv2.undistortPoints(
                points[:, None], *lens, R=rotation, P=projection, criteria=_UNDISTORT_UNTIL
            )
        return found[:, 0]

    def unrectify(self, points: np.ndarray) -> np.ndarray:
        """
        Return the places in the raw image of rectified points.

        :param points: (N, 2) px of the rectified image
        :return: (N, 2) px of the raw image
        """
        if len(points) == 0 or self.is_rectified:
            return points
        focal, center = self.projection[[0, 1], [0, 1]], self.projection[:2, 2]
        rays = np.column_stack(((points - center) / focal, np.ones(len(points))))
        turned = rays @ self.rectification
        is_equidistant = self.distortion_model == EQUIDISTANT
        project = cv2.fisheye.projectPoints if is_equidistant else cv2.projectPoints
        origin = np.zeros(3)
        distortion = self.distortion if len(self.distortion) else np.zeros(4)
        pixels, _ = project(turned[:, None], origin, origin, self.camera_matrix, distortion)
        return pixels[:, 0]
