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


"""Geometry of the simulated stereo endoscope."""

from dataclasses import dataclass

import numpy as np

FOCAL_LENGTH_PX_AT_1280 = 1050.0
"""Focal length of a da Vinci-like endoscope, in px of a 1280 px wide image."""

BASELINE_M = 0.0044
"""Distance between the optical centers of the two eyes."""

_REFERENCE_WIDTH_PX = 1280


@dataclass(frozen=True)
class StereoCamera:
    """
    A rectified pair of pinhole cameras without distortion.

    Pixel (0, 0) is the center of the top-left pixel. The optical frames follow REP-103: x right,
    y down, z forward; the right frame is the left one moved by ``baseline`` along +x.

    :param width: px
    :param height: px
    :param fx: px
    :param fy: px
    :param cx: px
    :param cy: px
    :param baseline: m
    """

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
    baseline: float

    @classmethod
    def centered(
        cls, width: int, height: int, focal_length: float, baseline: float
    ) -> 'StereoCamera':
        """
        Make a pair whose optical axes pass through the image center.

        :param width: px
        :param height: px
        :param focal_length: px of a 1280 px wide image; scales with the width
        :param baseline: m
        """
        focal_px = focal_length * width / _REFERENCE_WIDTH_PX
        return cls(width, height, focal_px, focal_px, (width - 1) / 2, (height - 1) / 2, baseline)

    def project(self, points: np.ndarray) -> np.ndarray:
        """
        Project points onto the image.

        :param points: (..., 3) m, in an optical frame
        :return: (..., 2) px; infinite or meaningless for points behind the camera
        """
        points = np.asarray(points, dtype=np.float64)
        with np.errstate(divide='ignore', invalid='ignore'):
            x = self.fx * points[..., 0] / points[..., 2] + self.cx
            y = self.fy * points[..., 1] / points[..., 2] + self.cy
        return np.stack((x, y), axis=-1)

    def back_project(self, pixels: np.ndarray, depth: np.ndarray | float) -> np.ndarray:
        """
        Return the points at a depth on the rays through pixels.

        :param pixels: (..., 2) px
        :param depth: (...) m along the optical axis
        :return: (..., 3) m, in the optical frame
        """
        pixels = np.asarray(pixels, dtype=np.float64)
        depth = np.asarray(depth, dtype=np.float64)
        x = (pixels[..., 0] - self.cx) / self.fx * depth
        y = (pixels[..., 1] - self.cy) / self.fy * depth
        return np.stack((x, y, np.broadcast_to(depth, x.shape)), axis=-1)

    def rays(self) -> np.ndarray:
        """Return the (H, W, 3) float32 ray of every pixel, with z = 1."""
        x = (np.arange(self.width, dtype=np.float32) - np.float32(self.cx)) / np.float32(self.fx)
        y = (np.arange(self.height, dtype=np.float32) - np.float32(self.cy)) / np.float32(self.fy)
        rays = np.ones((self.height, self.width, 3), np.float32)
        rays[..., 0] = x
        rays[..., 1] = y[:, None]
        return rays
