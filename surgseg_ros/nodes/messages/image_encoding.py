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

"""How the bytes of an image encoding are laid out, and the error of images that do not fit."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

QUOTED_CHARACTERS = 60


class ImageFormatError(ValueError):
    """
    An image that cannot be read or written; the text says what was expected and found.

    :param cause: ``'encoding'``, ``'size'``, ``'too_large'``, ``'step'``, ``'data_length'``,
        ``'corrupt'`` or ``'stamp'``
    :param text: the explanation
    """

    def __init__(self, cause: str, text: str) -> None:
        super().__init__(text)
        self.cause = cause


@dataclass(frozen=True)
class Encoding:
    """
    How the bytes of one encoding are laid out.

    :param channels: samples a pixel
    :param to_rgb: (rows, columns, channels) view, native byte order, to (H, W, 3) uint8 RGB
    :param dtype: type of one sample
    :param even_width: chroma is shared by pairs of columns
    :param half_height_chroma: a plane of chroma at half height follows the luma plane
    :param smallest_side: pixels that width and height need at least
    """

    channels: int
    to_rgb: Callable[[np.ndarray], np.ndarray]
    dtype: type = np.uint8
    even_width: bool = False
    half_height_chroma: bool = False
    smallest_side: int = 1

    def rows(self, height: int) -> int:
        """Return the number of rows in the buffer of an image with that height."""
        return height + height // 2 if self.half_height_chroma else height


def quote(text: str) -> str:
    """Return text of unknown origin in quotes, one short line whatever a sender put into it."""
    return repr(text if len(text) <= QUOTED_CHARACTERS else text[:QUOTED_CHARACTERS] + '...')


def check_pixels(width: int, height: int, max_pixels: int | None) -> None:
    """
    Refuse images that are larger than allowed.

    :param width: px
    :param height: px
    :param max_pixels: most pixels that width times height may be, ``None`` for no limit
    :raises ImageFormatError: with the cause ``'too_large'``
    """
    if max_pixels is not None and width * height > max_pixels:
        raise ImageFormatError(
            'too_large',
            f'the image is too large: {width}x{height} pixels are {width * height}, '
            f'allowed are {max_pixels}',
        )
