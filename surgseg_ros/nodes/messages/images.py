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

import cv2
import numpy as np
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from surgseg_ros.nodes.messages.cv_bridge_images import CV_BRIDGE_ENCODINGS
from surgseg_ros.nodes.messages.image_encoding import check_pixels
from surgseg_ros.nodes.messages.image_encoding import Encoding
from surgseg_ros.nodes.messages.image_encoding import ImageFormatError
from surgseg_ros.nodes.messages.image_encoding import quote

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

# OpenCV answers a smaller mosaic with a black image.
_SMALLEST_MOSAIC = 3


def to_eight_bit(samples: np.ndarray) -> np.ndarray:
    """
    Scale 16-bit samples to 8 bits: 65535 becomes 255.

    :param samples: any shape, uint8 or uint16
    :return: uint8, rounded; uint8 input is returned as it is
    """
    if samples.dtype == np.uint8:
        return samples
    return cv2.convertScaleAbs(samples, alpha=255.0 / 65535.0)


def _converter(code: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda pixels: cv2.cvtColor(to_eight_bit(pixels), code)


def _mosaic(code: int, dtype: type) -> Encoding:
    return Encoding(1, _converter(code), dtype, smallest_side=_SMALLEST_MOSAIC)


_BGR = Encoding(3, _converter(cv2.COLOR_BGR2RGB))
_BGRA = Encoding(4, _converter(cv2.COLOR_BGRA2RGB))
_MONO = Encoding(1, _converter(cv2.COLOR_GRAY2RGB))
_BGR16 = Encoding(3, _converter(cv2.COLOR_BGR2RGB), np.uint16)
_BGRA16 = Encoding(4, _converter(cv2.COLOR_BGRA2RGB), np.uint16)
_MONO16 = Encoding(1, _converter(cv2.COLOR_GRAY2RGB), np.uint16)
_UYVY = Encoding(2, _converter(cv2.COLOR_YUV2RGB_UYVY), even_width=True)
_YUYV = Encoding(2, _converter(cv2.COLOR_YUV2RGB_YUY2), even_width=True)

# 8UC3, 8UC4, 16UC3 and 16UC4 name no channel order; OpenCV's own order is assumed, as its users
# mean it.
ENCODINGS = {
    'rgb8': Encoding(3, lambda pixels: pixels),
    'bgr8': _BGR,
    '8UC3': _BGR,
    'rgba8': Encoding(4, _converter(cv2.COLOR_RGBA2RGB)),
    'bgra8': _BGRA,
    '8UC4': _BGRA,
    'mono8': _MONO,
    '8UC1': _MONO,
    'rgb16': Encoding(3, to_eight_bit, np.uint16),
    'bgr16': _BGR16,
    '16UC3': _BGR16,
    'rgba16': Encoding(4, _converter(cv2.COLOR_RGBA2RGB), np.uint16),
    'bgra16': _BGRA16,
    '16UC4': _BGRA16,
    'mono16': _MONO16,
    '16UC1': _MONO16,
    'yuv422': _UYVY,
    'uyvy': _UYVY,
    'yuv422_yuy2': _YUYV,
    'yuyv': _YUYV,
    'nv12': Encoding(
        1, _converter(cv2.COLOR_YUV2RGB_NV12), even_width=True, half_height_chroma=True
    ),
    'nv21': Encoding(
        1, _converter(cv2.COLOR_YUV2RGB_NV21), even_width=True, half_height_chroma=True
    ),
    **{f'{pattern}8': _mosaic(code, np.uint8) for pattern, code in _BAYER_CODES.items()},
    **{f'{pattern}16': _mosaic(code, np.uint16) for pattern, code in _BAYER_CODES.items()},
}
"""Layouts of the encodings that are read without cv_bridge."""

SUPPORTED_ENCODINGS = tuple(ENCODINGS)
"""Encodings that :func:`image_to_array` reads without cv_bridge."""

_WRITTEN_CHANNELS = {'mono8': 1, 'rgb8': 3, 'bgr8': 3}


def image_to_array(msg: Image, max_pixels: int | None = None) -> np.ndarray:
    """
    Read an image message as RGB.

    ``rgb8`` is a view of the message without a copy, every other encoding is converted once.
    One-channel encodings give three equal channels, an alpha channel is dropped, 16-bit samples
    are scaled so that 65535 becomes 255, the YUV encodings are read as ITU-R BT.601 and a mosaic
    (``bayer_*``) is interpolated bilinearly. Padded rows (``step``) are honored, and
    ``is_bigendian`` where a sample has more than one byte. Encodings outside
    :data:`SUPPORTED_ENCODINGS` are left to cv_bridge, see :mod:`.cv_bridge_images`.

    :param msg: the image
    :param max_pixels: most pixels that width times height may be, ``None`` for no limit; checked
        before anything else
    :return: (H, W, 3) uint8 RGB; its rows may be padded
    :raises ImageFormatError: if the image is too large, its encoding, size, step or data length
        cannot be right, or its encoding needs cv_bridge and that is missing or fails
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
    return encoding.to_rgb(np.require(pixels, dtype.newbyteorder('='), ['ALIGNED']))


def demosaic(mosaic: np.ndarray, encoding: str) -> np.ndarray:
    """
    Interpolate the colors of a mosaic bilinearly.

    :param mosaic: (H, W) uint8 or uint16, one color sample a pixel
    :param encoding: one of :data:`BAYER_ENCODINGS`
    :return: (H, W, 3) uint8 RGB
    :raises ImageFormatError: if the mosaic is too small
    """
    _check_smallest_side(mosaic.shape[1], mosaic.shape[0], encoding, _SMALLEST_MOSAIC)
    return ENCODINGS[encoding].to_rgb(mosaic)


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


def _lookup(msg: Image) -> Encoding:
    encoding = ENCODINGS.get(msg.encoding) or CV_BRIDGE_ENCODINGS.get(msg.encoding)
    if encoding is None:
        raise ImageFormatError(
            'encoding',
            f'encoding {quote(msg.encoding)} is not supported; expected one of: '
            f'{", ".join(SUPPORTED_ENCODINGS)}, or with cv_bridge: '
            f'{", ".join(CV_BRIDGE_ENCODINGS)}',
        )
    return encoding


def _check_size(msg: Image, encoding: Encoding) -> None:
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
