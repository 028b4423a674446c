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
Files of true and predicted label images that belong together.

Ground truth may lie in four ways, found by looking:

* ``<root>/<stem>.png``: one video, named like the folder
* ``<root>/<video>/<stem>.png``
* ``<root>/<video>/<folder of the task>/<stem>.png``, the prepared layout
  (:mod:`surgseg_ros.data.layouts.cropped_endovis`) with the factor of the task, or that of
  SAR-RARP50
* any other layout of :mod:`surgseg_ros.data.datasets`

Predictions and masks to ignore lie likewise; for a single video they may lie flat, too.
"""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from surgseg_ros.data.datasets import open_dataset
from surgseg_ros.data.label_sets import get_label_set
from surgseg_ros.data.label_sets import UNLABELED
from surgseg_ros.data.layouts import image_mask_folder
from surgseg_ros.data.layouts.cropped_endovis import MASK_FORMATS
from surgseg_ros.data.layouts.cropped_endovis import MaskFormat
from surgseg_ros.data.samples import DatasetError
from surgseg_ros.data.samples import Sample
from surgseg_ros.evaluation.labels.scores import BINARY
from surgseg_ros.evaluation.labels.scores import LabeledFrame

RELEASED_FOLDERS = {'sar_rarp50': MaskFormat('sar_rarp50', 'segmentation', 1)}
"""Mask folders within a video as released, beside those of the prepared layout."""
IMAGE_FOLDERS = ('images', 'rgb', 'left_frames')
_IMAGE_SUFFIXES = ('.png', '.jpg', '.jpeg')


class EvaluationError(ValueError):
    """Predictions and ground truth do not fit together; the message says where."""


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


def find_truth(folder: Path, task: str, factor: int | None = None) -> list[TruthSource]:
    """
    List the ground truth of a folder in one of the layouts above.

    :param factor: the values in the files are class ids times this (default: that of the layout,
        which is 1 except in a folder of the task)
    :raises EvaluationError: if there is none
    :raises ValueError: if there is no such task
    """
    get_label_set(task)
    if factor is not None:
        check_factor(factor)
    flat = _label_files(folder)
    if flat:
        name = folder.resolve().name
        return [_truth_file(name, path, factor or 1) for path in flat]
    if image_mask_folder.is_layout(folder):
        return _truth_of_dataset(folder, task)
    sources = []
    for video in sorted(path for path in folder.glob('*') if path.is_dir()):
        files, own_factor = _label_files_of(video, task)
        sources += [_truth_file(video.name, path, factor or own_factor) for path in files]
    return sources or _truth_of_dataset(folder, task)


def _forms(task: str) -> list[MaskFormat]:
    """Return the mask folders that a video may have for a task."""
    released = RELEASED_FOLDERS.get(task)
    return [MASK_FORMATS[task]] if released is None else [MASK_FORMATS[task], released]


def _label_files_of(video: Path, task: str) -> tuple[list[Path], int]:
    """Return the label images of a video's folder and the factor of their values."""
    own = ((video / form.folder, form.factor) for form in _forms(task))
    for folder, factor in ((video, 1), *own):
        files = _label_files(folder)
        if files:
            return files, factor
    return [], 1


def _truth_of_dataset(folder: Path, task: str) -> list[TruthSource]:
    """Return the ground truth of a data set in another layout."""
    try:
        sources = truth_of_samples(open_dataset(folder).samples, task)
    except DatasetError as error:
        raise EvaluationError(
            f'{folder} holds no label images (*.png), neither itself, nor in a folder a video, '
            f'nor in their folders {MASK_FORMATS[task].folder}/, and is no data set: {error}'
        ) from error
    if not sources:
        raise EvaluationError(f"the data set {folder} has no labels for task '{task}'")
    return sources


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


@dataclass(frozen=True)
class LabelPairs:
    """
    Ground truth and the predictions for it.

    :param sources: ground truth
    :param predictions: folder of label images, see the module
    :param task: label set
    :param ignore: folder of images whose non-zero pixels do not count, see the module
    :param prediction_factor: the values of the predictions are class ids times this
    :param zero_missing: a missing prediction scores 0 instead of being an error
    """

    sources: list[TruthSource]
    predictions: Path
    task: str
    ignore: Path | None = None
    prediction_factor: int = 1
    zero_missing: bool = False

    @cached_property
    def _is_single_video(self) -> bool:
        return len({source.video for source in self.sources}) == 1

    def frames(self) -> Iterator[LabeledFrame]:
        """
        Yield the frames while all is well; from the first fault on, only look for more.

        :raises EvaluationError: at the end, it lists every missing prediction, wrong size, unknown
            value and unreadable file
        """
        problems: list[str] = []
        is_complete = not self._lacks_predictions()
        shows_instruments = has_unlabeled = False
        for source in self.sources:
            try:
                frame = self.read(source)
            except EvaluationError as error:
                problems.append(str(error))
                continue
            values = np.bincount(frame.truth.reshape(-1), minlength=UNLABELED + 1)
            shows_instruments |= bool(values[1:UNLABELED].any())
            has_unlabeled |= bool(values[UNLABELED])
            if is_complete and not problems:
                yield frame
        if self.ignore is None and has_unlabeled and not shows_instruments:
            problems.append(
                'the ground truth has no value but 0 and 255, and 255 means that a pixel does not '
                'count; if it means instrument here, give --mask-factor 255'
            )
        if not is_complete:
            problems.append(
                'segment the frames without prediction with `surgseg predict` first, or let them '
                'score 0 with --missing zero'
            )
        if problems:
            raise EvaluationError('\n'.join(problems))

    def read(self, source: TruthSource) -> LabeledFrame:
        """
        Read a frame.

        :raises EvaluationError: if its prediction is missing or does not fit
        """
        try:
            truth = source.read()
        except DatasetError as error:
            raise EvaluationError(str(error)) from error
        path = self._find(self.predictions, source)
        prediction = None
        if path is not None:
            prediction = _read_labels(path, self.prediction_factor)
            _check_size(path, prediction, truth)
        elif not self.zero_missing:
            raise EvaluationError(f'{source.name}.png has no prediction in {self.predictions}')
        ignored = None if self.ignore is None else self._find(self.ignore, source)
        if ignored is not None:
            mask = _read_labels(ignored)
            _check_size(ignored, mask, truth)
            truth = np.where(mask > 0, np.uint8(UNLABELED), truth)
        _check_classes(source.name, truth, prediction, self.task)
        return LabeledFrame(source.video, source.stem, truth, prediction)

    def _lacks_predictions(self) -> bool:
        return not self.zero_missing and any(
            self._find(self.predictions, source) is None for source in self.sources
        )

    def _find(self, root: Path, source: TruthSource) -> Path | None:
        video = root / source.video
        folders = [video, *(video / form.folder for form in _forms(self.task))]
        if self._is_single_video:
            folders.insert(0, root)
        return _first_file(folders, source.stem, ('.png',))


def find_image(root: Path, source: TruthSource) -> Path | None:
    """Return the image of a frame: flat, in a folder a video, or in a folder within that."""
    folders = [root / source.video]
    folders += [root / source.video / name for name in IMAGE_FOLDERS]
    return _first_file([*folders, root], source.stem, _IMAGE_SUFFIXES)


def check_factor(factor: int) -> None:
    """
    Check a mask factor.

    :raises EvaluationError: if it is not in 1 to 255
    """
    if not 1 <= factor <= UNLABELED:
        raise EvaluationError(f'mask factor {factor}: expected 1 to {UNLABELED}')


def _first_file(folders: list[Path], stem: str, suffixes: tuple[str, ...]) -> Path | None:
    paths = (folder / f'{stem}{suffix}' for folder in folders for suffix in suffixes)
    return next((path for path in paths if path.is_file()), None)


def _label_files(folder: Path) -> list[Path]:
    return sorted(folder.glob('*.png'))


def _truth_file(video: str, path: Path, factor: int) -> TruthSource:
    return TruthSource(video, path.stem, partial(_read_labels, path, factor))


def _read_labels(path: Path, factor: int = 1) -> np.ndarray:
    """Return (H, W) uint8; 255 stays 255 unless the factor divides it."""
    labels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if labels is None or labels.dtype != np.uint8:
        raise EvaluationError(f'{path} is not a readable 8-bit label image')
    # Some data sets store the same label in all three channels.
    labels = labels if labels.ndim == 2 else np.ascontiguousarray(labels[..., 0])
    if factor == 1:
        return labels
    table = _division_table(factor)
    strange = np.setdiff1d(np.unique(labels), np.flatnonzero(table >= 0))
    if strange.size:
        raise EvaluationError(
            f'{path} has the values {_join(strange)}, which are no multiples of {factor}; is the '
            'mask factor right?'
        )
    return table.astype(np.uint8)[labels]


def _division_table(factor: int) -> np.ndarray:
    """Return the class id of every value, -1 for those that are no multiple."""
    values = np.arange(UNLABELED + 1)
    table = np.where(values % factor == 0, values // factor, -1)
    if UNLABELED % factor:
        table[UNLABELED] = UNLABELED
    return table


def _check_size(path: Path, labels: np.ndarray, truth: np.ndarray) -> None:
    if truth.shape != labels.shape:
        raise EvaluationError(
            f'{path} is {labels.shape[1]}x{labels.shape[0]} but its ground '
            f'truth is {truth.shape[1]}x{truth.shape[0]}'
        )


def _check_classes(name: str, truth: np.ndarray, prediction: np.ndarray | None, task: str) -> None:
    if task == BINARY:
        return
    num_classes = get_label_set(task).num_classes
    is_known = truth != UNLABELED
    for kind, labels in (('true', truth), ('predicted', prediction)):
        if labels is None:
            continue
        strange = np.unique(labels[is_known & (labels >= num_classes)])
        if strange.size:
            raise EvaluationError(
                f'{name}: {kind} class {_join(strange)} does not exist, there are {num_classes}; '
                f'is the task {task!r} right, and the mask factor?'
            )


def _join(values: np.ndarray) -> str:
    return ', '.join(map(str, values))
