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


"""The work of ``surgseg evaluate``: label images against ground truth."""

from collections.abc import Iterable
from collections.abc import Iterator
from dataclasses import dataclass
import itertools
from pathlib import Path
import sys
from typing import Any

import numpy as np
from tqdm import tqdm

from surgseg_ros.data.image_files import write_image
from surgseg_ros.decoding.image_files import read_image
from surgseg_ros.evaluation.labels.label_folders import check_factor
from surgseg_ros.evaluation.labels.label_folders import EvaluationError
from surgseg_ros.evaluation.labels.pairs import find_image
from surgseg_ros.evaluation.labels.pairs import LabelPairs
from surgseg_ros.evaluation.labels.pictures import CONFUSION_PICTURE
from surgseg_ros.evaluation.labels.pictures import draw_confusion_matrix
from surgseg_ros.evaluation.labels.pictures import draw_worst_frames
from surgseg_ros.evaluation.labels.pictures import ShownFrame
from surgseg_ros.evaluation.labels.pictures import WORST_PICTURE
from surgseg_ros.evaluation.labels.scores import BINARY
from surgseg_ros.evaluation.labels.scores import LabeledFrame
from surgseg_ros.evaluation.labels.scores import score_frames
from surgseg_ros.evaluation.labels.scores import Scores
from surgseg_ros.evaluation.labels.truth import find_truth
from surgseg_ros.evaluation.labels.truth import GroundTruth
from surgseg_ros.evaluation.labels.truth import TruthSource
from surgseg_ros.reporting.accounts import Account
from surgseg_ros.reporting.accounts import LeftOut
from surgseg_ros.reporting.plots import write_figure


@dataclass(frozen=True)
class Evaluation:
    """
    Scores, and the files that they come from.

    :param pairs: files
    :param scores: of all frames
    :param pixels: of all frames, those that do not count included
    """

    pairs: LabelPairs
    scores: Scores
    pixels: int

    def account(self, truth: GroundTruth) -> Account:
        """
        Return what was read, used and left out.

        :param truth: the ground truth that the pairs were chosen from
        """
        pairs = self.pairs
        uncounted = self.pixels - int(self.scores.confusion.sum())
        missing = int(self.scores.records.missing.sum())
        notes = (
            f'{uncounted} px do not count (255 in the truth, or masked by --ignore)',
            f'{missing} frames without prediction score 0',
        )
        return Account(
            'frame',
            len(pairs.sources) + len(pairs.others),
            len(pairs.sources),
            (
                LeftOut('of other videos', unnamed=len(pairs.others), is_loss=False),
                *truth.left_out,
                LeftOut(
                    'predictions without ground truth',
                    tuple(pairs.unused_predictions()),
                    is_loss=False,
                ),
            ),
            notes=(*truth.notes, *itertools.compress(notes, (uncounted, missing))),
        )

    def worst_frames(self, images: Path, count: int) -> Iterator[ShownFrame]:
        """
        Read the frames that score lowest again, the worst first.

        :param images: folder of ``<stem>.png`` or ``.jpg``, in folders of videos or not
        :raises EvaluationError: if an image is missing, unreadable or of another size
        """
        sources = {source.name: source for source in self.pairs.sources}
        for name, score in self.scores.worst_frames(count):
            frame = self.pairs.read(sources[name])
            if self.pairs.task == BINARY:
                frame = frame.as_binary()
            yield ShownFrame(frame, score, _read_image(images, sources[name], frame))


def evaluate_labels(pairs: LabelPairs, surface: bool = False) -> Evaluation:
    """
    Score all pairs with a progress bar; label images are read one by one and not kept.

    :param surface: also measure distances of outlines
    :raises EvaluationError: if predictions are missing or do not fit; it lists all of them
    """
    check_factor(pairs.prediction_factor)
    frames = tqdm(
        pairs.frames(), total=len(pairs.sources), unit='frame', desc='evaluate', file=sys.stderr
    )
    sizes: list[int] = []
    with frames:
        scores = score_frames(_measure(frames, sizes), pairs.task, surface)
    return Evaluation(pairs, scores, sum(sizes))


def _measure(frames: Iterable[LabeledFrame], sizes: list[int]) -> Iterator[LabeledFrame]:
    """Yield frames and append the number of pixels of each."""
    for frame in frames:
        sizes.append(frame.truth.size)
        yield frame


def evaluate(
    predictions: Path, ground_truth: Path, task: str, ignore: Path | None = None
) -> dict[str, Any]:
    """
    Score label images against those of the same name.

    :param predictions: folder of label images, see :mod:`surgseg_ros.evaluation.labels.pairs`
    :param ground_truth: likewise; every one of its files must have a prediction
    :param task: label set of the scores
    :param ignore: likewise, images whose non-zero pixels do not count
    :return: see :meth:`surgseg_ros.evaluation.labels.scores.Scores.to_dict`
    :raises EvaluationError: if a prediction is missing or has another size or unknown classes
    """
    pairs = LabelPairs(find_truth(ground_truth, task).sources, predictions, task, ignore)
    return evaluate_labels(pairs).scores.to_dict()


def write_pictures(
    folder: Path, evaluation: Evaluation, images: Path | None, worst: int
) -> list[Path]:
    """
    Write the confusion matrix, and with images the contact sheet of the worst frames.

    :param folder: made if need be
    :param images: see :meth:`Evaluation.worst_frames`
    :param worst: number of frames on the contact sheet
    :return: the files
    :raises EvaluationError: if an image is missing or does not fit
    :raises MissingPackageError: if matplotlib is not installed
    :raises OSError: if a file cannot be written
    """
    folder.mkdir(parents=True, exist_ok=True)
    label_set = evaluation.scores.label_set
    confusion, sheet = folder / CONFUSION_PICTURE, folder / WORST_PICTURE
    matrix = draw_confusion_matrix(evaluation.scores.confusion, label_set)
    if images is None:
        write_figure(confusion, matrix)
        return [confusion]
    frames = evaluation.worst_frames(images, worst)
    picture = draw_worst_frames(frames, label_set)
    write_figure(confusion, matrix)
    write_image(sheet, picture)
    return [confusion, sheet]


def _read_image(images: Path, source: TruthSource, frame: LabeledFrame) -> np.ndarray:
    path = find_image(images, source)
    image = None if path is None else read_image(path)
    if image is None:
        raise EvaluationError(
            f'{source.name} has no readable image in {images}; it is looked for as <stem>.png or '
            '.jpg there, in a folder of the video and in its images/'
        )
    if image.shape[:2] != frame.truth.shape:
        raise EvaluationError(
            f'{path} is {image.shape[1]}x{image.shape[0]} but its ground truth is '
            f'{frame.truth.shape[1]}x{frame.truth.shape[0]}'
        )
    return image
