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

"""All image messages of a recording, whatever files it has."""

from collections.abc import Iterator
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from surgseg_ros.data.recordings.compression import decompress_zstd_file
from surgseg_ros.data.recordings.errors import StorageError
from surgseg_ros.data.recordings.recording_files import find_files
from surgseg_ros.data.recordings.recording_files import open_file
from surgseg_ros.data.recordings.recording_files import PACKED_SUFFIX
from surgseg_ros.data.recordings.storage import StorageFile
from surgseg_ros.data.recordings.storage import StoredMessage

Place = tuple[Path, StoredMessage]
"""A message and the file it is in."""


class Recording:
    """
    A recording whose messages were found, but not kept in memory.

    :param path: folder or file
    :raises StorageError: if none of its files can be read
    :raises MissingPackageError: if what decompresses it is not installed
    """

    def __init__(self, path: Path) -> None:
        files = find_files(path)
        self.announced: Mapping[str, int] = files.announced
        """Number of messages by topic, empty without metadata."""
        self.warnings = list(files.warnings)
        """What is lost, a sentence each."""
        self.notes = list(files.notes)
        """What else is odd, a sentence each."""
        self._folder: TemporaryDirectory | None = None
        self.messages: list[Place] = []
        """In the order of the files."""
        for file in files.paths:
            try:
                self.messages += self._scan(file)
            except StorageError as error:
                if len(files.paths) == 1:
                    raise
                self.warnings.append(f'{error}; all of it is lost')

    def read(self, places: list[Place]) -> Iterator[bytes | StorageError]:
        """Yield the CDR bytes of messages, or why they cannot be read."""
        opened: dict[Path, StorageFile] = {}
        try:
            for path, message in places:
                try:
                    storage = opened.get(path) or opened.setdefault(path, open_file(path))
                    yield storage.read(message.place)
                except StorageError as error:
                    yield error
        finally:
            for storage in opened.values():
                storage.close()

    def _scan(self, file: Path) -> list[Place]:
        path = self._unpack(file) if file.name.lower().endswith(PACKED_SUFFIX) else file
        storage = open_file(path)
        try:
            messages = [(path, message) for message in storage.scan()]
        finally:
            storage.close()
        self.warnings += storage.warnings
        self.notes += storage.notes
        return messages

    def _unpack(self, file: Path) -> Path:
        """Decompress a file of a recording into a folder that vanishes with this object."""
        self._folder = self._folder or TemporaryDirectory(prefix='surgseg_')
        path = Path(self._folder.name, file.name[: -len(PACKED_SUFFIX)])
        problem = decompress_zstd_file(file, path)
        if problem:
            self.warnings.append(f'{file}: {problem}; what follows is lost')
        return path
