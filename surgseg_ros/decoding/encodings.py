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

"""How the bytes of raw image encodings are laid out, and the error of images that do not fit."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

QUOTED_CHARACTERS = 60


class ImageFormatError(ValueError):
    """
    An image that cannot be read or written; the text says what was expected and found.

    :param cause: ``'encoding'``, ``'size'``, ``'too_large'``, ``'step'``, ``'data_length'``,
        ``'corrupt'``, ``'bits'``, ``'pages'`` or ``'stamp'``
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
    :param to_rgb: (rows, columns, channels) uint8 to (H, W, 3) uint8 RGB
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


def _converter(code: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda pixels: cv2.cvtColor(pixels, code)


def _keep(pixels: np.ndarray) -> np.ndarray:
    return pixels


# OpenCV names a Bayer pattern after the second row from the second column on, ROS after the first
# row from the first column on.
_BAYER_CODES = {
    'bayer_rggb': cv2.COLOR_BayerBG2RGB,
    'bayer_bggr': cv2.COLOR_BayerRG2RGB,
    'bayer_gbrg': cv2.COLOR_BayerGR2RGB,
    'bayer_grbg': cv2.COLOR_BayerGB2RGB,
}

BAYER_ENCODINGS = tuple(f'{pattern}{bits}' for pattern in _BAYER_CODES for bits in (8, 16))
"""Encodings of a color filter mosaic."""

SMALLEST_MOSAIC = 3
"""Pixels a side; OpenCV answers a smaller mosaic with a black image."""

_GRAY = _converter(cv2.COLOR_GRAY2RGB)
_FROM_BGR = _converter(cv2.COLOR_BGR2RGB)
_FROM_BGRA = _converter(cv2.COLOR_BGRA2RGB)
_FROM_RGBA = _converter(cv2.COLOR_RGBA2RGB)

_COLORS = {
    'rgb': (3, _keep),
    'bgr': (3, _FROM_BGR),
    'rgba': (4, _FROM_RGBA),
    'bgra': (4, _FROM_BGRA),
    'mono': (1, _GRAY),
}
_DEPTHS = {'8': np.uint8, '16': np.uint16}

# Names that OpenCV gives to types of samples. They name no channel order; OpenCV's own is assumed,
# as its users mean it.
_SAMPLE_TYPES: dict[str, type] = {
    '8U': np.uint8,
    '8S': np.int8,
    '16U': np.uint16,
    '16S': np.int16,
    '32S': np.int32,
    '32F': np.float32,
    '64F': np.float64,
}
_UNNAMED_COLORS = {1: _GRAY, 3: _FROM_BGR, 4: _FROM_BGRA}

_UYVY = Encoding(2, _converter(cv2.COLOR_YUV2RGB_UYVY), even_width=True)
_YUYV = Encoding(2, _converter(cv2.COLOR_YUV2RGB_YUY2), even_width=True)


def _half_height(code: int) -> Encoding:
    return Encoding(1, _converter(code), even_width=True, half_height_chroma=True)


ENCODINGS = {
    **{
        f'{name}{bits}': Encoding(channels, to_rgb, dtype)
        for bits, dtype in _DEPTHS.items()
        for name, (channels, to_rgb) in _COLORS.items()
    },
    **{
        f'{depth}C{channels}': Encoding(channels, to_rgb, dtype)
        for depth, dtype in _SAMPLE_TYPES.items()
        for channels, to_rgb in _UNNAMED_COLORS.items()
    },
    'yuv422': _UYVY,
    'uyvy': _UYVY,
    'yuv422_yuy2': _YUYV,
    'yuyv': _YUYV,
    'nv12': _half_height(cv2.COLOR_YUV2RGB_NV12),
    'nv21': _half_height(cv2.COLOR_YUV2RGB_NV21),
    **{
        f'{pattern}{bits}': Encoding(1, _converter(code), dtype, smallest_side=SMALLEST_MOSAIC)
        for bits, dtype in _DEPTHS.items()
        for pattern, code in _BAYER_CODES.items()
    },
}
"""Layouts of all raw encodings that are read; names as in ``sensor_msgs/image_encodings.hpp``."""
