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
Image messages of an SQLite file of rosbag2, also of one that was not closed or is damaged.

What a recorder that was killed left in the write-ahead log beside the file is read, too.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
import sqlite3
import struct

from surgseg_ros.data.recordings.storage import find_stamp_ns
from surgseg_ros.data.recordings.storage import IMAGE_TYPES
from surgseg_ros.data.recordings.storage import StorageError
from surgseg_ros.data.recordings.storage import StoredMessage
from surgseg_ros.data.recordings.storage import unpack_message

_HEADER = struct.Struct('>16xH10xI')  # bytes a page, number of pages
_LARGEST_PAGE = 65536


class SqliteFile:
    """
    An open SQLite file, see :class:`.storage.StorageFile`.

    :raises StorageError: if it is no recording
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.warnings: list[str] = []
        self.notes: list[str] = []
        # Without a log nothing is written, not even a lock, so it may lie on a read-only disk.
        has_log = path.with_name(f'{path.name}-wal').is_file()
        options = 'mode=ro' if has_log else 'mode=ro&immutable=1'
        self._database = sqlite3.connect(f'{path.resolve().as_uri()}?{options}', uri=True)
        try:
            # SQLite then does not refuse a file that has fewer pages than its header says.
            self._database.execute('PRAGMA writable_schema = ON')
            rows = self._database.execute('SELECT id, name, type FROM topics').fetchall()
        except sqlite3.Error as error:
            self._database.close()
            raise StorageError(f'{path} is no readable recording: SQLite says: {error}') from error
        self._topics = {row: (str(name), str(kind)) for row, name, kind in rows}
        self._warn_if_cut_off()

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def scan(self) -> Iterator[StoredMessage]:
        """Find the image messages in the order of the file."""
        found = lost = 0
        try:
            # In this order the pages of a file that is cut off are read up to the cut.
            for row, topic, received_ns in self._database.execute(
                'SELECT id, topic_id, COALESCE(CAST(timestamp AS INTEGER), 0) FROM messages '
                'ORDER BY id'
            ):
                name, kind = self._topics.get(topic, ('', ''))
                if kind in IMAGE_TYPES:
                    stamp_ns = find_stamp_ns(partial(self._read_start, row))
                    yield StoredMessage(name, kind, stamp_ns, received_ns, (row,))
                found += 1
                lost += not kind
        except sqlite3.Error as error:
            self.warnings.append(
                f'{self.path}: SQLite says: {error}; what follows its first {found} messages is '
                'lost'
            )
        if lost:
            self.warnings.append(f'{self.path}: {lost} messages belong to no topic and are lost')

    def read(self, place: tuple[int, ...]) -> bytes:
        """Return the CDR bytes of a message."""
        try:
            return unpack_message(self._query('SELECT data FROM messages WHERE id = ?', place))
        except sqlite3.Error as error:
            raise StorageError(f'SQLite says: {error}') from error

    def _warn_if_cut_off(self) -> None:
        """Compare the size of the file with what its header says (SQLite file format, 1.3)."""
        with self.path.open('rb') as file:
            page_bytes, pages = _HEADER.unpack(file.read(_HEADER.size))
        announced = pages * (page_bytes if page_bytes > 1 else _LARGEST_PAGE)
        size = self.path.stat().st_size
        if size < announced:
            self.warnings.append(
                f'{self.path} ends early, after {size} of {announced} bytes; what followed is lost'
            )

    def _read_start(self, row: int, count: int) -> bytes:
        return self._query('SELECT substr(data, 1, ?) FROM messages WHERE id = ?', (count, row))

    def _query(self, query: str, values: tuple[int, ...]) -> bytes:
        found = self._database.execute(query, values).fetchone()
        if found is None or not isinstance(found[0], bytes):
            raise StorageError('the row of the message has no bytes')
        return found[0]
