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
EndoVis 2017 as downloaded: archives such as ``instrument_1_4_training.zip``.

Frames and labels of the test set are in archives of their own. Archives inside archives, and
folders around the videos, are no obstacle.
"""

from pathlib import Path
from pathlib import PurePosixPath
import shutil
import zipfile
import zlib

from tqdm import tqdm

from surgseg_ros.data.file_lists import is_hidden
from surgseg_ros.data.layouts.base import find_folders
from surgseg_ros.data.layouts.base import is_image
from surgseg_ros.data.layouts.base import subfolders
from surgseg_ros.data.layouts.endovis2017 import UNREAD_FOLDERS
from surgseg_ros.data.layouts.endovis2017 import VIDEO_NAME
from surgseg_ros.data.samples import DatasetError

ARCHIVE_SUFFIX = '.zip'
DEPTH = 2


def find_archives(path: Path) -> list[Path]:
    """
    Return the archives of a folder, or the file itself, that add to videos of EndoVis 2017.

    Those that hold nothing but what lies unpacked beside them are left out.
    """
    candidates = _list_archives(path, DEPTH) if path.is_dir() else [path]
    unpacked = _list_unpacked(path) if candidates and path.is_dir() else set()
    return [file for file in candidates if zipfile.is_zipfile(file) and _adds(file, unpacked)]


def _list_archives(folder: Path, depth: int) -> list[Path]:
    files = sorted(path for path in folder.iterdir() if _is_archive(path) and path.is_file())
    inside = subfolders(folder) if depth else []
    return files + [path for each in inside for path in _list_archives(each, depth - 1)]


def _is_archive(path: Path) -> bool:
    return path.suffix.lower() == ARCHIVE_SUFFIX and not is_hidden(path)


def _list_unpacked(folder: Path) -> set[tuple[str, ...]]:
    """Return the keys of the images of all videos below a folder."""
    return {
        _key(video.name, path)
        for video in find_folders(folder, VIDEO_NAME)
        for path in video.rglob('*')
        if is_image(path)
    }


def _adds(archive: Path, unpacked: set[tuple[str, ...]]) -> bool:
    with zipfile.ZipFile(archive) as content:
        for member in content.infolist():
            parts = _needed_parts(member)
            if parts and _key(parts[1], PurePosixPath(*parts)) not in unpacked:
                return True
            if _is_archive(Path(member.filename)):
                return True
    return False


def _key(video: str, path: Path | PurePosixPath) -> tuple[str, ...]:
    """Return what tells an image of a video from others, wherever the folders of both lie."""
    return video.lower(), path.parent.name.lower(), path.name.lower()


def unpack(archives: list[Path], root: Path, folder: Path) -> None:
    """
    Unpack what the data set needs of archives; complete files of an earlier call are kept.

    :param root: folder of the archives, or the only one
    :param folder: gets ``<archive>/<folder around the video>/instrument_dataset_<n>/...``
    :raises DatasetError: if an archive is damaged
    """
    for archive in archives:
        name = archive.relative_to(root) if archive != root else Path(archive.name)
        _unpack_archive(archive, folder / name.with_suffix(''))


def _unpack_archive(archive: Path, folder: Path) -> None:
    try:
        with zipfile.ZipFile(archive) as content:
            for member in tqdm(content.infolist(), unit='file', desc=archive.name):
                parts = _needed_parts(member)
                if parts:
                    _unpack_member(content, member, folder.joinpath(*parts))
                elif _is_archive(Path(member.filename)):
                    _unpack_nested(content, member, folder)
    except (zipfile.BadZipFile, zlib.error) as error:
        raise DatasetError(f'{archive} is damaged ({error}); download it again') from error


def _unpack_nested(content: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path) -> None:
    """Unpack an archive that lies in another one."""
    file = folder / Path(member.filename).name
    _unpack_member(content, member, file)
    if zipfile.is_zipfile(file):
        _unpack_archive(file, folder / file.stem)
    file.unlink()


def _needed_parts(member: zipfile.ZipInfo) -> tuple[str, ...]:
    """
    Return where to put a member, nothing if it is not needed.

    :return: one folder that stands for all around the video, the video, and what is in it
    """
    path = PurePosixPath(member.filename)
    parts = path.parts
    hidden = any(is_hidden(Path(part)) for part in parts)
    if member.is_dir() or path.is_absolute() or hidden or not is_image(Path(path)):
        return ()
    for index, part in enumerate(parts[:-2]):
        if VIDEO_NAME.fullmatch(part):
            is_unread = parts[index + 1].lower() in UNREAD_FOLDERS
            return () if is_unread else ('_'.join(('in', *parts[:index])), *parts[index:])
    return ()


def _unpack_member(content: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> None:
    # Nothing else writes here, so a file of the right size is a complete one.
    if target.is_file() and target.stat().st_size == member.file_size:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with content.open(member) as source, target.open('wb') as file:
        shutil.copyfileobj(source, file)
