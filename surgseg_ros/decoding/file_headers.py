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
Image files by their bytes: what they are, whether they are whole, what their headers say.

A file is read as far as its headers and its end before anything is decoded: a small file that
unfolds to gigabytes is refused while it is small, and a JPEG file that ends early is refused
instead of being filled up with gray.
"""

from dataclasses import dataclass
from dataclasses import replace
import re
import struct
import zlib

from surgseg_ros.decoding.encodings import ImageFormatError

JPEG_START = b'\xff\xd8\xff'
PNG_START = b'\x89PNG\r\n\x1a\n'
BMP_START = b'BM'
TIFF_STARTS = (b'II*\x00', b'MM\x00*', b'II+\x00', b'MM\x00+')
"""Little and big endian, and both again of BigTIFF."""

# Offset and first bytes of what else is sent or saved as images.
_OTHER_FORMATS = (
    (12, PNG_START, 'a compressedDepth image'),
    (0, b'\x00\x00\x00\x01', 'H.264 or H.265 video'),
    (0, b'\x00\x00\x01', 'H.264 or H.265 video'),
    (0, b'OggS', 'Theora video'),
    (8, b'WEBP', 'a WebP image'),
    (4, b'ftyp', 'MP4 video or an AVIF image'),
    *((0, start, 'a TIFF image') for start in TIFF_STARTS),
    (0, b'GIF8', 'a GIF image'),
    (0, BMP_START, 'a BMP image'),
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

# RFC 9649, section 2.3: the size of the file after the first eight bytes, then chunks.
_RIFF_CHUNK = struct.Struct('<4sI')


@dataclass(frozen=True)
class FileHeader:
    """
    What a file says of its image.

    :param width: px
    :param height: px
    :param gray: the image has no color
    :param pages: number of images, of an animation
    """

    width: int
    height: int
    gray: bool
    pages: int = 1


def is_webp(data: bytes) -> bool:
    """Tell whether data begin as a WebP file."""
    return data.startswith(b'RIFF') and data.startswith(b'WEBP', 8)


def name_format(data: bytes) -> str:
    """Return what data seem to be that are no JPEG or PNG image."""
    for offset, start, name in _OTHER_FORMATS:
        if data.startswith(start, offset):
            return name
    return f'data that start with {data[:8].hex(" ")}'


def read_jpeg_header(data: bytes) -> FileHeader:
    """
    Walk from marker to marker up to the end of the image.

    :raises ImageFormatError: if the data are incomplete (``'data_length'``) or ``'corrupt'``
    """
    header = None
    position = len(JPEG_START) - 1
    while (found := _JPEG_MARKER.search(data, position)) is not None:
        marker, start = found[1][0], found.end()
        if marker == _JPEG_END:
            if header is None:
                raise corrupt('JPEG', 'it has no frame header')
            return header
        length = 0 if marker in _JPEG_WITHOUT_LENGTH else _read_length(data, start)
        position = start + length
        if position > len(data):
            break
        if marker in _JPEG_FRAMES:
            if header is not None or length < _JPEG_FRAME.size:
                raise corrupt('JPEG', 'its frame header is wrong')
            _, _, height, width, channels = _JPEG_FRAME.unpack_from(data, start)
            header = FileHeader(width, height, gray=channels == 1)
    raise incomplete('JPEG', len(data))


def _read_length(data: bytes, start: int) -> int:
    """Return the length of a JPEG segment; one that is cut off counts as longer than the data."""
    if start + _JPEG_LENGTH.size > len(data):
        return len(data)
    (length,) = _JPEG_LENGTH.unpack_from(data, start)
    return int(length)


def read_png_header(data: bytes, checksums: bool = True) -> FileHeader:
    """
    Walk from chunk to chunk up to the end of the image and check their sums.

    :param checksums: if not, decoding must check them; libpng does for all that makes pixels
    :raises ImageFormatError: if the data are incomplete (``'data_length'``) or ``'corrupt'``
    """
    header = None
    view = memoryview(data)
    start = len(PNG_START)
    while start + _PNG_CHUNK.size + _PNG_SUM.size <= len(data):
        length, kind = _PNG_CHUNK.unpack_from(data, start)
        content = start + _PNG_CHUNK.size
        end = content + length
        if end + _PNG_SUM.size > len(data):
            break
        # The sum covers the type and the content of the chunk.
        if checksums and _PNG_SUM.unpack_from(data, end) != (
            zlib.crc32(view[content - len(kind) : end]),
        ):
            raise corrupt('PNG', 'a checksum is wrong')
        if header is None:
            header = _parse_png_header(kind, view[content:end])
        if kind == b'acTL':
            header = replace(header, pages=_read_animation(view[content:end]))
        if kind == b'IEND':
            return header
        start = end + _PNG_SUM.size
    raise incomplete('PNG', len(data))


def _parse_png_header(kind: bytes, content: memoryview) -> FileHeader:
    if kind != b'IHDR' or len(content) != _PNG_HEADER.size:
        raise corrupt('PNG', 'its header is wrong')
    width, height, _, color_type = _PNG_HEADER.unpack(content)
    return FileHeader(width, height, gray=color_type in _PNG_GRAY_TYPES)


def _read_animation(content: memoryview) -> int:
    """Return the number of frames that an animated PNG announces (PNG 3rd edition, 11.3.4.1)."""
    if len(content) < _PNG_SUM.size:
        raise corrupt('PNG', 'its animation header is wrong')
    (frames,) = _PNG_SUM.unpack_from(content)
    return int(frames)


def count_webp_frames(data: bytes) -> int:
    """
    Walk from chunk to chunk of a WebP file and count its images.

    :raises ImageFormatError: if the file is incomplete (``'data_length'``)
    """
    frames = 0
    position = _RIFF_CHUNK.size + 4
    _, size = _RIFF_CHUNK.unpack_from(data)
    end = _RIFF_CHUNK.size + size
    while position < end:
        if position + _RIFF_CHUNK.size > len(data):
            raise incomplete('WebP', len(data))
        kind, length = _RIFF_CHUNK.unpack_from(data, position)
        frames += kind == b'ANMF'
        position += _RIFF_CHUNK.size + length + length % 2
    if position > len(data):
        raise incomplete('WebP', len(data))
    return max(frames, 1)


def incomplete(kind: str, length: int) -> ImageFormatError:
    """Return the error of data that end too early, after that many bytes."""
    return ImageFormatError(
        'data_length', f'the {kind} data end before the image does, after {length} bytes'
    )


def corrupt(kind: str, text: str) -> ImageFormatError:
    """Return the error of data that contradict themselves."""
    return ImageFormatError('corrupt', f'the {kind} data are corrupt: {text}')
