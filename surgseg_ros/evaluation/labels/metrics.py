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

"""Exact metrics of label images, from integer confusion matrices."""

import numpy as np

from surgseg_ros.data.label_decoding import count_values
from surgseg_ros.data.label_decoding import MAX_BYTE
from surgseg_ros.data.label_decoding import MAX_EXACT_COUNT


def confusion_matrix(truth: np.ndarray, prediction: np.ndarray, num_classes: int) -> np.ndarray:
    """
    Count how often each true class was predicted as each class.

    Matrices of several images add up. Pixels whose truth is outside the classes, such as 255
    (unlabeled), are left out; predictions outside the classes are refused.

    :param truth: array of class ids
    :param prediction: array of class ids, of the same shape
    :return: (C, C) int64, rows are the truth, columns the prediction
    :raises ValueError: if the shapes differ or a predicted id is not a class
    """
    if truth.shape != prediction.shape:
        raise ValueError(f'truth is {truth.shape} but prediction is {prediction.shape}')
    known = truth < num_classes
    if _fit_into_bytes(truth, prediction, num_classes):
        codes = np.where(known, truth * np.uint8(num_classes) + prediction, np.uint8(MAX_BYTE))
        counts = count_values(codes)[: num_classes**2]
        return counts.reshape(num_classes, num_classes)
    true_ids = truth[known].astype(np.int64)
    predicted_ids = prediction[known].astype(np.int64)
    if predicted_ids.size and predicted_ids.max() >= num_classes:
        raise ValueError(
            f'predicted class {predicted_ids.max()} does not exist, there are {num_classes}'
        )
    counts = np.bincount(true_ids * num_classes + predicted_ids, minlength=num_classes**2)
    return counts.reshape(num_classes, num_classes)


def _fit_into_bytes(truth: np.ndarray, prediction: np.ndarray, num_classes: int) -> bool:
    """Tell whether every pair of classes of two label images has a byte of its own."""
    return (
        truth.ndim == 2
        and truth.dtype == prediction.dtype == np.uint8
        and num_classes**2 <= MAX_BYTE
        and truth.size <= MAX_EXACT_COUNT
        and prediction.max(initial=0) < num_classes
    )


def binary_confusion(matrix: np.ndarray) -> np.ndarray:
    """
    Return the confusion matrix of background against everything else.

    :param matrix: (C, C) with the background as class 0
    :return: (2, 2) int64
    """
    return np.array(
        [
            [matrix[0, 0], matrix[0, 1:].sum()],
            [matrix[1:, 0].sum(), matrix[1:, 1:].sum()],
        ]
    )


def dice_per_class(matrix: np.ndarray) -> np.ndarray:
    """
    Return Dice = 2 TP / (2 TP + FP + FN) of every class, over all counted pixels.

    :param matrix: (C, C) confusion matrix
    :return: (C,) float64; nan for a class that is neither in the truth nor predicted
    """
    hits = np.diag(matrix).astype(np.float64)
    sizes = (matrix.sum(axis=0) + matrix.sum(axis=1)).astype(np.float64)
    return np.divide(2 * hits, sizes, out=np.full(len(matrix), np.nan), where=sizes > 0)


def nan_mean(values: np.ndarray, axis: int | None = None) -> np.ndarray:
    """
    Return the mean of the numbers along an axis, nan where there is none.

    Unlike :func:`numpy.nanmean` it does not warn then: a class that never occurs is no fault.
    """
    present = ~np.isnan(values)
    counts = present.sum(axis=axis)
    sums = np.where(present, values, 0.0).sum(axis=axis)
    return np.divide(sums, counts, out=np.full(np.shape(counts), np.nan), where=counts > 0)


def rounded(value: float) -> float | None:
    """Return four digits for a report; ``None`` (JSON null) for a class that never occurs."""
    return None if np.isnan(value) else round(float(value), 4)
