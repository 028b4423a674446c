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
Image messages from their bytes: CDR as ROS 2 writes it (OMG DDSI-RTPS 2.5, section 10.2).

A header stands before the fields; these are aligned to their size, counted from its end.
"""

from dataclasses import dataclass
import struct

from surgseg_ros.data.recordings.errors import StorageError

IMAGE_TYPE = 'sensor_msgs/msg/Image'
COMPRESSED_TYPE = 'sensor_msgs/msg/CompressedImage'

HEAD_BYTES = 12
"""The stamp is within these."""

_ENCAPSULATION_BYTES = 4
_BIG, _LITTLE = b'\x00\x00', b'\x00\x01'
_NANOSECONDS = 10**9


@dataclass(frozen=True)
class RecordedImage:
    """The fields of a ``sensor_msgs/Image`` without its header."""

    height: int
    width: int
    encoding: str
    is_bigendian: int
    step: int
    data: memoryview


@dataclass(frozen=True)
class RecordedCompressedImage:
    """The fields of a ``sensor_msgs/CompressedImage`` without its header."""

    format: str
    data: memoryview


def parse_stamp_ns(message: bytes) -> int:
    """
    Return the stamp of a message whose first field is a ``std_msgs/Header``, in ns.

    :param message: its first :data:`HEAD_BYTES` at least
    :raises StorageError: if they are no CDR
    """
    return _Reader(message).stamp_ns()


def parse_image(message: bytes, message_type: str) -> RecordedImage | RecordedCompressedImage:
    """
    Return the fields of an image message.

    :param message_type: one of :data:`IMAGE_TYPE` and :data:`COMPRESSED_TYPE`
    :raises StorageError: if the bytes are no such message
    """
    reader = _Reader(message)
    reader.stamp_ns()
    reader.text()
    if message_type != IMAGE_TYPE:
        return RecordedCompressedImage(reader.text(), reader.octets())
    height, width = reader.number('I'), reader.number('I')
    encoding, is_bigendian = reader.text(), reader.number('B')
    return RecordedImage(
        height, width, encoding, is_bigendian, reader.number('I'), reader.octets()
    )


class _Reader:
    """Read field after field."""

    def __init__(self, message: bytes) -> None:
        kind = message[:2]
        if len(message) < _ENCAPSULATION_BYTES or kind not in (_BIG, _LITTLE):
            raise StorageError(f'no CDR: it starts with {kind.hex(" ") or "nothing"}')
        self._order = '<' if kind == _LITTLE else '>'
        self._view = memoryview(message)[_ENCAPSULATION_BYTES:]
        self._position = 0

    def number(self, code: str) -> int:
        size = struct.calcsize(f'={code}')
        self._position += -self._position % size
        (value,) = struct.unpack(self._order + code, self._take(size))
        return int(value)

    def stamp_ns(self) -> int:
        seconds = self.number('i')
        return seconds * _NANOSECONDS + self.number('I')

    def text(self) -> str:
        # The length counts the zero byte at the end.
        return bytes(self._take(self.number('I')))[:-1].decode('utf-8', 'replace')

    def octets(self) -> memoryview:
        return self._take(self.number('I'))

    def _take(self, count: int) -> memoryview:
        start, self._position = self._position, self._position + count
        if self._position > len(self._view):
            raise StorageError(
                f'the message ends early: {len(self._view)} bytes instead of {self._position}'
            )
        return self._view[start : self._position]
