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

"""EndoVis 2017 as downloaded: archives such as ``instrument_1_4_training.zip``."""

from pathlib import Path
import re
import shutil
import zipfile

from tqdm import tqdm

from surgseg_ros.data.samples import DatasetError

NEEDED = re.compile(
    r'(?:.*/)?(instrument_dataset_\d+)/(left_frames|ground_truth|BinarySegmentation|'
    r'PartsSegmentation|TypeSegmentation)/((?:[^/]+/)?[^/]+)'
)


def find_archives(path: Path) -> list[Path]:
    """Return the archives of a folder, or the file itself, that hold videos of EndoVis 2017."""
    candidates = sorted(path.glob('*.zip')) if path.is_dir() else [path]
    return [file for file in candidates if zipfile.is_zipfile(file) and _has_videos(file)]


def _has_videos(archive: Path) -> bool:
    with zipfile.ZipFile(archive) as content:
        return any(NEEDED.fullmatch(name) for name in content.namelist())


def unpack(archives: list[Path], folder: Path) -> None:
    """
    Unpack what the data set needs of archives; complete files of an earlier call are kept.

    :param folder: gets ``<archive>/instrument_dataset_<n>/...``
    :raises DatasetError: if an archive is damaged
    """
    for archive in archives:
        try:
            _unpack_archive(archive, folder / archive.stem)
        except zipfile.BadZipFile as error:
            raise DatasetError(f'{archive} is damaged ({error}); download it again') from error


def _unpack_archive(archive: Path, folder: Path) -> None:
    with zipfile.ZipFile(archive) as content:
        for member in tqdm(content.infolist(), unit='file', desc=archive.name):
            target = _target(member, folder)
            if target is not None:
                _unpack_member(content, member, target)


def _target(member: zipfile.ZipInfo, folder: Path) -> Path | None:
    """Return where to put a member, ``None`` if it is not needed."""
    name = NEEDED.fullmatch(member.filename)
    if name is None or member.is_dir() or '..' in Path(name[3]).parts:
        return None
    return folder / name[1] / name[2] / name[3]


def _unpack_member(content: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> None:
    # Nothing else writes here, so a file of the right size is a complete one.
    if target.is_file() and target.stat().st_size == member.file_size:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with content.open(member) as source, target.open('wb') as file:
        shutil.copyfileobj(source, file)
