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

Predictions and masks to ignore lie like the ground truth (:mod:`.truth`), in folders of videos;
for a single video they may lie flat, too.
"""

from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
import glob
from pathlib import Path

import numpy as np

from surgseg_ros.data.file_lists import is_hidden
from surgseg_ros.data.label_decoding import count_values
from surgseg_ros.data.label_decoding import decode_foreground
from surgseg_ros.data.label_sets import UNLABELED
from surgseg_ros.data.layouts.base import find_child
from surgseg_ros.data.layouts.base import is_image
from surgseg_ros.data.samples import DatasetError
from surgseg_ros.data.samples import join_problems
from surgseg_ros.data.samples import LabelFiles
from surgseg_ros.evaluation.labels.label_folders import EvaluationError
from surgseg_ros.evaluation.labels.label_folders import index_labels
from surgseg_ros.evaluation.labels.label_folders import label_values
from surgseg_ros.evaluation.labels.label_folders import LabelFolder
from surgseg_ros.evaluation.labels.scores import BINARY
from surgseg_ros.evaluation.labels.scores import LabeledFrame
from surgseg_ros.evaluation.labels.truth import TruthSource
from surgseg_ros.reporting.accounts import shorten_names

IMAGE_FOLDERS = ('images', 'rgb', 'left_frames')


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
    :param others: ground truth that is not to be scored, and may have files in the folders, too
    """

    sources: list[TruthSource]
    predictions: Path
    task: str
    ignore: Path | None = None
    prediction_factor: int = 1
    zero_missing: bool = False
    others: tuple[TruthSource, ...] = ()

    @cached_property
    def _is_single_video(self) -> bool:
        return len({source.video for source in self.sources}) == 1

    @cached_property
    def _predicted(self) -> LabelFolder:
        return index_labels(self.predictions, self.task, 'the predictions')

    @cached_property
    def _ignored(self) -> LabelFolder | None:
        if self.ignore is None:
            return None
        return index_labels(self.ignore, self.task, 'the masks to ignore')

    def frames(self) -> Iterator[LabeledFrame]:
        """
        Yield the frames while all is well; from the first fault on, only look for more.

        :raises EvaluationError: at once if a folder is missing or a mask to ignore fits no frame;
            at the end, it names missing predictions, wrong sizes, unknown values and
            unreadable files
        """
        self._check_ignored()
        problems: list[str] = []
        is_complete = self.zero_missing or not any(
            self._find(self._predicted, source) is None for source in self.sources
        )
        shows_instruments = has_unlabeled = False
        for source in self.sources:
            try:
                frame = self.read(source)
            except EvaluationError as error:
                problems.append(str(error))
                continue
            if not shows_instruments:
                values = count_values(frame.truth)
                shows_instruments = bool(values[1:UNLABELED].any())
                has_unlabeled |= bool(values[UNLABELED])
            if is_complete and not problems:
                yield frame
        if self.ignore is None and has_unlabeled and not shows_instruments:
            problems.append(
                'the ground truth has no value but 0 and 255, and 255 means that a pixel does not '
                'count; if it is a class here, give --mask-factor'
            )
        if problems:
            raise EvaluationError(_describe(problems, is_complete))

    def read(self, source: TruthSource) -> LabeledFrame:
        """
        Read a frame.

        :raises EvaluationError: if its prediction is missing or does not fit
        """
        try:
            return self._read(source)
        except DatasetError as error:
            raise EvaluationError(str(error)) from error

    def unused_predictions(self) -> list[str]:
        """Return the files of the predictions that belong to no ground truth."""
        return self._unmatched(self._predicted, self.predictions)

    def _read(self, source: TruthSource) -> LabeledFrame:
        truth = source.read()
        path = self._find(self._predicted, source)
        if path is None and not self.zero_missing:
            raise EvaluationError(f'{source.name}.png has no prediction in {self.predictions}')
        prediction = None if path is None else self._read_prediction(path, truth)
        ignored = None if self._ignored is None else self._find(self._ignored, source)
        if ignored is not None:
            mask = LabelFiles((ignored,), decode_foreground).read()
            _check_size(ignored, mask, truth)
            truth = np.where(mask > 0, np.uint8(UNLABELED), truth)
        return LabeledFrame(source.video, source.stem, truth, prediction)

    def _read_prediction(self, path: Path, truth: np.ndarray) -> np.ndarray:
        """Return (H, W) uint8 class ids; where the truth is known, 255 is none."""
        decode = label_values(self.task, self.prediction_factor, '--prediction-factor')
        labels = LabelFiles((path,), decode).read()
        _check_size(path, labels, truth)
        if labels.max(initial=0) < UNLABELED:
            return labels
        if self.task == BINARY and not count_values(labels)[1:UNLABELED].any():
            return labels // np.uint8(UNLABELED)
        lost = np.count_nonzero((labels == UNLABELED) & (truth != UNLABELED))
        if lost:
            raise EvaluationError(
                f'{path}: has the value {UNLABELED} ({lost} px), which is no class of task '
                f"'{self.task}'; if its values are class ids times N, give --prediction-factor N"
            )
        return labels

    def _check_ignored(self) -> None:
        if self.ignore is None or self._ignored is None:
            return
        unused = self._unmatched(self._ignored, self.ignore)
        if unused or not list(self._ignored):
            why = f'{len(unused)} masks that fit no frame: {shorten_names(unused)}'
            raise EvaluationError(
                f'--ignore: {self.ignore} has {why if unused else "no masks"}; they are '
                'found by the names of the ground truth, so rename them or take them out'
            )

    def _unmatched(self, folder: LabelFolder, root: Path) -> list[str]:
        """Return the files of a folder that belong to no ground truth, relative to it."""
        used = {self._find(folder, source) for source in (*self.sources, *self.others)}
        return [str(path.relative_to(root)) for path in folder if path not in used]

    def _find(self, folder: LabelFolder, source: TruthSource) -> Path | None:
        return folder.find(source.video, source.stem, self._is_single_video)


def _describe(problems: Sequence[str], is_complete: bool) -> str:
    """Return the faults of the files in one line, and the remedy."""
    found = join_problems(problems)
    if is_complete:
        return found
    return (
        f'{found}; segment the frames without prediction with `surgseg predict` first, or let '
        'them score 0 with --missing zero'
    )


def find_image(root: Path, source: TruthSource) -> Path | None:
    """Return the image of a frame: flat, in a folder a video, or in a folder within that."""
    video = root / source.video
    inside = [find_child(video, name) for name in IMAGE_FOLDERS] if video.is_dir() else []
    for folder in (video, *inside, root):
        if folder is None or not folder.is_dir():
            continue
        for path in sorted(folder.glob(f'{glob.escape(source.stem)}.*')):
            if path.stem == source.stem and is_image(path) and not is_hidden(path):
                return path
    return None


def _check_size(path: Path, labels: np.ndarray, truth: np.ndarray) -> None:
    if truth.shape != labels.shape:
        raise EvaluationError(
            f'{path} is {labels.shape[1]}x{labels.shape[0]} but its ground '
            f'truth is {truth.shape[1]}x{truth.shape[0]}'
        )
