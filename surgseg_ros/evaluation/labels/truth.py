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
The ground truth of a folder, whatever its layout.

It may lie in four ways, found by looking:

* ``<root>/<stem>.png``: one video, named like the folder
* ``<root>/<video>/<stem>.png``
* ``<root>/<video>/<folder of the task>/<stem>.png``, the prepared layout
  (:mod:`surgseg_ros.data.layouts.cropped_endovis`) with the factor of the task, or that of
  SAR-RARP50
* any other layout of :mod:`surgseg_ros.data.datasets`
"""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from surgseg_ros.data.datasets import open_dataset
from surgseg_ros.data.file_lists import is_hidden
from surgseg_ros.data.label_decoding import count_values
from surgseg_ros.data.label_decoding import mask_values
from surgseg_ros.data.label_sets import BINARY
from surgseg_ros.data.label_sets import get_label_set
from surgseg_ros.data.label_sets import UNLABELED
from surgseg_ros.data.layouts import image_mask_folder
from surgseg_ros.data.layouts.base import find_child
from surgseg_ros.data.layouts.base import is_image
from surgseg_ros.data.layouts.base import subfolders
from surgseg_ros.data.layouts.cropped_endovis import MASK_FORMATS
from surgseg_ros.data.samples import DatasetError
from surgseg_ros.data.samples import join_problems
from surgseg_ros.data.samples import LabelFiles
from surgseg_ros.data.samples import read_label_file
from surgseg_ros.data.samples import Sample
from surgseg_ros.evaluation.labels.label_folders import check_factor
from surgseg_ros.evaluation.labels.label_folders import EvaluationError
from surgseg_ros.evaluation.labels.label_folders import LABEL_SUFFIXES
from surgseg_ros.evaluation.labels.label_folders import label_values
from surgseg_ros.evaluation.labels.label_folders import list_labels
from surgseg_ros.evaluation.labels.label_folders import missing
from surgseg_ros.evaluation.labels.label_folders import task_folders
from surgseg_ros.reporting.accounts import LeftOut

MASK_NOTE = f'{UNLABELED} is instrument in the ground truth, which has no other value but 0'


@dataclass(frozen=True)
class TruthSource:
    """
    The ground truth of a frame.

    :param video: its video
    :param stem: name within the video
    :param read: returns (H, W) uint8 class ids; raises ValueError if it cannot
    """

    video: str
    stem: str
    read: Callable[[], np.ndarray]

    @property
    def name(self) -> str:
        """Return ``video/stem``."""
        return f'{self.video}/{self.stem}'


@dataclass(frozen=True)
class GroundTruth:
    """
    The ground truth of a folder.

    :param sources: by frame
    :param left_out: what lies there, too
    :param notes: how the files are understood, where that is no matter of course
    :param problems: one message for every file of a data set that does not fit
    """

    sources: list[TruthSource]
    left_out: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def find_truth(folder: Path, task: str, factor: int | None = None) -> GroundTruth:
    """
    List the ground truth of a folder in one of the layouts above.

    With task ``binary``, label images whose values nothing tells are read until a file does so:
    255 is unlabeled where class ids occur in any of them, else instrument.

    :param factor: the values in the files are class ids times this (default: that of the layout,
        which is 1 except in a folder of the task)
    :raises EvaluationError: if there is none, or a factor for a layout whose values are known
    :raises ValueError: if there is no such task
    """
    get_label_set(task)
    if factor is not None:
        check_factor(factor)
    if not folder.is_dir():
        raise EvaluationError(f'{folder} {missing(folder)}; name the folder of the ground truth')
    if list_labels(folder):
        return _truth_of_folders({folder.resolve().name: (folder, 1)}, task, factor, folder)
    folders = {
        video.name: found
        for video in subfolders(folder)
        if (found := _label_folder_of(video, task)) is not None
    }
    if image_mask_folder.is_layout(folder) or not folders:
        return _truth_of_dataset(folder, task, factor)
    return _truth_of_folders(folders, task, factor, folder)


def _label_folder_of(video: Path, task: str) -> tuple[Path, int] | None:
    """Return the folder with the label images of a video and the factor of their values."""
    own = ((find_child(video, form.folder), form.factor) for form in task_folders(task))
    for folder, factor in ((video, 1), *own):
        if folder is not None and list_labels(folder):
            return folder, factor
    return None


def _truth_of_folders(
    folders: dict[str, tuple[Path, int]], task: str, factor: int | None, root: Path
) -> GroundTruth:
    """
    Return the ground truth of folders of label images.

    :param folders: by video, with the factor of their values
    :param root: that holds them, or is the only one
    """
    files = {video: list_labels(folder) for video, (folder, _) in folders.items()}
    plain = [
        path
        for video, (_, own_factor) in folders.items()
        for path in files[video].values()
        if own_factor == 1
    ]
    is_mask = task == BINARY and factor is None and _are_masks(plain)
    sources = [
        _truth_file(video, path, task, factor or (UNLABELED if is_mask else own_factor))
        for video, (_, own_factor) in folders.items()
        for path in files[video].values()
    ]
    left_out = _left_out({folder for folder, _ in folders.values()}, folders, root)
    return GroundTruth(sources, left_out, (MASK_NOTE,) if is_mask else ())


def _left_out(used: set[Path], videos: Iterable[str], root: Path) -> tuple[LeftOut, ...]:
    """Return the files and folders beside the ground truth that may be some, too."""
    others = [
        str(path.relative_to(root))
        for folder in used
        for path in folder.iterdir()
        if is_image(path) and path.suffix.lower() not in LABEL_SUFFIXES and not is_hidden(path)
    ]
    known = {root / video for video in videos}
    folders = [path.name for path in subfolders(root) if path not in known]
    return (
        LeftOut(
            'images that are no label images (.png, .bmp, .tif)', tuple(others), is_loss=False
        ),
        LeftOut('folders without label images', tuple(folders), is_loss=False),
    )


def _are_masks(paths: Iterable[Path]) -> bool:
    """Tell whether 255 is the only value beside 0 in label images of task ``binary``."""
    has_masks = False
    for path in paths:
        try:
            counts = count_values(mask_values(read_label_file(path), 1))
        except ValueError:
            continue  # named when it is read to be scored
        if counts[1:UNLABELED].any():
            return False
        has_masks |= bool(counts[UNLABELED])
    return has_masks


def _truth_file(video: str, path: Path, task: str, factor: int) -> TruthSource:
    files = LabelFiles((path,), label_values(task, factor, '--mask-factor'))
    return TruthSource(video, path.stem, files.read)


def _truth_of_dataset(folder: Path, task: str, factor: int | None) -> GroundTruth:
    """Return the ground truth of a data set in another layout."""
    is_mask = False
    try:
        contents = open_dataset(folder, mask_factor=factor)
        if task == BINARY and factor is None and contents.layout == image_mask_folder.LAYOUT.name:
            is_mask = _are_masks(sample.labels[task].paths[0] for sample in contents.samples)
            contents = open_dataset(folder, mask_factor=UNLABELED if is_mask else 1)
    except DatasetError as error:
        raise EvaluationError(
            f'{folder} holds no label images ({", ".join(LABEL_SUFFIXES)}), neither itself, nor '
            f'in a folder a video, nor in their folders {MASK_FORMATS[task].folder}/, and is no '
            f'data set: {error}'
        ) from error
    sources = truth_of_samples(contents.samples, task)
    if not sources:
        reasons = f': {join_problems(contents.problems)}' if contents.problems else ''
        raise EvaluationError(f"the data set {folder} has no labels for task '{task}'{reasons}")
    unlabeled = tuple(s.name for s in contents.samples if task not in s.labels)
    return GroundTruth(
        sources,
        (
            LeftOut('problems of the data set', unnamed=len(contents.problems)),
            LeftOut('images without labels', (*unlabeled, *contents.unlabeled), is_loss=False),
        ),
        (MASK_NOTE,) if is_mask else (),
        contents.problems,
    )


def truth_of_samples(samples: Iterable[Sample], task: str) -> list[TruthSource]:
    """List the ground truth of samples of a data set; those without labels are left out."""
    return [
        TruthSource(sample.video, sample.stem, partial(sample.read_labels, task))
        for sample in samples
        if task in sample.labels
    ]


def choose_videos(
    sources: Sequence[TruthSource], videos: Sequence[str] | None
) -> list[TruthSource]:
    """
    Return the ground truth of some videos.

    :param videos: names; ``None``: all
    :raises EvaluationError: if there is no video of a name
    """
    if videos is None:
        return list(sources)
    names = dict.fromkeys(source.video for source in sources)
    unknown = [video for video in videos if video not in names]
    if unknown:
        raise EvaluationError(
            f'the ground truth has no video {", ".join(unknown)}; it has: {", ".join(names)}'
        )
    return [source for source in sources if source.video in videos]
