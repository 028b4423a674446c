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

"""Which files belong to a recording, and what its metadata announce."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
import re

import yaml

from surgseg_ros.data.recordings.errors import StorageError
from surgseg_ros.data.recordings.mcap import McapFile
from surgseg_ros.data.recordings.sqlite import SqliteFile
from surgseg_ros.data.recordings.storage import StorageFile

METADATA_FILE = 'metadata.yaml'
PACKED_SUFFIX = '.zstd'
_STORAGES: dict[str, type[McapFile] | type[SqliteFile]] = {'.mcap': McapFile, '.db3': SqliteFile}


@dataclass(frozen=True)
class RecordingFiles:
    """
    The files of a recording.

    :param paths: in the order in which they were recorded
    :param announced: number of messages by topic, empty without metadata
    :param warnings: what is missing
    :param notes: what is odd
    """

    paths: tuple[Path, ...]
    announced: Mapping[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def is_bag(path: Path) -> bool:
    """Tell whether a path is a file or the folder of a rosbag2 recording."""
    if not path.is_dir():
        return _storage_suffix(path) in _STORAGES
    return (path / METADATA_FILE).is_file() or bool(_list_storage_files(path))


def find_files(path: Path) -> RecordingFiles:
    """
    Find the files of a recording.

    :raises StorageError: if a folder holds none, or those of several recordings
    """
    if not path.is_dir():
        return RecordingFiles((path,))
    metadata = _read_metadata(path / METADATA_FILE)
    if metadata is not None:
        return _announced_files(path, metadata)
    paths = _list_storage_files(path)
    if not paths:
        raise StorageError(f'{path} holds no file of a recording ({", ".join(_STORAGES)})')
    names = sorted({_split_name(each)[0] for each in paths})
    if len(names) > 1:
        raise StorageError(
            f'{path} has no readable {METADATA_FILE} and holds several recordings: name the file '
            f'of one of them, such as {paths[0].name}: {", ".join(names)}'
        )
    note = f'{path} has no readable {METADATA_FILE}: its recorder was stopped before it wrote one'
    return RecordingFiles(tuple(sorted(paths, key=_split_name)), notes=(note,))


def open_file(path: Path) -> StorageFile:
    """
    Open a file of a recording.

    :raises StorageError: if it is none
    """
    try:
        return _STORAGES[path.suffix.lower()](path)
    except OSError as error:
        raise StorageError(f'{path} cannot be opened: {error.strerror}') from error


def _storage_suffix(path: Path) -> str:
    """Return the suffix that tells the kind of storage, without that of a compressed file."""
    name = path.name.lower().removesuffix(PACKED_SUFFIX)
    return Path(name).suffix


def _list_storage_files(folder: Path) -> list[Path]:
    return [
        path
        for path in folder.iterdir()
        if _storage_suffix(path) in _STORAGES and not path.name.startswith('.')
    ]


def _split_name(path: Path) -> tuple[str, int]:
    """Return the name that the files of a recording share, and the number of the file."""
    stem = path.name.lower().removesuffix(PACKED_SUFFIX).rpartition('.')[0]
    found = re.fullmatch(r'(.*)_(\d+)', stem)
    return (stem, -1) if found is None else (found[1], int(found[2]))


def _read_metadata(path: Path) -> dict | None:
    """Return what the metadata say, ``None`` if there are none or a recorder did not end them."""
    try:
        content = yaml.safe_load(path.read_text(encoding='utf-8'))
        metadata = content['rosbag2_bagfile_information']
        return metadata if metadata['relative_file_paths'] else None
    except (OSError, ValueError, yaml.YAMLError, KeyError, TypeError):
        return None


def _announced_files(folder: Path, metadata: dict) -> RecordingFiles:
    paths = [folder / Path(str(name)).name for name in metadata['relative_file_paths']]
    there = tuple(path for path in paths if path.is_file())
    missing = [path.name for path in paths if not path.is_file()]
    if not there:
        raise StorageError(
            f'{folder} lacks all files that its {METADATA_FILE} names: {", ".join(missing)}; copy '
            'them, or `ros2 bag reindex` what is there'
        )
    warning = f'{folder} lacks {", ".join(missing)}, which its {METADATA_FILE} names'
    return RecordingFiles(there, _announced_counts(metadata), (warning,) if missing else ())


def _announced_counts(metadata: dict) -> Counter[str]:
    counts: Counter[str] = Counter()
    try:
        for topic in metadata['topics_with_message_count']:
            counts[str(topic['topic_metadata']['name'])] += int(topic['message_count'])
    except (KeyError, TypeError, ValueError):
        return Counter()
    return counts
