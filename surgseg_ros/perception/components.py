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

"""Connected sets of pixels, each with its mask and its place in the image."""

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from itertools import combinations

import cv2
import numpy as np

MAX_COMPARED_BOXES = 50


@dataclass(frozen=True)
class Component:
    """
    A connected set of pixels.

    :param box: bounding box (x, y, width, height), px
    :param area: number of pixels
    :param mask: (height, width) uint8 of the box, above 0 inside
    """

    box: tuple[int, int, int, int]
    area: int
    mask: np.ndarray

    def crop(self, image: np.ndarray) -> np.ndarray:
        """Return the part of an image inside the bounding box."""
        x, y, width, height = self.box
        return image[y : y + height, x : x + width]

    def masked(self, image: np.ndarray) -> np.ndarray:
        """Return a copy of the part of an image inside the bounding box, 0 outside the mask."""
        return np.where(self.mask > 0, self.crop(image), 0)

    def reaches_border(self, image_size: tuple[int, int]) -> bool:
        """Tell whether a pixel lies in the first or last row or column of the image."""
        x, y, width, height = self.box
        return min(x, y) == 0 or x + width == image_size[0] or y + height == image_size[1]

    def moved(self, x: int, y: int) -> 'Component':
        """Return the component so many pixels to the right and down."""
        left, top, width, height = self.box
        return replace(self, box=(left + x, top + y, width, height))

    def cut(self, inside: np.ndarray) -> 'Component':
        """Return the part (height, width) bool of the component as one of its own."""
        pixels = inside.view(np.uint8)
        x, y, width, height = cv2.boundingRect(pixels)
        mask = pixels[y : y + height, x : x + width]
        part = Component((x, y, width, height), cv2.countNonZero(mask), mask)
        return part.moved(*self.box[:2])


def find_components(mask: np.ndarray, min_area: int) -> list[Component]:
    """
    Return the 8-connected components of a mask, without those that are too small.

    :param mask: (H, W) bool or uint8, above 0 inside
    :param min_area: px
    """
    # Boxes come from outlines: OpenCV's statistics of components take longer than all of this.
    pixels = np.ascontiguousarray(mask).view(np.uint8)
    contours, hierarchy = cv2.findContours(pixels, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    outer = [
        contour
        for contour, (_, _, _, parent) in zip(
            contours, hierarchy[0] if contours else (), strict=True
        )
        if parent < 0  # others are outlines of holes
    ]
    boxes = [cv2.boundingRect(contour) for contour in outer]
    # The ids tell apart what lies in one box; computing them takes longest.
    ids = cv2.connectedComponents(pixels, connectivity=8)[1] if _any_overlap(boxes) else None
    components = []
    for contour, (x, y, width, height) in zip(outer, boxes, strict=True):
        part = pixels[y : y + height, x : x + width]
        if ids is not None:
            first_x, first_y = contour[0, 0]
            part = (ids[y : y + height, x : x + width] == ids[first_y, first_x]).view(np.uint8)
        area = cv2.countNonZero(part)
        if area >= min_area:
            components.append(Component((x, y, width, height), area, part))
    return components


def _any_overlap(boxes: Sequence[Sequence[int]]) -> bool:
    """Tell whether any two boxes (x, y, width, height) have pixels in common."""
    if len(boxes) > MAX_COMPARED_BOXES:
        return True
    return any(
        first[0] < second[0] + second[2]
        and second[0] < first[0] + first[2]
        and first[1] < second[1] + second[3]
        and second[1] < first[1] + first[3]
        for first, second in combinations(boxes, 2)
    )


def join(pieces: Sequence[Component]) -> Component:
    """Return all pixels of several components that do not overlap as one."""
    boxes = np.array([piece.box for piece in pieces])
    left, top = (int(start) for start in boxes[:, :2].min(axis=0))
    right, bottom = (int(end) for end in (boxes[:, :2] + boxes[:, 2:]).max(axis=0))
    mask = np.zeros((bottom - top, right - left), np.uint8)
    for piece in pieces:
        piece.moved(-left, -top).crop(mask)[:] |= piece.mask
    box = (left, top, right - left, bottom - top)
    return Component(box, sum(piece.area for piece in pieces), mask)
