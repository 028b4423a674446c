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
Supervised losses: pure functions, and thin modules that hold their weights.

All are computed in single precision, also under autocast: the epsilon of a log-Jaccard vanishes
in half precision. Logits are resized bilinearly to the labels. Islam et al. shrink the labels
instead; by nearest neighbor that moves every outline by half a pixel of the logits.

Logits have one channel a class, or a single one, the logit of 'instrument' (task binary). Pixels
labeled 255 (unlabeled) do not count.
"""

from collections.abc import Callable
from typing import Protocol

import torch
from torch import nn
from torch import Tensor
import torch.nn.functional as F

from surgseg_ros.data.label_sets import UNLABELED
from surgseg_ros.models.mffnet import BranchLogits

AUXILIARY_WEIGHT = 0.4
"""Weight of the auxiliary branch, Islam et al. 2019, section II-C."""

EPSILON = 1e-15
"""Keeps a Jaccard index of 0 / 0 at 1, as in the code of Shvets et al. 2018."""


class BranchLoss(Protocol):
    """A loss of the logits of one branch."""

    def __call__(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the scalar loss of (N, C, h, w) logits and (N, H, W) int64 labels."""


def cross_entropy(logits: Tensor, labels: Tensor, class_weights: Tensor | None = None) -> Tensor:
    """
    Return H, the mean over the pixels of -log p(label).

    Softmax cross-entropy, L_main and L_aux of Islam et al. 2019 (section II-C) and equation (1)
    of Ni et al. (RASNet); binary cross-entropy of a single logit, H of Shvets et al. 2018.

    :param logits: (N, C, h, w) float
    :param labels: (N, H, W) int64
    :param class_weights: (C,) float, (2,) for a single logit; the mean is weighted too
    """
    scores = _two_sided(_resize(logits, labels))
    return F.cross_entropy(scores, labels, class_weights, ignore_index=UNLABELED)


def soft_jaccard(logits: Tensor, labels: Tensor) -> Tensor:
    """
    Return J_c = (sum y p + e) / (sum y + sum p - sum y p + e) of every class over the batch.

    Soft form of TP / (TP + FP + FN), equation (2) of RASNet, as Shvets et al. 2018 compute it.

    :param logits: (N, C, h, w) float
    :param labels: (N, H, W) int64
    :return: (C,) float32; of a single logit (1,), the index of the instruments
    """
    scores = _resize(logits, labels)
    probability = scores.sigmoid() if scores.shape[1] == 1 else scores.softmax(dim=1)
    target = (
        one_hot(labels, 2)[:, 1:] if scores.shape[1] == 1 else one_hot(labels, scores.shape[1])
    )
    probability = probability * (labels != UNLABELED).unsqueeze(1)
    shared = (probability * target).sum(dim=(0, 2, 3))
    total = probability.sum(dim=(0, 2, 3)) + target.sum(dim=(0, 2, 3))
    return (shared + EPSILON) / (total - shared + EPSILON)


def ternaus_loss(logits: Tensor, labels: Tensor, jaccard_weight: float) -> Tensor:
    """
    Return (1 - w) H - w sum_c log J_c, the loss of the code of Shvets et al. 2018.

    Their text has H - log J; with w = 1 the code leaves H out. The sum is over all classes,
    background included, or the instruments alone for a single logit.

    :param logits: (N, C, h, w) float
    :param labels: (N, H, W) int64
    :param jaccard_weight: w in [0, 1]
    """
    entropy = cross_entropy(logits, labels)
    log_jaccard = soft_jaccard(logits, labels).log().sum()
    return (1 - jaccard_weight) * entropy - jaccard_weight * log_jaccard


def rasnet_loss(logits: Tensor, labels: Tensor, jaccard_weight: float) -> Tensor:
    """
    Return H - alpha sum_c log J_c, equation (3) of RASNet.

    The paper does not say how J joins several classes; the code that the authors build on adds
    the logarithms of all classes, background included.

    :param logits: (N, C, h, w) float
    :param labels: (N, H, W) int64
    :param jaccard_weight: alpha
    """
    return (
        cross_entropy(logits, labels) - jaccard_weight * soft_jaccard(logits, labels).log().sum()
    )


def auxiliary_supervised_loss(
    logits: BranchLogits,
    labels: Tensor,
    loss: BranchLoss = cross_entropy,
    auxiliary_weight: float = AUXILIARY_WEIGHT,
) -> Tensor:
    """
    Return L_seg = L_main + lambda_aux L_aux, equation (1) of Islam et al. 2019.

    :param logits: of both branches
    :param labels: (N, H, W) int64
    :param loss: of one branch
    :param auxiliary_weight: lambda_aux
    """
    return loss(logits.main, labels) + auxiliary_weight * loss(logits.auxiliary, labels)


def one_hot(labels: Tensor, num_classes: int) -> Tensor:
    """
    Return class maps of labels; unlabeled pixels belong to no class.

    :param labels: (N, H, W) int64
    :return: (N, C, H, W) float32
    """
    classes = torch.arange(num_classes, device=labels.device).view(1, -1, 1, 1)
    return (labels.unsqueeze(1) == classes).float()


class CrossEntropyLoss(nn.Module):
    """
    :func:`cross_entropy` with fixed class weights.

    :param class_weights: one number a class, or None for equal ones
    """

    class_weights: Tensor | None

    def __init__(self, class_weights: tuple[float, ...] | None = None) -> None:
        super().__init__()
        weights = None if class_weights is None else torch.tensor(class_weights)
        self.register_buffer('class_weights', weights)

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of (N, C, h, w) logits and (N, H, W) labels."""
        return cross_entropy(logits, labels, self.class_weights)


class JaccardLoss(nn.Module):
    """
    :func:`ternaus_loss` or :func:`rasnet_loss` with a fixed weight.

    :param loss: which
    :param jaccard_weight: its weight
    """

    def __init__(
        self, loss: Callable[[Tensor, Tensor, float], Tensor], jaccard_weight: float
    ) -> None:
        super().__init__()
        self.loss = loss
        self.jaccard_weight = jaccard_weight

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of (N, C, h, w) logits and (N, H, W) labels."""
        return self.loss(logits, labels, self.jaccard_weight)


def _resize(logits: Tensor, labels: Tensor) -> Tensor:
    """Return float32 logits of the size of the labels."""
    return F.interpolate(logits.float(), labels.shape[-2:], mode='bilinear', align_corners=False)


def _two_sided(logits: Tensor) -> Tensor:
    """Return one logit a class: of a single one, 0 for the background, which is the same."""
    if logits.shape[1] > 1:
        return logits
    return torch.cat([torch.zeros_like(logits), logits], dim=1)
