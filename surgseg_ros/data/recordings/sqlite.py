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

from surgseg_ros.data.recordings.storage import find_stamp_ns
from surgseg_ros.data.recordings.storage import IMAGE_TYPES
from surgseg_ros.data.recordings.storage import StorageError
from surgseg_ros.data.recordings.storage import StoredMessage
from surgseg_ros.data.recordings.storage import unpack_message


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
        self._topics = {row: (str(name), kind) for row, name, kind in rows if kind in IMAGE_TYPES}

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def scan(self) -> Iterator[StoredMessage]:
        """Find the image messages in the order of the file."""
        found = 0
        try:
            # In this order the pages of a file that is cut off are read up to the cut.
            for row, topic, received_ns in self._database.execute(
                'SELECT id, topic_id, COALESCE(CAST(timestamp AS INTEGER), 0) FROM messages '
                'ORDER BY id'
            ):
                if topic in self._topics:
                    stamp_ns = find_stamp_ns(partial(self._read_start, row))
                    yield StoredMessage(*self._topics[topic], stamp_ns, received_ns, (row,))
                found += 1
        except sqlite3.Error as error:
            self.warnings.append(
                f'{self.path}: SQLite says: {error}; what follows its first {found} messages is '
                'lost'
            )

    def read(self, place: tuple[int, ...]) -> bytes:
        """Return the CDR bytes of a message."""
        try:
            return unpack_message(self._query('SELECT data FROM messages WHERE id = ?', place))
        except sqlite3.Error as error:
            raise StorageError(f'SQLite says: {error}') from error

    def _read_start(self, row: int, count: int) -> bytes:
        return self._query('SELECT substr(data, 1, ?) FROM messages WHERE id = ?', (count, row))

    def _query(self, query: str, values: tuple[int, ...]) -> bytes:
        found = self._database.execute(query, values).fetchone()
        if found is None or not isinstance(found[0], bytes):
            raise StorageError('the row of the message has no bytes')
        return found[0]
