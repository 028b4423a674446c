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

"""The content of ``sensor_msgs/Image`` as NumPy arrays, with every size checked."""

from typing import Any
from typing import Protocol

import numpy as np

from surgseg_ros.decoding.bit_depth import BitDepth
from surgseg_ros.decoding.bit_depth import WHOLE_RANGE
from surgseg_ros.decoding.encodings import check_pixels
from surgseg_ros.decoding.encodings import Encoding
from surgseg_ros.decoding.encodings import ENCODINGS
from surgseg_ros.decoding.encodings import ImageFormatError
from surgseg_ros.decoding.encodings import quote
from surgseg_ros.decoding.encodings import SMALLEST_MOSAIC


class RawImage(Protocol):
    """The fields of a ``sensor_msgs/Image``, whether from rclpy or from a recording."""

    @property
    def height(self) -> Any:
        """Return the number of rows."""

    @property
    def width(self) -> Any:
        """Return the number of pixels in a row."""

    @property
    def encoding(self) -> Any:
        """Return the name of the encoding."""

    @property
    def is_bigendian(self) -> Any:
        """Return whether samples have their highest byte first."""

    @property
    def step(self) -> Any:
        """Return the bytes of a row."""

    @property
    def data(self) -> Any:
        """Return the bytes."""


def image_to_array(
    msg: RawImage, max_pixels: int | None = None, depth: BitDepth | None = None
) -> np.ndarray:
    """
    Read an image message as RGB.

    ``rgb8`` is a view of the message without a copy, every other encoding is converted once.
    One-channel encodings give three equal channels, an alpha channel is dropped, the YUV encodings
    are read as ITU-R BT.601 and a mosaic (``bayer_*``) is interpolated bilinearly. Padded rows
    (``step``) are honored, and ``is_bigendian`` where a sample has more than one byte.

    :param msg: the image
    :param max_pixels: most pixels that width times height may be, ``None`` for no limit; checked
        before anything else
    :param depth: scales the samples of more than 8 bits; ``None``: uint16 by its whole range
    :return: (H, W, 3) uint8 RGB; its rows may be padded
    :raises ImageFormatError: if the image is too large, its encoding, size, step or data length
        cannot be right, or a sample has too many bits
    """
    check_pixels(msg.width, msg.height, max_pixels)
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
    # A copy is made only of wider samples that are foreign-endian or at odd addresses.
    samples = np.require(pixels, dtype.newbyteorder('='), ['ALIGNED'])
    return encoding.to_rgb((depth or BitDepth(WHOLE_RANGE)).to_eight_bit(samples))


def demosaic(mosaic: np.ndarray, encoding: str) -> np.ndarray:
    """
    Interpolate the colors of a mosaic bilinearly.

    :param mosaic: (H, W) uint8, one color sample a pixel
    :param encoding: one of :data:`.encodings.BAYER_ENCODINGS`
    :return: (H, W, 3) uint8 RGB
    :raises ImageFormatError: if the mosaic is too small
    """
    _check_smallest_side(mosaic.shape[1], mosaic.shape[0], encoding, SMALLEST_MOSAIC)
    return ENCODINGS[encoding].to_rgb(mosaic)


def _lookup(msg: RawImage) -> Encoding:
    encoding = ENCODINGS.get(msg.encoding)
    if encoding is None:
        raise ImageFormatError(
            'encoding',
            f'encoding {quote(msg.encoding)} is not supported; expected one of: '
            f'{", ".join(ENCODINGS)}',
        )
    return encoding


def _check_size(msg: RawImage, encoding: Encoding) -> None:
    if msg.width == 0 or msg.height == 0:
        raise ImageFormatError('size', f'the image is empty: {msg.width}x{msg.height} pixels')
    _check_smallest_side(msg.width, msg.height, msg.encoding, encoding.smallest_side)
    if encoding.even_width and msg.width % 2:
        raise ImageFormatError(
            'size', f"encoding '{msg.encoding}' needs an even width, got {msg.width} pixels"
        )
    if encoding.half_height_chroma and msg.height % 2:
        raise ImageFormatError(
            'size', f"encoding '{msg.encoding}' needs an even height, got {msg.height} pixels"
        )


def _check_smallest_side(width: int, height: int, encoding: str, smallest: int) -> None:
    if min(width, height) < smallest:
        raise ImageFormatError(
            'size',
            f"encoding '{encoding}' needs at least {smallest}x{smallest} pixels, "
            f'got {width}x{height}',
        )


def _check_step(msg: RawImage, row_bytes: int) -> None:
    if msg.step < row_bytes:
        raise ImageFormatError(
            'step',
            f"step is too small: {msg.width} pixels of '{msg.encoding}' need at least "
            f'{row_bytes} bytes a row, got {msg.step}',
        )


def _check_length(msg: RawImage, rows: int) -> None:
    expected = msg.step * rows
    if len(msg.data) != expected:
        raise ImageFormatError(
            'data_length',
            f'wrong data length: expected {expected} bytes ({rows} rows of {msg.step}), '
            f'got {len(msg.data)}',
        )
