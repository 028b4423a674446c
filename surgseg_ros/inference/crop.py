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

"""
Cut the black border off endoscope images, and put results back into the full image.

Video of an endoscope often is a picture inside a larger black frame, such as 1280 x 1024 px inside
1920 x 1080. A network runs faster and sees the scale it has learned without that border.
"""

from collections.abc import Iterable
from collections.abc import Sequence
from dataclasses import dataclass
import json
from numbers import Integral

import cv2
import numpy as np

from surgseg_ros.data.image_files import size_of

BORDER_LEVEL = 24
"""Largest value of a border pixel in any channel: video black of 16 and the noise of JPEG."""

QUANTUM_PX = 16
"""A found region starts and ends at multiples of it, so that it does not jitter."""

MIN_CONTENT_FRACTION = 0.25
"""Where less of the image is bright, the scene is dark and the border cannot be told from it."""

_CELLS = 128  # sampled rows (columns) of the shorter side of an image
_OPENING = np.ones((5, 5), np.uint8)  # cells; removes text of 1/25 of the image's height
_MIN_BLOB_FRACTION = 0.0025  # of the image; removes symbols of 1/15 of its height

NO_CROP = 'none'
AUTOMATIC_CROP = 'auto'


@dataclass(frozen=True)
class Region:
    """
    A rectangle of pixels of an image.

    >>> region = Region(1, 0, 2, 2)
    >>> region.paste(np.full((2, 2), 7, np.uint8), (4, 2))
    array([[0, 7, 7, 0],
           [0, 7, 7, 0]], dtype=uint8)

    :param x: first column
    :param y: first row
    :param width: in px
    :param height: in px
    """

    x: int
    y: int
    width: int
    height: int

    @classmethod
    def whole(cls, size: tuple[int, int]) -> 'Region':
        """Return the region of an entire image of a size, (width, height)."""
        return cls(0, 0, *size)

    @property
    def offset(self) -> tuple[int, int]:
        """Return (x, y) of the first pixel: add it to pixels of the cut for the full image's."""
        return self.x, self.y

    @property
    def size(self) -> tuple[int, int]:
        """Return (width, height)."""
        return self.width, self.height

    def check_inside(self, size: tuple[int, int]) -> None:
        """
        Refuse an image that is too small.

        :param size: (width, height) of the image
        :raises ValueError: if the region does not lie inside
        """
        if self.x + self.width > size[0] or self.y + self.height > size[1]:
            raise ValueError(
                f'the crop [{self.x}, {self.y}, {self.width}, {self.height}] (x, y, width, '
                f'height) reaches beyond the image of {size[0]} x {size[1]} px; set the crop for '
                f"this image size, or '{AUTOMATIC_CROP}' or '{NO_CROP}'"
            )

    def cut(self, image: np.ndarray) -> np.ndarray:
        """
        Return the region of an image, a view.

        :param image: (H, W) or (H, W, C)
        :raises ValueError: if the region does not lie inside
        """
        self.check_inside(size_of(image))
        return image[self.y : self.y + self.height, self.x : self.x + self.width]

    def paste(self, array: np.ndarray, size: tuple[int, int], fill: int = 0) -> np.ndarray:
        """
        Return a full image with a result in its place; the result itself if nothing was cut off.

        :param array: (height, width) or (height, width, C) of this region, such as a label image
        :param size: (width, height) of the full image
        :param fill: value outside of the region
        :raises ValueError: if the array is not of the region's size or the region not inside
        """
        if size_of(array) != self.size:
            raise ValueError(
                f'an array of {array.shape[1]} x {array.shape[0]} px does not fill a region of '
                f'{self.width} x {self.height} px; paste what was computed from its cut'
            )
        if self == Region.whole(size):
            return array
        self.check_inside(size)
        full = np.full((size[1], size[0], *array.shape[2:]), fill, array.dtype)
        self.cut(full)[:] = array
        return full


@dataclass(frozen=True)
class CropMode:
    """
    What to cut off images: nothing, the border that is found, or all outside of a fixed region.

    :param automatic: find the border
    :param region: the fixed region
    """

    automatic: bool = False
    region: Region | None = None

    def select_region(self, image: np.ndarray, finder: 'BorderFinder') -> Region:
        """
        Return the region of an image to use.

        :param image: (H, W, 3) uint8 RGB
        :param finder: of this camera; sees the image in automatic mode only
        :raises ValueError: if a fixed region does not lie inside the image
        """
        if self.automatic:
            return finder.update(image)
        if self.region is None:
            return Region.whole(size_of(image))
        self.region.check_inside(size_of(image))
        return self.region


def parse_crop(value: object) -> CropMode:
    """
    Return what a crop parameter asks for.

    :param value: ``'none'``, ``'auto'`` or [x, y, width, height] in px, which may be a string
    :raises ValueError: if it is nothing of these

    >>> parse_crop('[320, 28, 1280, 1024]').region
    Region(x=320, y=28, width=1280, height=1024)
    """
    word = value.strip().lower() if isinstance(value, str) else ''
    if word in (NO_CROP, AUTOMATIC_CROP):
        return CropMode(automatic=word == AUTOMATIC_CROP)
    numbers = _read_integers(_parse_list(word) if isinstance(value, str) else value)
    if len(numbers) != 4:
        shown = value if isinstance(value, str) or not isinstance(value, Iterable) else [*value]
        raise ValueError(
            f"crop {shown!r} is neither '{NO_CROP}' nor '{AUTOMATIC_CROP}' nor four integers "
            '[x, y, width, height] such as [320, 28, 1280, 1024]'
        )
    x, y, width, height = numbers
    if x < 0 or y < 0 or width < 1 or height < 1:
        raise ValueError(
            f'crop [{x}, {y}, {width}, {height}] (x, y, width, height) is no part of an image: x '
            'and y must be 0 or more, width and height 1 or more'
        )
    return CropMode(region=Region(x, y, width, height))


def _parse_list(text: str) -> object:
    """Return the entries of ``'[1, 2]'`` or ``'1, 2'``, ``None`` for what is no list."""
    try:
        return json.loads(text if text.startswith('[') else f'[{text}]')
    except json.JSONDecodeError:
        return None


def _read_integers(value: object) -> list[int]:
    """Return the integers of a list or array, nothing if there is anything else in it."""
    entries = list(value) if isinstance(value, Iterable) else []
    are_integers = all(
        isinstance(entry, Integral) and not isinstance(entry, bool) for entry in entries
    )
    return [int(entry) for entry in entries] if are_integers else []


class BorderFinder:
    """
    Find the picture inside the black border of a camera's images.

    The region only grows, by what is bright in any image, until the image size changes: content
    that was dark for a while is not lost for good, and the network's input keeps its size. Around
    a circular or octagonal picture it is the bounding rectangle. Use one finder for each eye.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget the past images."""
        self._region: Region | None = None
        self._image_size = (0, 0)

    def update(self, image: np.ndarray) -> Region:
        """
        Return the region of an image to use; a dark image cannot tell, and changes nothing.

        :param image: (H, W, 3) uint8 RGB
        """
        size = size_of(image)
        if size != self._image_size:
            self._region, self._image_size = None, size
        found = find_content(image)
        if found is None:
            return self._region or Region.whole(size)
        self._region = found if self._region is None else _union(self._region, found)
        return self._region


def find_content(image: np.ndarray) -> Region | None:
    """
    Return the bounding rectangle of what is bright, rounded outward.

    Only every n-th row and column is looked at. Text and symbols in the border are left out.

    :param image: (H, W, 3) uint8 RGB
    :return: ``None`` if less than :data:`MIN_CONTENT_FRACTION` of the image is bright
    """
    size = size_of(image)
    step = max(min(size) // _CELLS, 1)
    grid = tuple(-(-side // step) for side in size)
    red, green, blue = cv2.split(cv2.resize(image, grid, interpolation=cv2.INTER_NEAREST))
    brightest = cv2.max(cv2.max(red, green), blue)
    bright = cv2.threshold(brightest, BORDER_LEVEL, 255, cv2.THRESH_BINARY)[1]
    opened = cv2.morphologyEx(bright, cv2.MORPH_OPEN, _OPENING)
    blobs = cv2.connectedComponentsWithStats(opened)[2][1:]  # without the background
    blobs = blobs[blobs[:, cv2.CC_STAT_AREA] >= _MIN_BLOB_FRACTION * bright.size]
    if len(blobs) == 0:
        return None
    starts = blobs[:, :2].min(axis=0)
    ends = (blobs[:, :2] + blobs[:, 2:4]).max(axis=0)
    x, width = _round_outward(int(starts[0]), int(ends[0]), grid[0], size[0])
    y, height = _round_outward(int(starts[1]), int(ends[1]), grid[1], size[1])
    is_large = width * height >= MIN_CONTENT_FRACTION * size[0] * size[1]
    return Region(x, y, width, height) if is_large else None


def _round_outward(first: int, end: int, cells: int, length: int) -> tuple[int, int]:
    """
    Turn sampled cells into pixels of one axis, none of the content left out.

    :param first: first bright cell, whose first pixel was looked at
    :param end: the cell after the last bright one
    :param cells: number of cells
    :param length: number of pixels
    :return: first pixel and number of pixels
    """
    start_px = max((first - 1) * length // cells + 1, 0)
    end_px = end * length // cells
    start_px -= start_px % QUANTUM_PX
    end_px += -end_px % QUANTUM_PX
    return start_px, min(end_px, length) - start_px


def common_size(regions: Sequence[Region], image_size: tuple[int, int]) -> list[Region]:
    """
    Grow regions of images of one size to one width and height, so that they fit into one batch.

    :param regions: inside the images
    :param image_size: (width, height) of the images
    :return: regions that hold the given ones, in their order
    :raises ValueError: if a region does not lie inside
    """
    for region in regions:
        region.check_inside(image_size)
    width = max((region.width for region in regions), default=0)
    height = max((region.height for region in regions), default=0)
    return [
        Region(
            _grow(region.x, region.width, width, image_size[0]),
            _grow(region.y, region.height, height, image_size[1]),
            width,
            height,
        )
        for region in regions
    ]


def _grow(start: int, length: int, new_length: int, limit: int) -> int:
    """Return where an interval starts that is to grow evenly on both sides, up to a limit."""
    return min(max(start - (new_length - length) // 2, 0), limit - new_length)


def _union(first: Region, second: Region) -> Region:
    x, y = min(first.x, second.x), min(first.y, second.y)
    return Region(
        x,
        y,
        max(first.x + first.width, second.x + second.width) - x,
        max(first.y + first.height, second.y + second.height) - y,
    )
