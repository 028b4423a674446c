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

"""Checks of samples: every image and label file is decoded, and all that fail are named."""

from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Lock

import numpy as np

from surgseg_ros.data.label_decoding import count_values
from surgseg_ros.data.label_decoding import decode_binary_mask
from surgseg_ros.data.label_decoding import mask_values
from surgseg_ros.data.label_sets import BINARY
from surgseg_ros.data.label_sets import get_label_set
from surgseg_ros.data.label_sets import LabelSet
from surgseg_ros.data.label_sets import UNLABELED
from surgseg_ros.data.parallel import default_workers
from surgseg_ros.data.parallel import map_in_threads
from surgseg_ros.data.samples import DatasetError
from surgseg_ros.data.samples import LabelFiles
from surgseg_ros.data.samples import read_label_file
from surgseg_ros.data.samples import Sample
from surgseg_ros.decoding.image_files import ImageFileError
from surgseg_ros.decoding.image_files import load_image

Demand = Callable[[str, np.ndarray], object]


@dataclass(frozen=True)
class Fault:
    """
    What is wrong with a sample.

    :param text: names the file and what is wrong with it
    """

    sample: Sample
    text: str


class LabelValues:
    """The class ids that occur in the labels of a data set."""

    def __init__(self) -> None:
        self._counts: dict[str, np.ndarray] = {}
        self._lock = Lock()

    def add(self, task: str, labels: np.ndarray) -> None:
        """
        Count the pixels of one image; threads may do so at once.

        :param labels: (H, W) uint8
        """
        counts = count_values(labels)
        with self._lock:
            self._counts[task] = self._counts.get(task, 0) + counts

    def list_doubts(self, root: Path) -> list[str]:
        """Return what is wrong with all labels of a task, though each image fits."""
        return [
            f'{root}: the labels of task {task!r} have no class but the background, and '
            f'{UNLABELED} for unlabeled ({counts[UNLABELED]} px); if {UNLABELED} is a class, give '
            '--mask-factor'
            for task, counts in self._counts.items()
            if counts[UNLABELED] and not counts[1:UNLABELED].any()
        ]


def check_samples(
    samples: Sequence[Sample], task: str | None, workers: int | None = None
) -> list[str]:
    """
    Return one message for every file at fault: unreadable, of a wrong size, with unknown values.

    :param task: whose labels are checked; ``None`` checks images only and opens no label file
    :param workers: threads (default: number of CPUs)
    :raises ValueError: if there is no such task
    """
    tasks = [] if task is None else [task]
    return [fault.text for fault in find_faults(samples, tasks, workers)]


def find_faults(
    samples: Sequence[Sample],
    tasks: Sequence[str],
    workers: int | None = None,
    demand: Demand | None = None,
) -> list[Fault]:
    """
    Check samples for several tasks, each image once.

    :param demand: called with every task and its (H, W) uint8 labels; raises ValueError if these
        do not do for a purpose
    :raises ValueError: if there is no such task
    """
    label_sets = [get_label_set(task) for task in tasks]
    meanings: dict[Path, bool] = {}
    found = map_in_threads(
        partial(_check, label_sets=label_sets, demand=demand, meanings=meanings),
        samples,
        workers or default_workers(),
        'check',
        'image',
    )
    faults = [fault for faults in found for fault in faults]
    return faults + _find_mixed_masks(samples, meanings)


def _find_mixed_masks(samples: Sequence[Sample], meanings: dict[Path, bool]) -> list[Fault]:
    """
    Return the binary masks in which 255 would be instrument, if it is unlabeled in others.

    :param meanings: of the masks with a value above 0, whether 1 occurs
    """
    ids = next((path for path, has_ids in meanings.items() if has_ids), None)
    if ids is None:
        return []
    return [
        Fault(
            sample,
            f'{path}: has {UNLABELED} but no 1, and {ids.name} has class ids; {UNLABELED} may be '
            'instrument or unlabeled, so save all masks alike',
        )
        for sample in samples
        if (path := _binary_mask_of(sample)) is not None and meanings.get(path) is False
    ]


def _binary_mask_of(sample: Sample) -> Path | None:
    """Return the file of a binary mask whose values tell what 255 means."""
    files = sample.labels.get(BINARY)
    return files.paths[0] if files is not None and files.decode is decode_binary_mask else None


def _check(
    sample: Sample,
    label_sets: list[LabelSet],
    demand: Demand | None,
    meanings: dict[Path, bool],
) -> list[Fault]:
    """Return what is wrong with the image and the labels of a sample, see _find_mixed_masks()."""
    size: tuple[int, ...] | None = None
    try:
        size = load_image(sample.image).shape[:2]
        image_faults = _check_crop(sample, size)
    except ImageFileError as error:
        image_faults = [str(error)]
    texts = image_faults + [
        text
        for label_set in label_sets
        for text in _check_labels(sample, label_set, size, demand, meanings)
    ]
    return [Fault(sample, text) for text in dict.fromkeys(texts)]


def _check_crop(sample: Sample, size: tuple[int, ...]) -> list[str]:
    if sample.crop is None:
        return []
    x, y, width, height = sample.crop
    if y + height <= size[0] and x + width <= size[1]:
        return []
    return [
        f'{sample.image} is {size[1]}x{size[0]}, too small for the cut of {width}x{height} at '
        f'({x}, {y})'
    ]


def _check_labels(
    sample: Sample,
    label_set: LabelSet,
    size: tuple[int, ...] | None,
    demand: Demand | None,
    meanings: dict[Path, bool],
) -> list[str]:
    """
    Return what is wrong with the labels of one task.

    :param size: (H, W) of the image if that is known
    """
    files = sample.labels.get(label_set.name)
    if files is None:
        return [f"{sample.image} has no labels for task '{label_set.name}'"]
    images, texts = _read_label_files(files, size)
    if texts:
        return texts
    try:
        labels = files.decode(images)
    except ValueError as error:
        return _blame(files, images, error)
    if label_set.name == BINARY and files.decode is decode_binary_mask and labels.any():
        meanings[files.paths[0]] = bool((mask_values(images[0], 1) == 1).any())
    names = ', '.join(map(str, files.paths))
    beyond = np.unique(labels[(labels >= label_set.num_classes) & (labels != UNLABELED)])
    if len(beyond):
        return [
            f"{names} has values {', '.join(map(str, beyond))}; task '{label_set.name}' has "
            f'classes 0 to {label_set.num_classes - 1}'
        ]
    try:
        if demand is not None:
            demand(label_set.name, labels)
    except ValueError as error:
        return [f'{names}: {error}']
    return []


def _read_label_files(
    files: LabelFiles, size: tuple[int, ...] | None
) -> tuple[list[np.ndarray], list[str]]:
    """Return the pixels of label files, and what is wrong with files, each one named."""
    images: list[np.ndarray] = []
    texts: list[str] = []
    for path in files.paths:
        try:
            images.append(read_label_file(path, files.are_colors))
        except DatasetError as error:
            texts.append(str(error))
            continue
        height, width = images[-1].shape[:2]
        if size is not None and (height, width) != size:
            texts.append(f'{path} is {width}x{height}, but its image is {size[1]}x{size[0]}')
    return images, texts


def _blame(files: LabelFiles, images: list[np.ndarray], error: ValueError) -> list[str]:
    """Return which of the files cannot be decoded, each alone; all of them if each alone can."""
    texts = []
    for path, image in zip(files.paths, images, strict=True):
        try:
            files.decode([image])
        except ValueError as own_error:
            texts.append(f'{path}: {own_error}')
    return texts or [f'{", ".join(map(str, files.paths))}: {error}']
