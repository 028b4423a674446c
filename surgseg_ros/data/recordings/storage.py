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

"""What files of recordings have in common: the places of image messages."""

from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from surgseg_ros.data.recordings.cdr import COMPRESSED_TYPE
from surgseg_ros.data.recordings.cdr import HEAD_BYTES
from surgseg_ros.data.recordings.cdr import IMAGE_TYPE
from surgseg_ros.data.recordings.cdr import parse_stamp_ns
from surgseg_ros.data.recordings.compression import decompress
from surgseg_ros.data.recordings.compression import ZSTD_START
from surgseg_ros.data.recordings.errors import StorageError

IMAGE_TYPES = (IMAGE_TYPE, COMPRESSED_TYPE)
_WHOLE_MESSAGE = 2**31 - 1


@dataclass(frozen=True)
class StoredMessage:
    """
    Where an image message is.

    :param topic: name
    :param message_type: one of :data:`IMAGE_TYPES`
    :param stamp_ns: of its header
    :param received_ns: when the recorder got it
    :param place: for :meth:`StorageFile.read` alone
    """

    topic: str
    message_type: str
    stamp_ns: int
    received_ns: int
    place: tuple[int, ...]


class StorageFile(Protocol):
    """
    One file of a recording, open.

    :param path: the file
    :param warnings: what of it is lost, known after :meth:`scan`
    :param notes: what else is odd
    """

    path: Path
    warnings: list[str]
    notes: list[str]

    def scan(self) -> Iterator[StoredMessage]:
        """
        Find the image messages in the order of the file, without keeping their images.

        :raises StorageError: if nothing can be read
        """

    def read(self, place: tuple[int, ...]) -> bytes:
        """
        Return the CDR bytes of a message.

        :raises StorageError: if they are damaged
        """

    def close(self) -> None:
        """Close the file."""


def find_stamp_ns(read_start: Callable[[int], bytes]) -> int:
    """
    Return the stamp of a message in ns; 0 if it is damaged, which reading it will tell.

    :param read_start: returns so many bytes of its beginning, or fewer if it is shorter
    """
    try:
        start = read_start(HEAD_BYTES)
        if start.startswith(ZSTD_START):
            start = unpack_message(read_start(_WHOLE_MESSAGE))
        return parse_stamp_ns(start)
    except StorageError:
        return 0


def unpack_message(data: bytes) -> bytes:
    """Return the CDR bytes of a message that may be compressed on its own."""
    return decompress('zstd', data) if data.startswith(ZSTD_START) else data
