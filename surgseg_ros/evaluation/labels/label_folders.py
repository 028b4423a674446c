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

"""Folders of label images: which files count, and what their values mean."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from surgseg_ros.data.file_lists import is_hidden
from surgseg_ros.data.frame_source import natural_key
from surgseg_ros.data.label_decoding import FACTOR_REMEDY
from surgseg_ros.data.label_decoding import id_table
from surgseg_ros.data.label_decoding import ValueTable
from surgseg_ros.data.label_sets import BINARY
from surgseg_ros.data.label_sets import get_label_set
from surgseg_ros.data.label_sets import list_label_sets
from surgseg_ros.data.label_sets import UNLABELED
from surgseg_ros.data.layouts.base import find_child
from surgseg_ros.data.layouts.base import subfolders
from surgseg_ros.data.layouts.cropped_endovis import MASK_FORMATS
from surgseg_ros.data.layouts.cropped_endovis import MaskFormat

LABEL_SUFFIXES = ('.png', '.bmp', '.tif', '.tiff')
"""Of label images, in any case; other formats change values to save space."""

RELEASED_FOLDERS = {'sar_rarp50': MaskFormat('sar_rarp50', 'segmentation', 1)}
"""Mask folders within a video as released, beside those of the prepared layout."""

MOST_CLASSES = max(get_label_set(task).num_classes for task in list_label_sets())


class EvaluationError(ValueError):
    """Predictions and ground truth do not fit together; the message says where."""


@dataclass(frozen=True)
class LabelFolder:
    """
    The label images of a folder.

    :param flat: those that lie in no folder of a video, by stem
    :param videos: those of each video, by stem
    """

    flat: dict[str, Path]
    videos: dict[str, dict[str, Path]]

    def find(self, video: str, stem: str, may_be_flat: bool) -> Path | None:
        """
        Return the label image of a frame, if there is one.

        :param may_be_flat: there is one video only
        """
        flat = self.flat.get(stem) if may_be_flat else None
        return flat or self.videos.get(video, {}).get(stem)

    def __iter__(self) -> Iterator[Path]:
        """Return all files."""
        yield from self.flat.values()
        for files in self.videos.values():
            yield from files.values()


def index_labels(root: Path, task: str, what: str) -> LabelFolder:
    """
    List the label images of a folder and of the folders of videos in it.

    :param what: they are, for messages
    :raises EvaluationError: if there is no such folder, or two files differ in suffix only
    """
    if not root.is_dir():
        raise EvaluationError(f'{root} {missing(root)}; name the folder of {what}')
    videos = {}
    for video in subfolders(root):
        videos[video.name] = list_labels(video)
        for form in reversed(task_folders(task)):
            folder = find_child(video, form.folder)
            own = {} if folder is None else list_labels(folder)
            videos[video.name] = {**own, **videos[video.name]}
    return LabelFolder(list_labels(root), videos)


def missing(path: Path) -> str:
    """Return why a path is no folder, for messages."""
    return 'is a file' if path.exists() else 'does not exist'


def list_labels(folder: Path) -> dict[str, Path]:
    """
    Return the label images of a folder by stem, in natural order.

    :raises EvaluationError: if two differ in suffix only
    """
    labels: dict[str, Path] = {}
    for path in sorted(folder.iterdir(), key=natural_key):
        if path.suffix.lower() not in LABEL_SUFFIXES or is_hidden(path) or not path.is_file():
            continue
        if path.stem in labels:
            raise EvaluationError(
                f'{path}: {labels[path.stem].name} has the same name; remove one of them'
            )
        labels[path.stem] = path
    return labels


def task_folders(task: str) -> list[MaskFormat]:
    """Return the mask folders that a video may have for a task."""
    released = RELEASED_FOLDERS.get(task)
    return [MASK_FORMATS[task]] if released is None else [MASK_FORMATS[task], released]


def label_values(task: str, factor: int, option: str) -> ValueTable:
    """
    Return the decoder of label images to be scored.

    For ``binary`` the class ids may be those of any task.

    :param factor: the values are class ids times this; 255 is unlabeled unless it divides that
    :param option: that sets the factor, for messages
    """
    num_classes = MOST_CLASSES if task == BINARY else get_label_set(task).num_classes
    remedy = FACTOR_REMEDY.replace('--mask-factor', option)
    return id_table(range(num_classes), task, factor, remedy)


def check_factor(factor: int) -> None:
    """
    Check a mask factor.

    :raises EvaluationError: if it is not in 1 to 255
    """
    if not 1 <= factor <= UNLABELED:
        raise EvaluationError(f'mask factor {factor}: expected 1 to {UNLABELED}')
