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
"""Drawings of wristed instruments whose parts, pixels and tips are known."""

from dataclasses import dataclass

import cv2
import numpy as np

from surgseg_ros.data.label_sets import get_label_set

PARTS = get_label_set('parts')
SUBPIXEL_BITS = 4


@dataclass(frozen=True)
class DrawnTool:
    """
    A straight tool.

    :param wrist: (x, y) of the joint between shaft and wrist, px
    :param heading: direction in which it points in rad, from +x towards +y
    :param width: of the shaft, px
    :param opening: angle between both jaws in rad
    """

    wrist: tuple[float, float]
    heading: float
    width: float = 60.0
    opening: float = 0.0

    @property
    def jaw_tips(self) -> np.ndarray:
        """Return (2, 2) ends of the middle lines of both jaws, px."""
        return np.array([self._place(*end) for _, end in self._jaws()])

    def draw(self, labels: np.ndarray, instances: np.ndarray, number: int) -> None:
        """Draw over what is there, in an image of parts and one of tools (H, W) uint8."""
        half = self.width / 2
        length = float(sum(labels.shape))
        self._fill(labels, instances, number, 'shaft', _bar((-length, 0), (0, 0), half))
        self._fill(labels, instances, number, 'wrist', _bar((0, 0), (self.width, 0), 0.8 * half))
        for start, end in self._jaws():
            self._fill(labels, instances, number, 'clasper', _bar(start, end, 0.3 * half))

    def _jaws(self):
        start = self.width
        for side in (-1, 1):
            angle = side * self.opening / 2
            offset = side * 0.3 * self.width / 2 * np.array([-np.sin(angle), np.cos(angle)])
            first = np.array([start, 0]) + offset
            yield first, first + 2 * self.width * np.array([np.cos(angle), np.sin(angle)])

    def _place(self, along: float, across: float) -> np.ndarray:
        c, s = np.cos(self.heading), np.sin(self.heading)
        return np.array(self.wrist) + np.array([c * along - s * across, s * along + c * across])

    def _fill(self, labels, instances, number, part, corners):
        points = np.array([self._place(*corner) for corner in corners])
        fixed = np.round(points * 2**SUBPIXEL_BITS).astype(np.int32)
        cv2.fillConvexPoly(labels, fixed, PARTS.index(part), shift=SUBPIXEL_BITS)
        cv2.fillConvexPoly(instances, fixed, number, shift=SUBPIXEL_BITS)


def _bar(start, end, half_width):
    start, end = np.array(start, float), np.array(end, float)
    axis = (end - start) / np.linalg.norm(end - start)
    normal = half_width * np.array([-axis[1], axis[0]])
    return [start - normal, start + normal, end + normal, end - normal]


def draw_tools(*tools: DrawnTool, size: tuple[int, int] = (640, 512)):
    """Return label and instance images (H, W) uint8 of tools, the last one in front."""
    labels = np.zeros(size[::-1], np.uint8)
    instances = np.zeros_like(labels)
    for number, tool in enumerate(tools, 1):
        tool.draw(labels, instances, number)
    return labels, instances


def overlap(mask: np.ndarray, other: np.ndarray) -> float:
    """Return the intersection over union of two masks."""
    return float((mask & other).sum() / (mask | other).sum())
