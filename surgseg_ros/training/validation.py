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
"""Validation: the Dice of every class and branch, at the resolution of the true labels."""

from collections.abc import Mapping
from collections.abc import Sequence
import math
from typing import Any

import numpy as np
import torch
from torch import Tensor
import torch.nn.functional as F

from surgseg_ros.data.label_sets import BINARY
from surgseg_ros.data.label_sets import get_label_set
from surgseg_ros.evaluation.labels.metrics import binary_confusion
from surgseg_ros.evaluation.labels.metrics import confusion_matrix
from surgseg_ros.evaluation.labels.metrics import dice_per_class
from surgseg_ros.evaluation.labels.metrics import rounded
from surgseg_ros.inference.label_images import label_images
from surgseg_ros.inference.label_images import label_images_on_device
from surgseg_ros.training.sample_tensors import ValidationImage


def collate(items: Sequence[ValidationImage]) -> tuple[Tensor, list[Tensor]]:
    """Stack the images; the labels may differ in size."""
    return torch.stack([item.image for item in items]), [item.labels for item in items]


def shrink_labels(labels: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
    """
    Return labels as one batch, by nearest neighbor.

    :param labels: (H, W) uint8 each
    :param size: (height, width)
    :return: (N, h, w) int64
    """
    resized = [
        F.interpolate(image[None, None].float(), size, mode='nearest-exact')[0, 0]
        for image in labels
    ]
    return torch.stack(resized).long()


def predict_labels(logits: Tensor, size: tuple[int, int], threshold: float) -> np.ndarray:
    """
    Return label images of the size of the truth.

    :param logits: (N, C, h, w) float, C = 1 for the logit of 'instrument'
    :param size: (height, width)
    :param threshold: probability from which on a pixel is an instrument, for two classes
    :return: (N, H, W) uint8
    """
    return label_images(_with_threshold(logits, threshold), size)


def count_confusions(
    logits: Tensor, truth: Tensor, threshold: float, num_classes: int
) -> np.ndarray:
    """
    Return the confusion matrix of an image, counted where the logits are.

    :param logits: (C, h, w), see :func:`predict_labels`
    :param truth: (H, W) uint8, on the CPU
    :param threshold: see :func:`predict_labels`
    :param num_classes: of the task
    :return: see :func:`surgseg_ros.evaluation.labels.metrics.confusion_matrix`
    """
    size = (truth.shape[0], truth.shape[1])
    if logits.device.type == 'cpu':
        (predicted,) = predict_labels(logits[None], size, threshold)
        return confusion_matrix(truth.numpy(), predicted, num_classes)
    return count_confusions_on_device(logits, truth, threshold, num_classes)


def count_confusions_on_device(
    logits: Tensor, truth: Tensor, threshold: float, num_classes: int
) -> np.ndarray:
    """Return the same as :func:`count_confusions`, by what GPUs are fast at."""
    size = (truth.shape[0], truth.shape[1])
    (labels,) = label_images_on_device(_with_threshold(logits[None], threshold), size)
    true_ids = truth.to(logits.device).long()
    known = true_ids < num_classes
    pairs = true_ids[known] * num_classes + labels[known].long()
    counts = torch.bincount(pairs, minlength=num_classes**2)
    return counts.reshape(num_classes, num_classes).cpu().numpy()


def _with_threshold(logits: Tensor, threshold: float) -> Tensor:
    """Return float32 logits, (N, C, h, w), whose arg max heeds the threshold."""
    logits = logits.float()
    if logits.shape[1] > 2:
        return logits
    margin = logits if logits.shape[1] == 1 else logits[:, 1:] - logits[:, :1]
    margin = margin - math.log(threshold / (1 - threshold))
    return torch.cat([torch.zeros_like(margin), margin], dim=1)


class ValidationScores:
    """
    Confusion matrices and losses of some batches; those of several processes add up.

    :param task: label set
    :param branches: names of the outputs
    """

    def __init__(self, task: str, branches: Sequence[str]) -> None:
        self._label_set = get_label_set(task)
        count = self._label_set.num_classes
        self._matrices = {branch: np.zeros((count, count), np.int64) for branch in branches}
        self._loss = np.zeros(2)

    def add(
        self,
        logits: Mapping[str, Tensor],
        labels: Sequence[Tensor],
        threshold: float,
    ) -> None:
        """
        Count a batch.

        :param logits: (N, C, h, w) by branch
        :param labels: N true label images, (H, W) uint8
        :param threshold: see :func:`predict_labels`
        """
        count = self._label_set.num_classes
        for branch, maps in logits.items():
            for image_logits, truth in zip(maps, labels, strict=True):
                matrix = count_confusions(image_logits, truth, threshold, count)
                self._matrices[branch] += matrix

    def add_loss(self, loss: float, num_images: int) -> None:
        """Count the mean loss of a batch."""
        self._loss += (loss * num_images, num_images)

    def counts(self) -> Tensor:
        """Return all counts as one float64 tensor, for the sum over processes."""
        flat = [matrix.ravel() for matrix in self._matrices.values()]
        return torch.from_numpy(np.concatenate([*flat, self._loss]).astype(np.float64))

    def replace_counts(self, counts: Tensor) -> None:
        """Take over counts that were summed over processes."""
        values = counts.cpu().numpy()
        for branch, matrix in self._matrices.items():
            self._matrices[branch] = values[: matrix.size].reshape(matrix.shape).astype(np.int64)
            values = values[matrix.size :]
        self._loss = values

    def to_dict(self) -> dict[str, Any]:
        """Return the loss and, by branch, the Dice of every class over all pixels."""
        branches = {name: self._describe(matrix) for name, matrix in self._matrices.items()}
        return {'loss': rounded(self._loss[0] / max(self._loss[1], 1)), **branches}

    def _describe(self, matrix: np.ndarray) -> dict[str, float | None]:
        names = self._label_set.class_names[1:]
        values = dice_per_class(matrix)[1:]
        present = values[~np.isnan(values)]
        return {
            BINARY: rounded(dice_per_class(binary_confusion(matrix))[1]),
            'mean': rounded(present.mean() if present.size else float('nan')),
            **{name: rounded(value) for name, value in zip(names, values, strict=True)},
        }
