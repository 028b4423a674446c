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
Conversion between ``sensor_msgs/CompressedImage`` and NumPy arrays, JPEG and PNG.

A file is read as far as its headers and its end before anything is decoded: a small file that
unfolds to gigabytes is refused while it is small, and a JPEG file that ends early is refused
instead of being filled up with gray.
"""

from dataclasses import dataclass
import re
import struct
import zlib

import cv2
import numpy as np
from sensor_msgs.msg import CompressedImage
from std_msgs.msg import Header

from surgseg_ros.nodes.messages.image_encoding import check_pixels
from surgseg_ros.nodes.messages.image_encoding import ImageFormatError
from surgseg_ros.nodes.messages.image_encoding import quote
from surgseg_ros.nodes.messages.images import BAYER_ENCODINGS
from surgseg_ros.nodes.messages.images import demosaic
from surgseg_ros.nodes.messages.images import to_eight_bit

JPEG_QUALITIES = range(1, 101)
JPEG_SIDES = range(1, 65501)
"""Widths and heights, px, that libjpeg writes and reads."""

_JPEG_START = b'\xff\xd8\xff'
_PNG_START = b'\x89PNG\r\n\x1a\n'

# Any depth keeps 16 bits until they are scaled as those of a raw image are; a camera that is
# mounted upside down must not turn the pixels away from its CameraInfo.
_DECODE_FLAGS = cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH | cv2.IMREAD_IGNORE_ORIENTATION

# Offset and first bytes of what else is sent as compressed images.
_OTHER_FORMATS = (
    (12, _PNG_START, 'a compressedDepth image'),
    (0, b'\x00\x00\x00\x01', 'H.264 or H.265 video'),
    (0, b'\x00\x00\x01', 'H.264 or H.265 video'),
    (0, b'OggS', 'Theora video'),
    (8, b'WEBP', 'a WebP image'),
    (4, b'ftyp', 'MP4 video or an AVIF image'),
    (0, b'II*\x00', 'a TIFF image'),
    (0, b'MM\x00*', 'a TIFF image'),
    (0, b'GIF8', 'a GIF image'),
    (0, b'BM', 'a BMP image'),
    (0, b'\x00\x00\x00\x0cjP  ', 'a JPEG 2000 image'),
    (0, b'\xff\x4f\xff\x51', 'a JPEG 2000 image'),
    (0, b'\xff\x0a', 'a JPEG XL image'),
)

# ISO/IEC 10918-1, table B.1. In the compressed data, 00 and the restart markers D0 to D7 may
# follow FF; every other byte there is a marker, and FF is a fill byte before one.
_JPEG_MARKER = re.compile(rb'\xff([^\x00\xff\xd0-\xd7])')
_JPEG_END = 0xD9
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_WITHOUT_LENGTH = frozenset({0x01, 0xD8})
_JPEG_LENGTH = struct.Struct('>H')
_JPEG_FRAME = struct.Struct('>HBHHB')  # length, bits a sample, height, width, channels

_PNG_CHUNK = struct.Struct('>I4s')  # length of the content, type
_PNG_SUM = struct.Struct('>I')
_PNG_HEADER = struct.Struct('>IIBB3x')  # width, height, bits a sample, color type
_PNG_GRAY_TYPES = (0, 4)


@dataclass(frozen=True)
class _FileHeader:
    """
    What a file says of its image.

    :param width: px
    :param height: px
    :param gray: the image has no color
    """

    width: int
    height: int
    gray: bool


def compressed_to_array(msg: CompressedImage, max_pixels: int | None = None) -> np.ndarray:
    """
    Decode a JPEG or PNG message as RGB.

    The data tell what they are; of ``msg.format`` only one thing is used: with
    ``bayer_rggb8; png compressed`` and the like, image_transport sends the mosaic as a gray
    image, and its colors are interpolated. Gray images give three equal channels, an alpha channel
    is dropped, 16-bit samples are scaled to 8 bits, and an EXIF orientation is ignored.

    :param msg: the image
    :param max_pixels: most pixels that width times height may be, ``None`` for no limit; checked
        before the image is decoded
    :return: (H, W, 3) uint8 RGB
    :raises ImageFormatError: if the data are neither JPEG nor PNG (``'encoding'``), empty or
        incomplete (``'data_length'``), empty of pixels (``'size'``), ``'too_large'`` or
        ``'corrupt'``
    """
    data = bytes(msg.data)
    header = _read_header(data, msg.format)
    if header.width == 0 or header.height == 0:
        raise ImageFormatError(
            'size', f'the image is empty: {header.width}x{header.height} pixels'
        )
    check_pixels(header.width, header.height, max_pixels)
    image = to_eight_bit(_decode(data, header))
    mosaic = _mosaic_encoding(msg.format) if header.gray else None
    if mosaic is not None:
        return demosaic(image[..., 0], mosaic)
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def array_to_compressed(array: np.ndarray, header: Header, quality: int) -> CompressedImage:
    """
    Make a JPEG message as image_transport does.

    :param array: (H, W, 3) uint8 RGB
    :param header: becomes the header of the message as it is
    :param quality: JPEG quality, 1 to 100
    :return: the message
    :raises ImageFormatError: if the array is no RGB image or JPEG cannot hold it
    :raises ValueError: if there is no such quality
    """
    if quality not in JPEG_QUALITIES:
        raise ValueError(f'JPEG quality must be 1 to 100, got {quality}')
    if array.ndim != 3 or array.shape[2] != 3 or array.dtype != np.uint8:
        raise ImageFormatError(
            'encoding',
            f'JPEG is made of (H, W, 3) uint8 RGB, got {array.dtype} with shape {array.shape}',
        )
    height, width = array.shape[:2]
    if width not in JPEG_SIDES or height not in JPEG_SIDES:
        raise ImageFormatError(
            'size', f'a JPEG image has 1 to {JPEG_SIDES[-1]} pixels a side, got {width}x{height}'
        )
    bgr = cv2.cvtColor(array, cv2.COLOR_RGB2BGR)
    _, encoded = cv2.imencode('.jpg', bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    msg = CompressedImage(header=header, format='rgb8; jpeg compressed bgr8')
    msg.data.frombytes(encoded.reshape(-1))
    return msg


def _read_header(data: bytes, declared: str) -> _FileHeader:
    if not data:
        raise ImageFormatError('data_length', f'no data (format {quote(declared)})')
    if data.startswith(_JPEG_START):
        return _read_jpeg_header(data)
    if data.startswith(_PNG_START):
        return _read_png_header(data)
    if _JPEG_START.startswith(data) or _PNG_START.startswith(data):
        raise _incomplete('image', data)
    found = _name_format(data)
    raise ImageFormatError(
        'encoding',
        f'expected a JPEG or PNG image, got {found} (format {quote(declared)}); '
        "set the camera's image_transport to JPEG or PNG, or use the raw images",
    )


def _name_format(data: bytes) -> str:
    for offset, start, name in _OTHER_FORMATS:
        if data.startswith(start, offset):
            return name
    return f'data that start with {data[:8].hex(" ")}'


def _read_jpeg_header(data: bytes) -> _FileHeader:
    """Walk from marker to marker up to the end of the image."""
    header = None
    position = len(_JPEG_START) - 1
    while (found := _JPEG_MARKER.search(data, position)) is not None:
        marker, start = found[1][0], found.end()
        if marker == _JPEG_END:
            if header is None:
                raise _corrupt('JPEG', 'it has no frame header')
            return header
        length = 0 if marker in _JPEG_WITHOUT_LENGTH else _read_length(data, start)
        position = start + length
        if position > len(data):
            break
        if marker in _JPEG_FRAMES:
            if header is not None or length < _JPEG_FRAME.size:
                raise _corrupt('JPEG', 'its frame header is wrong')
            _, _, height, width, channels = _JPEG_FRAME.unpack_from(data, start)
            header = _FileHeader(width, height, gray=channels == 1)
    raise _incomplete('JPEG', data)


def _read_length(data: bytes, start: int) -> int:
    """Return the length of a JPEG segment; one that is cut off counts as longer than the data."""
    if start + _JPEG_LENGTH.size > len(data):
        return len(data)
    (length,) = _JPEG_LENGTH.unpack_from(data, start)
    return int(length)


def _read_png_header(data: bytes) -> _FileHeader:
    """Walk from chunk to chunk up to the end of the image and check their sums."""
    header = None
    view = memoryview(data)
    start = len(_PNG_START)
    while start + _PNG_CHUNK.size + _PNG_SUM.size <= len(data):
        length, kind = _PNG_CHUNK.unpack_from(data, start)
        content = start + _PNG_CHUNK.size
        end = content + length
        if end + _PNG_SUM.size > len(data):
            break
        # The sum covers the type and the content of the chunk.
        if _PNG_SUM.unpack_from(data, end) != (zlib.crc32(view[content - len(kind) : end]),):
            raise _corrupt('PNG', 'a checksum is wrong')
        if header is None:
            header = _parse_png_header(kind, view[content:end])
        if kind == b'IEND':
            return header
        start = end + _PNG_SUM.size
    raise _incomplete('PNG', data)


def _parse_png_header(kind: bytes, content: memoryview) -> _FileHeader:
    if kind != b'IHDR' or len(content) != _PNG_HEADER.size:
        raise _corrupt('PNG', 'its header is wrong')
    width, height, _, color_type = _PNG_HEADER.unpack(content)
    return _FileHeader(width, height, gray=color_type in _PNG_GRAY_TYPES)


def _decode(data: bytes, header: _FileHeader) -> np.ndarray:
    """Return (H, W, 3) uint8 or uint16 BGR."""
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), _DECODE_FLAGS)
    except cv2.error as error:
        raise _corrupt('image', f'OpenCV says: {error.err}') from error
    if image is None:
        raise _corrupt('image', 'OpenCV cannot decode it')
    if image.shape[:2] != (header.height, header.width):
        found = f'{image.shape[1]}x{image.shape[0]}'
        raise _corrupt('image', f'{found} pixels instead of {header.width}x{header.height}')
    return image


def _mosaic_encoding(declared: str) -> str | None:
    """Return the mosaic that a gray image is by its declared format, or ``None``."""
    encoding, _, compression = declared.partition(';')
    # Where image_transport made gray or color of the mosaic, the new encoding follows.
    unconverted = compression.split()[-1:] == ['compressed']
    return encoding if unconverted and encoding in BAYER_ENCODINGS else None


def _incomplete(kind: str, data: bytes) -> ImageFormatError:
    return ImageFormatError(
        'data_length', f'the {kind} data end before the image does, after {len(data)} bytes'
    )


def _corrupt(kind: str, text: str) -> ImageFormatError:
    return ImageFormatError('corrupt', f'the {kind} data are corrupt: {text}')
