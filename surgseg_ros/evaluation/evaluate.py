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

from dataclasses import dataclass
from pathlib import Path
import sys
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from surgseg_ros.data.label_sets import get_label_set
from surgseg_ros.data.label_sets import UNLABELED
from surgseg_ros.evaluation.metrics import binary_confusion
from surgseg_ros.evaluation.metrics import confusion_matrix
from surgseg_ros.evaluation.metrics import dice_per_class
from surgseg_ros.evaluation.metrics import rounded

BINARY = 'binary'


class EvaluationError(ValueError):
    """Predictions and ground truth do not fit together; the message says where."""


@dataclass(frozen=True)
class Pair:
    """A label image and its ground truth, both (H, W) uint8."""

    stem: str
    truth: np.ndarray
    prediction: np.ndarray


def evaluate(
    predictions: Path, ground_truth: Path, task: str, ignore: Path | None = None
) -> dict[str, Any]:
    """
    Score label images against those of the same name.

    ``dice`` is pooled over all pixels of all frames; ``dice_per_image`` is the mean over the
    frames in which the class is present in truth or prediction. With task ``binary`` every class
    above 0 counts as instrument, on both sides, so predictions of any task can be scored.

    :param predictions: folder of ``<stem>.png``, uint8 class ids
    :param ground_truth: likewise; every one of its files must have a prediction
    :param task: label set of the scores
    :param ignore: folder of ``<stem>.png`` whose non-zero pixels do not count
    :return: metrics, ready for JSON
    :raises EvaluationError: if a prediction is missing or has another size or unknown classes
    """
    label_set = get_label_set(task)
    names = label_set.class_names[1:]
    total = np.zeros((label_set.num_classes, label_set.num_classes), np.int64)
    per_image: list[np.ndarray] = []
    for path in tqdm(_label_files(ground_truth), unit='frame', desc='evaluate', file=sys.stderr):
        pair = _read_pair(path, predictions, ignore)
        matrix = _confusion(pair, task)
        total += matrix
        per_image.append(dice_per_class(matrix)[1:])
    pooled = dice_per_class(total)[1:]
    mean_per_image = [_nan_mean(column) for column in np.array(per_image).T]
    result: dict[str, Any] = {
        'task': task,
        'frames': len(per_image),
        'dice': _by_name(names, pooled),
        'dice_per_image': _by_name(names, mean_per_image),
    }
    if task != BINARY:
        result['dice']['mean'] = rounded(_nan_mean(pooled))
        result['dice'][BINARY] = rounded(dice_per_class(binary_confusion(total))[1])
    return result


def _label_files(folder: Path) -> list[Path]:
    files = sorted(folder.glob('*.png'))
    if not files:
        raise EvaluationError(f'{folder} holds no label images (*.png)')
    return files


def _read_pair(truth_file: Path, predictions: Path, ignore: Path | None) -> Pair:
    truth = _read_labels(truth_file)
    prediction_file = predictions / truth_file.name
    if not prediction_file.is_file():
        raise EvaluationError(
            f'{truth_file} has no prediction {prediction_file}; segment the same frames with '
            '`surgseg predict` first'
        )
    prediction = _read_labels(prediction_file)
    if truth.shape != prediction.shape:
        raise EvaluationError(
            f'{prediction_file} is {prediction.shape[1]}x{prediction.shape[0]} but its ground '
            f'truth is {truth.shape[1]}x{truth.shape[0]}'
        )
    if ignore is not None and (ignore / truth_file.name).is_file():
        truth = np.where(_read_labels(ignore / truth_file.name) > 0, UNLABELED, truth)
    return Pair(truth_file.stem, truth, prediction)


def _read_labels(path: Path) -> np.ndarray:
    labels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if labels is None or labels.dtype != np.uint8:
        raise EvaluationError(f'{path} is not a readable 8-bit label image')
    # Some data sets store the same label in all three channels.
    return labels if labels.ndim == 2 else np.ascontiguousarray(labels[..., 0])


def _confusion(pair: Pair, task: str) -> np.ndarray:
    truth, prediction = pair.truth, pair.prediction
    if task == BINARY:
        truth = np.where(truth == UNLABELED, UNLABELED, (truth > 0).astype(np.uint8))
        prediction = (prediction > 0).astype(np.uint8)
    try:
        return confusion_matrix(truth, prediction, get_label_set(task).num_classes)
    except ValueError as error:
        raise EvaluationError(f'{pair.stem}: {error}; is the task {task!r} right?') from error


def _by_name(names: tuple[str, ...], values: Any) -> dict[str, float | None]:
    return {name: rounded(value) for name, value in zip(names, values, strict=True)}


def _nan_mean(values: np.ndarray) -> float:
    """Return the mean of the numbers, nan if there is none."""
    present = values[~np.isnan(values)]
    return float(present.mean()) if present.size else float('nan')
