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

"""Malformed and hostile camera messages, each with the cause under which a node counts it."""

from collections.abc import Callable
from dataclasses import dataclass
import struct
import zlib

import cv2
import numpy as np
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CompressedImage
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from targets import draw_target
from targets import make_image
from targets import make_png
from targets import paint

WIDTH, HEIGHT = 160, 120
MASK = draw_target(WIDTH, HEIGHT, (80, 60), (40, 15), 20)
PICTURE = paint(MASK)
MAX_IMAGE_PIXELS = 100_000
"""The limit that the node gets in these tests, so that a small image can be too large."""

UINT32_MAX = 2**32 - 1
LEGAL = None


@dataclass(frozen=True)
class Fault:
    """
    One kind of message.

    :param name: what is wrong with it
    :param cause: under which it is rejected, ``LEGAL`` if it must be answered
    :param make: makes it with a header, which it may change
    """

    name: str
    cause: str | None
    make: Callable[[Header], Image | CompressedImage]


def good_image(header: Header) -> Image:
    """Return the image of :data:`MASK`."""
    return make_image(PICTURE, header)


def good_png(header: Header) -> CompressedImage:
    """Return the image of :data:`MASK` as PNG, from which it is read exactly."""
    return make_png(PICTURE, header)


def _with(**fields: object) -> Callable[[Header], Image]:
    """Return a maker of the good image with other fields."""

    def make(header: Header) -> Image:
        msg = good_image(header)
        for name, value in fields.items():
            setattr(msg, name, value)
        return msg

    return make


def _with_data(change: Callable[[bytes], bytes]) -> Callable[[Header], Image]:
    """Return a maker of the good image with other data."""

    def make(header: Header) -> Image:
        msg = good_image(header)
        msg.data = change(bytes(msg.data))
        return msg

    return make


def _with_header(frame_id: str | None = None, **stamp: int) -> Callable[[Header], Image]:
    """Return a maker of the good image with another header."""

    def make(header: Header) -> Image:
        header.frame_id = header.frame_id if frame_id is None else frame_id
        for name, value in stamp.items():
            setattr(header.stamp, name, value)
        return good_image(header)

    return make


def _blank(width: int, height: int, encoding: str, row_bytes: int) -> Callable[[Header], Image]:
    """Return a maker of a black image with ``row_bytes`` bytes in each of its rows."""

    def make(header: Header) -> Image:
        msg = Image(header=header, width=width, height=height, encoding=encoding, step=row_bytes)
        rows = height * 3 // 2 if encoding == 'nv12' else height
        msg.data = bytes(row_bytes * rows)
        return msg

    return make


def _padded(header: Header) -> Image:
    return make_image(PICTURE, header, padding=7)


IMAGE_FAULTS = (
    Fault('unknown encoding', 'encoding', _with(encoding='rgb9')),
    Fault('empty encoding', 'encoding', _with(encoding='')),
    Fault('encoding in capitals', 'encoding', _with(encoding='RGB8')),
    Fault('very long encoding', 'encoding', _with(encoding='x' * 100_000)),
    Fault('non-printable encoding', 'encoding', _with(encoding='\x1b[2J\n\r\x07rgb8')),
    Fault('encoding with format fields', 'encoding', _with(encoding='%s%n{0.__class__}')),
    Fault('encoding of seven channels', 'encoding', _with(encoding='8UC7')),
    Fault('truncated by one byte', 'data_length', _with_data(lambda data: data[:-1])),
    Fault('truncated by half', 'data_length', _with_data(lambda data: data[: len(data) // 2])),
    Fault('one byte too many', 'data_length', _with_data(lambda data: data + b'\0')),
    Fault('twice the data', 'data_length', _with_data(lambda data: data * 2)),
    Fault('no data', 'data_length', _with(data=b'')),
    Fault('one row too many announced', 'data_length', _with(height=HEIGHT + 1)),
    Fault('step one too large', 'data_length', _with(step=3 * WIDTH + 1)),
    Fault('largest step', 'data_length', _with(step=UINT32_MAX)),
    Fault('zero width', 'size', _with(width=0)),
    Fault('zero height', 'size', _with(height=0)),
    Fault('nothing but an encoding', 'size', _blank(0, 0, 'rgb8', 0)),
    Fault('odd width of yuv422', 'size', _blank(WIDTH - 1, HEIGHT, 'yuv422', 2 * WIDTH)),
    Fault('odd width of nv12', 'size', _blank(WIDTH - 1, HEIGHT, 'nv12', WIDTH)),
    Fault('odd height of nv12', 'size', _blank(WIDTH, HEIGHT - 1, 'nv12', WIDTH)),
    Fault('mosaic of 2x2 pixels', 'size', _blank(2, 2, 'bayer_rggb8', 2)),
    Fault('step 0', 'step', _with(step=0)),
    Fault('step of one channel', 'step', _with(step=WIDTH)),
    Fault('step one too small', 'step', _with(step=3 * WIDTH - 1)),
    Fault('four channels announced, three sent', 'step', _with(encoding='bgra8')),
    Fault('16 bits announced, 8 sent', 'step', _with(encoding='rgb16')),
    Fault('twice the width announced', 'step', _with(width=2 * WIDTH)),
    Fault('huge width, little data', 'too_large', _with(width=UINT32_MAX)),
    Fault('huge height, little data', 'too_large', _with(height=UINT32_MAX)),
    Fault('largest size', 'too_large', _with(width=UINT32_MAX, height=UINT32_MAX, step=0)),
    Fault('size that is 0 modulo 2**32', 'too_large', _with(width=2**16, height=2**16)),
    Fault('more pixels than allowed', 'too_large', _blank(400, 300, 'rgb8', 1200)),
    Fault('more bytes than any pixels need', 'too_large', _with(data=bytes(900_000))),
    Fault('negative stamp', 'stamp', _with_header(sec=-1)),
    Fault('smallest stamp', 'stamp', _with_header(sec=-(2**31))),
    Fault('stamp of 1e9 nanoseconds', 'stamp', _with_header(nanosec=1_000_000_000)),
    Fault('largest nanoseconds', 'stamp', _with_header(nanosec=UINT32_MAX)),
    Fault('bigendian flag on 8 bits', LEGAL, _with(is_bigendian=1)),
    Fault('padded rows', LEGAL, _padded),
    Fault('giant frame_id', LEGAL, _with_header(frame_id='f' * 100_000)),
    Fault('giant frame_id with a slash', LEGAL, _with_header(frame_id='/' + 'f' * 100_000)),
    Fault('non-printable frame_id', LEGAL, _with_header(frame_id='/\x1b[2J\na forged line')),
    Fault('stamp in the far future', LEGAL, _with_header(sec=2**31 - 1)),
)
"""Faults of ``sensor_msgs/Image``."""


def _encode(extension: str) -> bytes:
    return cv2.imencode(extension, PICTURE[..., ::-1])[1].tobytes()


_PNG, _JPEG = _encode('.png'), _encode('.jpg')
_JPEG_FRAME = _JPEG.index(b'\xff\xc0')
_PNG_IDAT = _PNG.index(b'IDAT')
_PNG_SIGNATURE = 8


def _compressed(header: Header, data: bytes, declared: str = 'png') -> CompressedImage:
    return CompressedImage(header=header, format=declared, data=data)


def _sent(data: bytes, declared: str = 'jpeg') -> Callable[[Header], CompressedImage]:
    return lambda header: _compressed(header, data, declared)


def _jpeg_of_size(width: int, height: int) -> bytes:
    """Return the JPEG file with another size in its frame header."""
    size = struct.pack('>HH', height, width)
    return _JPEG[: _JPEG_FRAME + 5] + size + _JPEG[_JPEG_FRAME + 9 :]


def _png_chunk(kind: bytes, content: bytes) -> bytes:
    checksum = struct.pack('>I', zlib.crc32(kind + content))
    return struct.pack('>I', len(content)) + kind + content + checksum


def _png_of(width: int, height: int, compressed: bytes) -> bytes:
    """Return an RGB PNG file, its checksums right."""
    header = struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0)
    chunks = ((b'IHDR', header), (b'IDAT', compressed), (b'IEND', b''))
    return _PNG[:_PNG_SIGNATURE] + b''.join(_png_chunk(*chunk) for chunk in chunks)


def _png_with_wrong_checksum() -> bytes:
    position = _PNG_IDAT + 20
    return _PNG[:position] + bytes([_PNG[position] ^ 1]) + _PNG[position + 1 :]


def _png_at(header: Header) -> CompressedImage:
    header.stamp.nanosec = UINT32_MAX
    return good_png(header)


_ZEROS = zlib.compress(bytes(10_000_000))
_GARBAGE = np.random.default_rng(0).integers(1, 256, 5000, np.uint8).tobytes()

COMPRESSED_FAULTS = (
    Fault('garbage', 'encoding', _sent(_GARBAGE)),
    Fault('text', 'encoding', _sent(b'no image')),
    Fault('GIF', 'encoding', _sent(b'GIF89a' + bytes(100))),
    Fault('BMP', 'encoding', _sent(_encode('.bmp'))),
    Fault('WebP', 'encoding', _sent(_encode('.webp'))),
    Fault('H.264', 'encoding', _sent(b'\x00\x00\x00\x01\x67' + bytes(100), 'h264')),
    Fault('no data', 'data_length', _sent(b'')),
    Fault('truncated JPEG', 'data_length', _sent(_JPEG[: len(_JPEG) // 2])),
    Fault('JPEG without its end', 'data_length', _sent(_JPEG[:-2])),
    Fault('start of a JPEG', 'data_length', _sent(_JPEG[:4])),
    Fault('truncated PNG', 'data_length', _sent(_PNG[: len(_PNG) // 2])),
    Fault('PNG without its end', 'data_length', _sent(_PNG[:-12])),
    Fault('decompression bomb, JPEG', 'too_large', _sent(_jpeg_of_size(65_000, 65_000))),
    Fault('decompression bomb, PNG', 'too_large', _sent(_png_of(2**31 - 1, 2**31 - 1, b''))),
    Fault('bomb of zeros', 'too_large', _sent(_png_of(30_000, 30_000, _ZEROS))),
    Fault('more bytes than any pixels need', 'too_large', _sent(_JPEG + bytes(900_000))),
    Fault('JPEG of no width', 'size', _sent(_jpeg_of_size(0, HEIGHT))),
    Fault('PNG of no height', 'size', _sent(_png_of(WIDTH, 0, b''))),
    Fault('PNG with a wrong checksum', 'corrupt', _sent(_png_with_wrong_checksum())),
    Fault('PNG of no pixels', 'corrupt', _sent(_png_of(WIDTH, HEIGHT, b'not zlib'))),
    Fault('JPEG without a frame', 'corrupt', _sent(b'\xff\xd8\xff\xd9')),
    Fault('largest nanoseconds', 'stamp', _png_at),
    Fault('wrong format', LEGAL, _sent(_PNG, 'jpeg')),
    Fault('empty format', LEGAL, _sent(_PNG, '')),
    Fault('giant format', LEGAL, _sent(_PNG, 'x;' * 50_000)),
    Fault('non-printable format', LEGAL, _sent(_PNG, '\x1b[2J\n; compressed ')),
)
"""Faults of ``sensor_msgs/CompressedImage``."""


def unreadable_payloads(header: Header) -> dict[str, bytes]:
    """Return what any process may put on an image topic and what the middleware cannot read."""
    msg = good_image(header)
    msg.header.frame_id = 'FRAME_ID'
    good = serialize_message(msg)
    name = good.index(b'FRAME_ID')
    data = good.rindex(struct.pack('<I', len(msg.data)))
    return {
        'nothing but a CDR header': good[:4],
        'cut in the header': good[:30],
        'cut in the data': good[:-100],
        'bytes in order': bytes(range(256)) * 4,
        'string of 4 GiB': good[: name - 4] + struct.pack('<I', UINT32_MAX) + good[name:],
        'data of 4 GiB': good[:data] + struct.pack('<I', UINT32_MAX - 15) + good[data + 4 :],
        'data of 1 GiB': good[:data] + struct.pack('<I', 2**30) + good[data + 4 :],
        'foreign byte order': bytes([0, 0]) + good[2:],
        'unknown representation': bytes([7, 7, 7, 7]) + good[4:],
    }
