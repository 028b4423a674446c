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
"""Tests of the supervised losses against values computed by hand."""

import math

import pytest
import torch

from surgseg_ros.data.label_sets import UNLABELED
from surgseg_ros.models.mffnet import BranchLogits
from surgseg_ros.training.losses import auxiliary_supervised_loss
from surgseg_ros.training.losses import cross_entropy
from surgseg_ros.training.losses import CrossEntropyLoss
from surgseg_ros.training.losses import JaccardLoss
from surgseg_ros.training.losses import one_hot
from surgseg_ros.training.losses import rasnet_loss
from surgseg_ros.training.losses import soft_jaccard
from surgseg_ros.training.losses import ternaus_loss

LABELS = torch.tensor([[[0, 1], [1, 1]]])
ENTROPY = -(math.log(1 / 4) + 3 * math.log(3 / 4)) / 4
"""Of odds 3:1 for class 1 everywhere, where one of four pixels is of class 0."""

# y p summed: 3 * 3/4; y: 3, p: 4 * 3/4 for class 1; 1/4, 1 and 4 * 1/4 for class 0.
JACCARD = ((1 / 4) / (1 + 1 - 1 / 4), (9 / 4) / (3 + 3 - 9 / 4))


def two_classes(odds, size=(2, 2)):
    """Return logits of two classes with constant odds of class 1."""
    logits = torch.zeros(1, 2, *size)
    logits[:, 1] = math.log(odds)
    return logits


def single_logit(odds):
    return torch.full((1, 1, 2, 2), math.log(odds))


def test_cross_entropy_by_hand():
    assert cross_entropy(two_classes(3), LABELS).item() == pytest.approx(ENTROPY, rel=1e-6)


def test_binary_cross_entropy_of_a_single_logit_by_hand():
    assert cross_entropy(single_logit(3), LABELS).item() == pytest.approx(ENTROPY, rel=1e-6)


def test_class_weights_by_hand():
    expected = -(math.log(1 / 4) + 2 * 3 * math.log(3 / 4)) / (1 + 2 * 3)
    loss = CrossEntropyLoss((1.0, 2.0))(two_classes(3), LABELS)
    assert loss.item() == pytest.approx(expected, rel=1e-6)


def test_unlabeled_pixels_do_not_count():
    labels = torch.tensor([[[UNLABELED, 1], [1, 1]]])
    assert cross_entropy(two_classes(3), labels).item() == pytest.approx(-math.log(3 / 4))
    # Class 0 is nowhere, but predicted with 3 * 1/4; class 1 as three pixels say.
    expected = [0, (9 / 4) / 3]
    assert soft_jaccard(two_classes(3), labels).tolist() == pytest.approx(expected, abs=1e-6)
    assert one_hot(labels, 2).sum().item() == 3


def test_soft_jaccard_by_hand():
    assert soft_jaccard(two_classes(3), LABELS).tolist() == pytest.approx(JACCARD, rel=1e-6)
    assert soft_jaccard(single_logit(3), LABELS).tolist() == pytest.approx(JACCARD[1:], rel=1e-6)


def test_soft_jaccard_is_that_of_the_whole_batch():
    logits = torch.cat([two_classes(3), two_classes(1 / 3)])
    labels = torch.cat([LABELS, LABELS])
    shared = 3 * 3 / 4 + 3 * 1 / 4
    expected = shared / (6 + 4 - shared)
    assert soft_jaccard(logits, labels)[1].item() == pytest.approx(expected, rel=1e-6)


def test_a_class_that_is_nowhere_has_jaccard_1():
    logits = torch.tensor([200.0, -200.0]).view(1, 2, 1, 1).expand(1, 2, 2, 2)
    assert soft_jaccard(logits, torch.zeros(1, 2, 2, dtype=torch.long)).tolist() == [1, 1]


@pytest.mark.parametrize('weight', [0.0, 0.3, 1.0])
def test_ternaus_loss_by_hand(weight):
    both = sum(map(math.log, JACCARD))
    expected = (1 - weight) * ENTROPY - weight * both
    assert ternaus_loss(two_classes(3), LABELS, weight).item() == pytest.approx(expected, rel=1e-6)
    expected = (1 - weight) * ENTROPY - weight * math.log(JACCARD[1])
    loss = JaccardLoss(ternaus_loss, weight)(single_logit(3), LABELS)
    assert loss.item() == pytest.approx(expected, rel=1e-6)


def test_rasnet_loss_by_hand():
    expected = ENTROPY - 0.3 * sum(map(math.log, JACCARD))
    assert rasnet_loss(two_classes(3), LABELS, 0.3).item() == pytest.approx(expected, rel=1e-6)
    loss = JaccardLoss(rasnet_loss, 0.3)(two_classes(3), LABELS)
    assert loss.item() == pytest.approx(expected, rel=1e-6)


def test_auxiliary_weight_is_0_4():
    labels = torch.ones(1, 8, 8, dtype=torch.long)
    logits = BranchLogits(two_classes(3, (4, 4)), two_classes(1, (1, 1)))
    expected = -math.log(3 / 4) + 0.4 * -math.log(1 / 2)
    assert auxiliary_supervised_loss(logits, labels).item() == pytest.approx(expected, rel=1e-6)


def test_auxiliary_loss_takes_any_loss_and_weight():
    logits = BranchLogits(two_classes(3), two_classes(1))
    loss = auxiliary_supervised_loss(logits, LABELS, JaccardLoss(rasnet_loss, 0.3), 0.5)
    expected = rasnet_loss(logits.main, LABELS, 0.3) + 0.5 * rasnet_loss(
        logits.auxiliary, LABELS, 0.3
    )
    assert loss.item() == pytest.approx(expected.item())


@pytest.mark.parametrize(
    'loss', [CrossEntropyLoss(), JaccardLoss(ternaus_loss, 0.5), JaccardLoss(rasnet_loss, 0.3)]
)
def test_half_precision_logits_are_computed_in_single_precision(loss):
    """In half precision the epsilon is zero and the logarithm of an absent class infinite."""
    logits = torch.zeros(1, 2, 2, 2, dtype=torch.float16)
    logits[:, 0] = 40
    value = loss(logits, torch.zeros(1, 2, 2, dtype=torch.long))
    assert value.dtype == torch.float32
    assert torch.isfinite(value)
