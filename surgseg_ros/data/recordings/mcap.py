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
Image messages of an MCAP file, also of one without its end.

https://mcap.dev/spec: records with their lengths, of which chunks hold others, compressed or not.
The index at the end is not used, so nothing is missing where that is.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from io import SEEK_END
from pathlib import Path
import struct
from typing import BinaryIO
import zlib

from surgseg_ros.data.recordings.compression import decompress
from surgseg_ros.data.recordings.storage import find_stamp_ns
from surgseg_ros.data.recordings.storage import IMAGE_TYPES
from surgseg_ros.data.recordings.storage import StorageError
from surgseg_ros.data.recordings.storage import StoredMessage
from surgseg_ros.data.recordings.storage import unpack_message

_MAGIC = b'\x89MCAP0\r\n'
_INVALID, _FOOTER, _SCHEMA, _CHANNEL, _MESSAGE, _CHUNK, _STATISTICS = 0, 2, 3, 4, 5, 6, 11
_RECORD = struct.Struct('<BQ')  # kind, length of the content
_MESSAGE_HEAD = struct.Struct('<HIQQ')  # channel, sequence, received, published
_CHUNK_HEAD = struct.Struct('<16xQI')  # uncompressed size, checksum
_SHORT, _INT, _LONG = struct.Struct('<H'), struct.Struct('<I'), struct.Struct('<Q')
_COUNT = struct.Struct('<HQ')  # channel, messages
_COUNTS_OFFSET = 42
_NO_CHUNK = 0
_KEPT_CHUNKS = 2
_LONGEST_NAME = 100


@dataclass(frozen=True)
class _ChunkHead:
    """
    What a chunk says of its records.

    :param size: bytes when they are decompressed
    :param checksum: of these, 0: none
    :param start: where they are in the file
    :param length: bytes there
    """

    size: int
    checksum: int
    compression: str
    start: int
    length: int


class McapFile:
    """
    An open MCAP file, see :class:`.storage.StorageFile`.

    :raises StorageError: if it is no MCAP file
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.warnings: list[str] = []
        self.notes: list[str] = []
        self._schemas: dict[int, str] = {}
        self._channels: dict[int, tuple[str, str]] = {}
        self._counts: Counter[int] = Counter()
        self._chunks: dict[int, bytes] = {}
        self._file = path.open('rb')
        if self._file.read(len(_MAGIC)) != _MAGIC:
            self._file.close()
            raise StorageError(f'{path} is no MCAP file: it does not start like one')
        self._size = self._file.seek(0, SEEK_END)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def scan(self) -> Iterator[StoredMessage]:
        """Find the image messages in the order of the file."""
        try:
            for kind, start, length in _walk(self._file, len(_MAGIC), self._size):
                if kind == _FOOTER:
                    return
                if kind == _STATISTICS:
                    self._compare(_read(self._file, start, length))
                elif kind == _CHUNK:
                    yield from self._scan_chunk(start, is_whole=start + length <= self._size)
                else:
                    yield from self._visit(self._file, _NO_CHUNK, 0, kind, start, length)
        except StorageError as error:
            self.warnings.append(f'{self.path}: {error}; what followed is lost')
        else:
            self.notes.append(f'{self.path} was not closed by its recorder')

    def read(self, place: tuple[int, ...]) -> bytes:
        """Return the CDR bytes of a message."""
        chunk, start, length = place
        if chunk == _NO_CHUNK:
            return unpack_message(_read(self._file, start, length))
        return unpack_message(self._load_chunk(chunk)[start : start + length])

    def _scan_chunk(self, chunk: int, is_whole: bool) -> Iterator[StoredMessage]:
        """Find the messages of a chunk; of a damaged one those before the damage."""
        try:
            head = self._read_chunk_head(chunk)
            stream: BinaryIO
            if head.compression:
                stream, base = BytesIO(self._load_chunk(chunk)), 0
                end = stream.seek(0, SEEK_END)
            else:  # read no more than the heads of the messages
                stream, base = self._file, head.start
                end = min(base + head.length, self._size)
            for kind, start, length in _walk(stream, base, end):
                if kind not in (_SCHEMA, _CHANNEL, _MESSAGE):
                    raise StorageError(f'a record of kind {kind} is in it')
                yield from self._visit(stream, chunk, base, kind, start, length)
        except StorageError as error:
            if is_whole:  # else the file ends early, which is said then
                self.warnings.append(
                    f'{self.path}, chunk at byte {chunk}: {error}; images are lost'
                )

    def _visit(
        self, stream: BinaryIO, chunk: int, base: int, kind: int, start: int, length: int
    ) -> Iterator[StoredMessage]:
        """Learn of a topic, or yield an image message; offsets in chunks count from ``base``."""
        if kind == _SCHEMA:
            content = _read(stream, start, length)
            self._schemas[_unpack(_SHORT, content, 0)] = _text(content, 2)[0]
        elif kind == _CHANNEL:
            content = _read(stream, start, length)
            topic, _ = _text(content, 4)
            schema = self._schemas.get(_unpack(_SHORT, content, 2), '')
            self._channels[_unpack(_SHORT, content, 0)] = (topic, schema)
        elif kind == _MESSAGE and length >= _MESSAGE_HEAD.size:
            head = _read(stream, start, _MESSAGE_HEAD.size)
            channel, _, received_ns, _ = _MESSAGE_HEAD.unpack(head)
            if channel not in self._channels:
                raise StorageError(f'a message belongs to no topic ({channel})')
            topic, message_type = self._channels[channel]
            self._counts[channel] += 1
            if message_type in IMAGE_TYPES:
                place, size = start + _MESSAGE_HEAD.size, length - _MESSAGE_HEAD.size
                stamp_ns = find_stamp_ns(lambda count: _read(stream, place, min(count, size)))
                yield StoredMessage(
                    topic, message_type, stamp_ns, received_ns, (chunk, place - base, size)
                )

    def _compare(self, statistics: bytes) -> None:
        """Compare the numbers of messages of all topics with those that the recorder noted."""
        for channel, announced in _COUNT.iter_unpack(_announced_counts(statistics)):
            missing = announced - self._counts[channel]
            if missing > 0:
                topic, _ = self._channels.get(channel, (f'channel {channel}', ''))
                self.warnings.append(
                    f"{self.path}: {missing} of {announced} messages on '{topic}' are lost"
                )

    def _read_chunk_head(self, chunk: int) -> _ChunkHead:
        size, checksum = _CHUNK_HEAD.unpack(_read(self._file, chunk, _CHUNK_HEAD.size))
        names = chunk + _CHUNK_HEAD.size
        (length,) = _INT.unpack(_read(self._file, names, _INT.size))
        if length > _LONGEST_NAME:
            raise StorageError(f'its compression has a name of {length} bytes')
        compression = _read(self._file, names + _INT.size, length).decode('ascii', 'replace')
        numbers = names + _INT.size + length
        (packed,) = _LONG.unpack(_read(self._file, numbers, _LONG.size))
        return _ChunkHead(size, checksum, compression, numbers + _LONG.size, packed)

    def _load_chunk(self, chunk: int) -> bytes:
        """
        Return the records of a chunk, of an incomplete one those that are there.

        :raises StorageError: if they are damaged
        """
        if chunk not in self._chunks:
            head = self._read_chunk_head(chunk)
            there = min(head.length, self._size - head.start)
            packed = _read(self._file, head.start, there)
            records = decompress(head.compression, packed, head.size)
            is_whole = there == head.length
            if is_whole and len(records) != head.size:
                raise StorageError(f'{len(records)} bytes instead of {head.size}')
            if is_whole and head.checksum and zlib.crc32(records) != head.checksum:
                raise StorageError('its checksum is wrong')
            while len(self._chunks) >= _KEPT_CHUNKS:
                self._chunks.pop(next(iter(self._chunks)))
            self._chunks[chunk] = records
        return self._chunks[chunk]


def _walk(stream: BinaryIO, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """
    Yield kind, offset and length of the content of records; of chunks also if they end early.

    :raises StorageError: after them, if the last one ends early or is none
    """
    while start < end:
        if start + _RECORD.size > end:
            raise StorageError(f'it ends early, after {end} bytes')
        kind, length = _RECORD.unpack(_read(stream, start, _RECORD.size))
        if kind == _INVALID:
            raise StorageError(f'at byte {start} is no record')
        content = start + _RECORD.size
        is_whole = content + length <= end
        if is_whole or kind == _CHUNK:
            yield kind, content, length
        if not is_whole:
            raise StorageError(f'a record ends early, after {end} bytes')
        start = content + length


def _announced_counts(statistics: bytes) -> bytes:
    """Return the numbers by channel in a record of statistics."""
    start = _COUNTS_OFFSET + _INT.size
    length = _unpack(_INT, statistics, _COUNTS_OFFSET)
    if length % _COUNT.size or start + length > len(statistics):
        raise StorageError('its statistics are damaged')
    return statistics[start : start + length]


def _read(stream: BinaryIO, start: int, length: int) -> bytes:
    stream.seek(start)
    data = stream.read(length)
    if len(data) != length:
        raise StorageError(f'{length} bytes at byte {start} are not there')
    return data


def _unpack(form: struct.Struct, content: bytes, offset: int) -> int:
    if offset + form.size > len(content):
        raise StorageError('a record ends early')
    (value,) = form.unpack_from(content, offset)
    return int(value)


def _text(content: bytes, offset: int) -> tuple[str, int]:
    """Return a text with its length before it, and where it ends."""
    start = offset + _INT.size
    end = start + _unpack(_INT, content, offset)
    if end > len(content):
        raise StorageError('a record ends early')
    return content[start:end].decode('utf-8', 'replace'), end
