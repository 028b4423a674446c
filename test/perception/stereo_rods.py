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

"""Rods in front of a stereo camera, projected exactly."""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from surgseg_ros.calibration.camera import CameraCalibration
from surgseg_ros.calibration.stereo import StereoCalibration
from surgseg_ros.data import get_label_set
from surgseg_ros.perception.instruments import find_instruments
from surgseg_ros.perception.stereo_matching import EyeView

WIDTH, HEIGHT = 640, 512
FOCAL, BASELINE = 530.0, 0.0044
CENTER = (319.5, 255.5)
TYPES = get_label_set('types')


@dataclass(frozen=True)
class Rod:
    """
    A cylinder with round ends.

    :param start: (3,) m in the left optical frame, where it comes from
    :param end: (3,) m, its tip
    """

    start: tuple[float, float, float]
    end: tuple[float, float, float]
    radius: float = 0.004
    class_id: int = 1

    def distances(self, point, rays):
        """Return how far unit rays (N, 3) from a point (3,) pass the middle line, and depths."""
        start, axis = np.array(self.start) - point, np.subtract(self.end, self.start)
        along, ahead = rays @ axis, rays @ start
        det = np.maximum(axis @ axis - along**2, 1e-12)
        # Where on the line, and how far along the ray.
        s = np.clip((ahead * along - axis @ start) / det, 0, 1)
        t = ahead + s * along
        squares = start @ start + s * (2 * (start @ axis)) + s**2 * (axis @ axis) - t**2
        return np.sqrt(np.maximum(squares, 0)), start[2] + s * axis[2]

    def depth_at(self, pixel):
        """Return the depth of the middle line behind a pixel (2,) of the left image."""
        return self.distances(np.zeros(3), rays_through(*pixel))[1][0]


def rays_through(x, y):
    """Return unit rays (N, 3) through pixels, arrays or numbers."""
    x, y = np.atleast_1d(x, y)
    rays = np.stack([(x - CENTER[0]) / FOCAL, (y - CENTER[1]) / FOCAL, np.ones(len(x))], axis=1)
    return rays / np.linalg.norm(rays, axis=1, keepdims=True)


@cache
def rays_of_image():
    """Return the rays (H * W, 3) through all pixels, row by row."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return rays_through(x.ravel(), y.ravel())


def projections(shift=0.0):
    """Return P of both eyes; the right one's principal point may differ."""
    left = np.array([[FOCAL, 0, CENTER[0], 0], [0, FOCAL, CENTER[1], 0], [0, 0, 1, 0]])
    right = left.copy()
    right[0, 2] += shift
    right[0, 3] = -FOCAL * BASELINE
    return left, right


def rod_calibration():
    return StereoCalibration(*map(CameraCalibration.of_rectified_image, projections()))


def draw_rods(rods, eye='left'):
    """Return the label image (H, W) uint8 of task types; nearer rods cover farther ones."""
    eye_place = np.array([BASELINE if eye == 'right' else 0.0, 0.0, 0.0])
    labels, nearest = np.zeros(HEIGHT * WIDTH, np.uint8), np.full(HEIGHT * WIDTH, np.inf)
    for rod in rods:
        distance, depth = rod.distances(eye_place, rays_of_image())
        shown = (distance < rod.radius) & (depth > 0) & (depth < nearest)
        labels[shown], nearest[shown] = rod.class_id, depth[shown]
    return labels.reshape(HEIGHT, WIDTH)


def view_rods(rods, eye='left', **options):
    labels = draw_rods(rods, eye)
    return EyeView(labels, find_instruments(labels, TYPES).instruments, **options)


def roughen(labels, std_px, rng, wavelength=20):
    """Move all outlines across by smooth noise, as a network does."""
    noise = cv2.GaussianBlur(rng.normal(size=labels.shape), (0, 0), wavelength / 2)
    noise *= std_px / noise.std()
    rough = np.zeros_like(labels)
    for class_id in np.unique(labels[labels > 0]):
        inside = (labels == class_id).astype(np.uint8)
        depth = cv2.distanceTransform(inside, cv2.DIST_L2, 5)
        outside = cv2.distanceTransform(1 - inside, cv2.DIST_L2, 5)
        rough[depth - outside + noise > 0] = class_id
    return rough
