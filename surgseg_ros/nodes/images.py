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

"""Conversion between ``sensor_msgs/Image`` and NumPy arrays, with every size checked."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from sensor_msgs.msg import Image
from std_msgs.msg import Header


class ImageFormatError(ValueError):
    """
    An image that cannot be read or written; the text says what was expected and found.

    :param cause: ``'encoding'``, ``'size'``, ``'step'`` or ``'data_length'``
    :param text: the explanation
    """

    def __init__(self, cause: str, text: str) -> None:
        super().__init__(text)
        self.cause = cause


@dataclass(frozen=True)
class _Encoding:
    """
    How the bytes of one encoding are laid out.

    :param channels: samples a pixel
    :param to_rgb: (rows, columns, channels) view to (H, W, 3) uint8 RGB
    :param dtype: type of one sample
    :param even_width: chroma is shared by pairs of columns
    :param half_height_chroma: a plane of chroma at half height follows the luma plane
    """

    channels: int
    to_rgb: Callable[[np.ndarray], np.ndarray]
    dtype: type = np.uint8
    even_width: bool = False
    half_height_chroma: bool = False

    def rows(self, height: int) -> int:
        """Return the number of rows in the buffer of an image with that height."""
        return height + height // 2 if self.half_height_chroma else height


def _converter(code: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda pixels: cv2.cvtColor(pixels, code)


def _mono16_to_rgb(pixels: np.ndarray) -> np.ndarray:
    eight_bit = cv2.convertScaleAbs(pixels, alpha=255.0 / 65535.0)
    return cv2.cvtColor(eight_bit, cv2.COLOR_GRAY2RGB)


_BGR = _Encoding(3, _converter(cv2.COLOR_BGR2RGB))
_BGRA = _Encoding(4, _converter(cv2.COLOR_BGRA2RGB))
_MONO = _Encoding(1, _converter(cv2.COLOR_GRAY2RGB))
_UYVY = _Encoding(2, _converter(cv2.COLOR_YUV2RGB_UYVY), even_width=True)
_YUYV = _Encoding(2, _converter(cv2.COLOR_YUV2RGB_YUY2), even_width=True)

# 8UC3 and 8UC4 name no channel order; OpenCV's own order is assumed, as its users mean it.
_ENCODINGS = {
    'rgb8': _Encoding(3, lambda pixels: pixels),
    'bgr8': _BGR,
    '8UC3': _BGR,
    'rgba8': _Encoding(4, _converter(cv2.COLOR_RGBA2RGB)),
    'bgra8': _BGRA,
    '8UC4': _BGRA,
    'mono8': _MONO,
    '8UC1': _MONO,
    'mono16': _Encoding(1, _mono16_to_rgb, dtype=np.uint16),
    'yuv422': _UYVY,
    'uyvy': _UYVY,
    'yuv422_yuy2': _YUYV,
    'yuyv': _YUYV,
    'nv12': _Encoding(
        1, _converter(cv2.COLOR_YUV2RGB_NV12), even_width=True, half_height_chroma=True
    ),
    'nv21': _Encoding(
        1, _converter(cv2.COLOR_YUV2RGB_NV21), even_width=True, half_height_chroma=True
    ),
}

SUPPORTED_ENCODINGS = tuple(_ENCODINGS)
"""Encodings that :func:`image_to_array` reads."""

_WRITTEN_CHANNELS = {'mono8': 1, 'rgb8': 3, 'bgr8': 3}


def image_to_array(msg: Image) -> np.ndarray:
    """
    Read an image message as RGB.

    ``rgb8`` is a view of the message without a copy, every other encoding is converted once.
    ``mono8`` and ``mono16`` give three equal channels, an alpha channel is dropped, the YUV
    encodings are read as ITU-R BT.601. Padded rows (``step``) are honored.

    :param msg: the image
    :return: (H, W, 3) uint8 RGB; its rows may be padded
    :raises ImageFormatError: if encoding, size, step or data length cannot be right
    """
    encoding = _lookup(msg)
    _check_size(msg, encoding)
    rows = encoding.rows(msg.height)
    dtype = np.dtype(encoding.dtype)
    if msg.is_bigendian:
        dtype = dtype.newbyteorder('>')
    pixel_bytes = dtype.itemsize * encoding.channels
    _check_step(msg, msg.width * pixel_bytes)
    _check_length(msg, rows)
    pixels: np.ndarray = np.ndarray(
        (rows, msg.width, encoding.channels),
        dtype,
        buffer=msg.data,
        strides=(msg.step, pixel_bytes, dtype.itemsize),
    )
    # A copy is made only of 16-bit samples that are foreign-endian or at odd addresses.
    return encoding.to_rgb(np.require(pixels, dtype.newbyteorder('='), ['ALIGNED']))


def array_to_image(array: np.ndarray, encoding: str, header: Header) -> Image:
    """
    Make an image message with tightly packed rows.

    :param array: (H, W) uint8 for ``mono8``, (H, W, 3) uint8 for ``rgb8`` and ``bgr8``
    :param encoding: ``mono8``, ``rgb8`` or ``bgr8``
    :param header: becomes the header of the message as it is
    :return: the message, its data copied once
    :raises ImageFormatError: if the array does not fit the encoding
    """
    channels = _WRITTEN_CHANNELS.get(encoding)
    if channels is None:
        raise ImageFormatError(
            'encoding',
            f"cannot write encoding '{encoding}'; choose one of: {', '.join(_WRITTEN_CHANNELS)}",
        )
    wanted = array.ndim == 2 if channels == 1 else array.ndim == 3 and array.shape[2] == channels
    if not wanted or array.dtype != np.uint8:
        raise ImageFormatError(
            'encoding',
            f"encoding '{encoding}' needs a uint8 array with {channels} channel(s), "
            f'got {array.dtype} with shape {array.shape}',
        )
    msg = Image(header=header, encoding=encoding)
    msg.height, msg.width = array.shape[:2]
    msg.step = msg.width * channels
    # Assigning an array to msg.data would convert it element by element, a thousand times slower.
    msg.data.frombytes(np.ascontiguousarray(array).reshape(-1))
    return msg


def _lookup(msg: Image) -> _Encoding:
    encoding = _ENCODINGS.get(msg.encoding)
    if encoding is None:
        raise ImageFormatError(
            'encoding',
            f"encoding '{msg.encoding}' is not supported; expected one of: "
            f'{", ".join(SUPPORTED_ENCODINGS)}',
        )
    return encoding


def _check_size(msg: Image, encoding: _Encoding) -> None:
    if msg.width == 0 or msg.height == 0:
        raise ImageFormatError('size', f'the image is empty: {msg.width}x{msg.height} pixels')
    if encoding.even_width and msg.width % 2:
        raise ImageFormatError(
            'size', f"encoding '{msg.encoding}' needs an even width, got {msg.width} pixels"
        )
    if encoding.half_height_chroma and msg.height % 2:
        raise ImageFormatError(
            'size', f"encoding '{msg.encoding}' needs an even height, got {msg.height} pixels"
        )


def _check_step(msg: Image, row_bytes: int) -> None:
    if msg.step < row_bytes:
        raise ImageFormatError(
            'step',
            f"step is too small: {msg.width} pixels of '{msg.encoding}' need at least "
            f'{row_bytes} bytes a row, got {msg.step}',
        )


def _check_length(msg: Image, rows: int) -> None:
    expected = msg.step * rows
    if len(msg.data) != expected:
        raise ImageFormatError(
            'data_length',
            f'wrong data length: expected {expected} bytes ({rows} rows of {msg.step}), '
            f'got {len(msg.data)}',
        )
