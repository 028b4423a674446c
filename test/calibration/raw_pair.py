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

"""A stereo endoscope with different eyes, and what it sees of points."""

import cv2
import numpy as np

IMAGE_SIZE = (960, 540)
MATRICES = [
    np.array([[815.0, 0, 560], [0, 819, 308], [0, 0, 1]]),
    np.array([[825.0, 0, 477], [0, 829, 304], [0, 0, 1]]),
]
DISTORTIONS = [np.array([-0.33, 0.42, 0.001, -0.002, 0.0]), np.array([-0.36, 0.5, 0.0, 0.001, 0])]
ROTATION, _ = cv2.Rodrigues(np.array([0.01, -0.008, 0.005]))
TRANSLATION = np.array([-0.0055, 0.0001, 0.0002])
POINTS = np.array([[0.01, -0.02, 0.08], [-0.03, 0.02, 0.12], [0.0, 0.0, 0.05]])


def project(points, matrix, distortion, is_fisheye=False):
    """Return the pixels (N, 2) of points (N, 3) in a camera's frame."""
    model = cv2.fisheye if is_fisheye else cv2
    origin = np.zeros(3)
    return model.projectPoints(points[:, None], origin, origin, matrix, distortion)[0][:, 0]


def see(points=POINTS, distortions=DISTORTIONS, is_fisheye=False):
    """Return the pixels (N, 2) of points in the left frame, in the images of both eyes."""
    return [
        project(seen, matrix, distortion, is_fisheye)
        for seen, matrix, distortion in zip(
            (points, points @ ROTATION.T + TRANSLATION), MATRICES, distortions, strict=True
        )
    ]


def locate(calibration, pixels):
    """Return the points (N, 3) in the left frame that both eyes see at pixels."""
    left, right = (
        calibration.rectify(eye, seen) for eye, seen in zip(('left', 'right'), pixels, strict=True)
    )
    np.testing.assert_allclose(left[:, 1], right[:, 1], atol=1e-2)
    disparities = left[:, 0] - right[:, 0]
    return np.array([
        calibration.triangulate(pixel, disparity, np.eye(3))[0]
        for pixel, disparity in zip(left, disparities, strict=True)
    ])  # fmt: skip
