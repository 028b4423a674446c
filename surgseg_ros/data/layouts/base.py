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

"""What a reader of a layout offers, and the files and folders that readers look for."""

from collections import Counter
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
import os
from pathlib import Path
import re

from surgseg_ros.data.file_lists import is_hidden
from surgseg_ros.data.frame_source import IMAGE_SUFFIXES
from surgseg_ros.data.frame_source import natural_key
from surgseg_ros.data.samples import Crop
from surgseg_ros.data.samples import Sample
from surgseg_ros.decoding.image_files import read_size

DA_VINCI_FRAME_SIZE = (1920, 1080)
DA_VINCI_CROP: Crop = (320, 28, 1280, 1024)
"""x, y, width, height of the picture in a full HD frame of the da Vinci, between its borders."""

MAX_DEPTH = 5


@dataclass
class Listing:
    """
    What a reader found.

    :param samples: images with the labels that fit them
    :param problems: one message for every file or folder that does not fit
    :param unlabeled: names of images that are left out on purpose, as others have labels
    """

    samples: list[Sample] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    unlabeled: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Layout:
    """
    One way in which a data set lies on disk.

    :param name: of the option ``--layout``
    :param needs: the files that make a folder one of this layout, for messages
    :param is_layout: tell whether a folder is one, by the names in it
    :param list_samples: list its samples; opens no label file
    """

    name: str
    needs: str
    is_layout: Callable[[Path], bool]
    list_samples: Callable[[Path], Listing]


def subfolders(folder: Path) -> list[Path]:
    """Return the visible folders inside a folder in natural order."""
    with os.scandir(folder) as entries:
        found = [Path(entry.path) for entry in entries if entry.is_dir()]
    return sorted((path for path in found if not is_hidden(path)), key=natural_key)


def find_child(folder: Path, *names: str) -> Path | None:
    """Return the first of the names that is a folder inside a folder, in any case."""
    present = {path.name.lower(): path for path in subfolders(folder)}
    found = (present.get(name.lower()) for name in names)
    return next((path for path in found if path is not None), None)


def holds_images(folder: Path) -> bool:
    """Tell whether there are images in a folder or below it."""
    return next(list_images(folder), None) is not None


def list_images(folder: Path, passed_over: Collection[str] = ()) -> Iterator[Path]:
    """
    Yield the images in a folder and below it.

    :param passed_over: names of folders, in lower case
    """
    with os.scandir(folder) as entries:
        names = sorted((entry.name, entry.is_dir()) for entry in entries)
    for name, is_folder in names:
        path = folder / name
        if is_hidden(path):
            continue
        if is_folder and name.lower() not in passed_over:
            yield from list_images(path, passed_over)
        elif not is_folder and is_image(path):
            yield path


def is_image(path: Path) -> bool:
    """Tell whether a file is an image by its suffix, in any case."""
    return path.suffix.lower() in IMAGE_SUFFIXES


def report_unknown_folders(
    folder: Path, known: Iterable[str], passed_over: Iterable[str], problems: list[str]
) -> None:
    """
    Tell ``problems`` about folders that may hold labels, and are not understood.

    :param known: names that are read, in any case
    :param passed_over: names that are not read and no problem
    """
    expected = {name.lower() for name in (*known, *passed_over)}
    problems.extend(
        f'{path}: unknown folder with images; known are {", ".join(known)}; rename it, or take '
        'it out if it holds no labels'
        for path in subfolders(folder)
        if path.name.lower() not in expected and holds_images(path)
    )


def find_folders(root: Path, pattern: re.Pattern[str], depth: int = MAX_DEPTH) -> list[Path]:
    """Return the folders whose whole name matches, the root itself or up to ``depth`` below it."""
    if pattern.fullmatch(root.resolve().name):
        return [root]
    if depth == 0:
        return []
    return [
        found for folder in subfolders(root) for found in find_folders(folder, pattern, depth - 1)
    ]


def index_images(folder: Path, problems: list[str]) -> dict[str, Path]:
    """
    Return the image files of a folder by stem in natural order; nothing if it does not exist.

    Hidden files and those of the system (:mod:`surgseg_ros.data.file_lists`) are passed over.

    :param problems: is told about other files, and about images that differ in suffix only
    """
    images: dict[str, Path] = {}
    if not folder.is_dir():
        return images
    for path in sorted(folder.iterdir(), key=natural_key):
        if is_hidden(path):
            continue
        if path.is_dir() or not is_image(path):
            problems.append(f'{path}: not expected here; {folder.name}/ holds images only')
        elif path.stem in images:
            problems.append(f'{path}: {images[path.stem].name} has the same name; remove one')
        else:
            images[path.stem] = path
    return images


def unique_names(folders: Iterable[Path], problems: list[str]) -> list[Path]:
    """Return the first folder of every name; ``problems`` is told about the others."""
    first: dict[str, Path] = {}
    for folder in folders:
        name = folder.resolve().name.lower()
        if name in first:
            problems.append(
                f'{folder}: {first[name]} has the same name; open training and test data one by '
                'one, or rename one of the folders'
            )
        first.setdefault(name, folder)
    return list(first.values())


def join_by_name(
    folders: Iterable[Path], problems: list[str]
) -> Iterator[tuple[Path, list[Path]]]:
    """
    Yield each video with frames, and the folders of its name elsewhere that may have its labels.

    Labels of test sets are released after their frames, in an archive of their own.

    :param folders: of videos, each with frames in ``left_frames`` or not
    :param problems: is told about videos of equal names, and about labels without frames
    """
    videos: list[Path] = []
    others: dict[str, list[Path]] = {}
    for folder in folders:
        if find_child(folder, 'left_frames'):
            videos.append(folder)
        else:
            others.setdefault(folder.resolve().name.lower(), []).append(folder)
    for video in unique_names(videos, problems):
        yield video, others.pop(video.resolve().name.lower(), [])
    problems.extend(
        f'{folder}: has no left_frames/, nor has another folder of this name; put the one with '
        'the frames of this video beside it'
        for left in others.values()
        for folder in left
    )


def uniform_frames(
    images: Mapping[str, Path], problems: list[str]
) -> tuple[dict[str, Path], Crop | None]:
    """
    Return the frames that have the size of most frames of their video, and where to crop them.

    :param images: frames of one video by stem
    :param problems: is told about frames of another size; unreadable ones are left to the checks
    :return: frames; the part inside the black border if they are full HD
    """
    sizes = {stem: read_size(path) for stem, path in images.items()}
    counts = Counter(size for size in sizes.values() if size is not None)
    if not counts:
        return dict(images), None
    common = counts.most_common(1)[0][0]
    odd = {stem: size for stem, size in sizes.items() if size is not None and size != common}
    problems.extend(
        f'{images[stem]}: is {width}x{height}, most frames of its video are '
        f'{common[0]}x{common[1]}'
        for stem, (width, height) in odd.items()
    )
    crop = DA_VINCI_CROP if common == DA_VINCI_FRAME_SIZE else None
    return {stem: path for stem, path in images.items() if stem not in odd}, crop
