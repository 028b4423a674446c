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
The pages of a TIFF file, one at a time.

TIFF revision 6.0, section 2, and BigTIFF: a file is a chain of directories, one for each page.
"""

from collections.abc import Iterator
from dataclasses import dataclass
import struct
import zlib

import numpy as np

from surgseg_ros.decoding.file_headers import corrupt
from surgseg_ros.decoding.file_headers import incomplete

_NEW_SUBFILE_TYPE, _COMPRESSION, _ORIENTATION = 254, 259, 274
_STRIPS, _TILES = (273, 279), (324, 325)
"""Tags of offsets and of numbers of bytes."""

_SHORT = 3
_INTEGERS = {_SHORT: 'H', 4: 'I', 16: 'Q'}
_REDUCED = 1
_DEFLATE = (8, 32946)
_UPRIGHT = 1


@dataclass(frozen=True)
class TiffPage:
    """
    Where a page is.

    :param directory: offset of its directory
    :param orientation: offset of the number that would have the page turned, ``None`` without
    :param pieces: offset and length in bytes of all strips and tiles
    :param is_deflated: the pieces are compressed with zlib
    """

    directory: int
    orientation: int | None
    pieces: tuple[tuple[int, int], ...]
    is_deflated: bool

    @property
    def end(self) -> int:
        """Return to where in the file the page reaches."""
        return max((offset + length for offset, length in self.pieces), default=0)


class TiffFile:
    """
    A TIFF file in memory, or mapped into it.

    :param data: (N,) uint8; writing to it must not change the file
    """

    def __init__(self, data: np.ndarray) -> None:
        self._data = data
        self._view = data.data
        self._order = '<' if data[0] == ord('I') else '>'
        self._is_big = 43 in data[2:4].tolist()
        self._offset = 'Q' if self._is_big else 'I'
        self._first = 8 if self._is_big else 4

    def pages(self) -> Iterator[TiffPage]:
        """
        Walk from directory to directory; small copies of pages (thumbnails) are passed over.

        :raises ImageFormatError: after the last page that is whole, if the file is incomplete
            (``'data_length'``) or its directories are ``'corrupt'``
        """
        seen: set[int] = set()
        (offset,) = self._unpack(self._offset, self._first)
        while offset:
            if offset in seen:
                raise corrupt('TIFF', 'its directories form a circle')
            seen.add(offset)
            page, is_reduced, offset = self._read_directory(offset)
            if page.end > len(self._data):
                raise incomplete('TIFF', len(self._data))
            if not is_reduced:
                yield page

    def show(self, page: TiffPage) -> np.ndarray:
        """
        Return the data with that page as the first one, upright whatever it says of itself.

        :raises ImageFormatError: if a checksum is wrong (``'corrupt'``); OpenCV answers that with
            black
        """
        if page.is_deflated:
            for offset, length in page.pieces:
                _check_deflated(self._view[offset : offset + length])
        struct.pack_into(self._order + self._offset, self._view, self._first, page.directory)
        if page.orientation is not None:
            struct.pack_into(f'{self._order}H', self._view, page.orientation, _UPRIGHT)
        return self._data

    def _read_directory(self, offset: int) -> tuple[TiffPage, bool, int]:
        """Return a page, whether it is a small copy of another, and where the next one is."""
        count_code, entry_size = ('Q', 20) if self._is_big else ('H', 12)
        (count,) = self._unpack(count_code, offset)
        start = offset + struct.calcsize(f'={count_code}')
        (following,) = self._unpack(self._offset, start + count * entry_size)
        values: dict[int, np.ndarray] = {}
        orientation = None
        for position in range(start, start + count * entry_size, entry_size):
            tag, kind = self._unpack('HH', position)
            if tag == _ORIENTATION and kind == _SHORT:
                orientation = position + entry_size - struct.calcsize(f'={self._offset}')
            elif tag in (_NEW_SUBFILE_TYPE, _COMPRESSION, *_STRIPS, *_TILES):
                values[tag] = self._read_values(kind, position + 4)
        pieces = (*_locate(values, _STRIPS), *_locate(values, _TILES))
        page = TiffPage(offset, orientation, pieces, _first(values, _COMPRESSION) in _DEFLATE)
        return page, bool(_first(values, _NEW_SUBFILE_TYPE) & _REDUCED), following

    def _read_values(self, kind: int, position: int) -> np.ndarray:
        """Return the numbers of an entry, which has them inside if they are few."""
        if kind not in _INTEGERS:
            raise corrupt('TIFF', f'an offset has type {kind}')
        (count,) = self._unpack(self._offset, position)
        dtype = np.dtype(self._order + _INTEGERS[kind])
        inside = struct.calcsize(f'={self._offset}')
        start = position + inside
        if count * dtype.itemsize > inside:
            (start,) = self._unpack(self._offset, start)
        if start + count * dtype.itemsize > len(self._data):
            raise incomplete('TIFF', len(self._data))
        return np.frombuffer(self._data, dtype, count, start)

    def _unpack(self, codes: str, offset: int) -> tuple[int, ...]:
        form = self._order + codes
        if offset + struct.calcsize(form) > len(self._data):
            raise incomplete('TIFF', len(self._data))
        return struct.unpack_from(form, self._view, offset)


def _first(values: dict[int, np.ndarray], tag: int) -> int:
    numbers = values.get(tag, np.empty(0, np.uint64))
    return int(numbers[0]) if len(numbers) else 0


def _locate(values: dict[int, np.ndarray], tags: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """Yield offset and length of the pieces of a page."""
    offsets, lengths = (values.get(tag, np.empty(0, np.uint64)) for tag in tags)
    if not len(lengths):  # optional for a page in one piece
        lengths = np.zeros(len(offsets), np.uint64)
    if len(offsets) != len(lengths):
        raise corrupt('TIFF', f'{len(offsets)} pieces of a page have {len(lengths)} lengths')
    yield from zip(offsets.tolist(), lengths.tolist(), strict=True)


def _check_deflated(piece: memoryview) -> None:
    try:
        zlib.decompress(piece)
    except zlib.error as error:
        raise corrupt('TIFF', str(error)) from error
