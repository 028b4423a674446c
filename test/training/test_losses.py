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

"""Tests of the losses against values computed by hand."""

import math

import pytest
import torch

from surgseg_ros.models.mffnet import BranchLogits
from surgseg_ros.training.losses import auxiliary_supervised_loss
from surgseg_ros.training.losses import cross_entropy


def _logits(odds, size=(2, 2)):
    """Return logits of two classes with constant odds of class 1."""
    logits = torch.zeros(1, 2, *size)
    logits[:, 1] = math.log(odds)
    return logits


def test_cross_entropy_by_hand():
    """With odds 3:1 the classes have probabilities 1/4 and 3/4."""
    labels = torch.tensor([[[0, 1], [1, 1]]])
    expected = -(math.log(1 / 4) + 3 * math.log(3 / 4)) / 4
    assert cross_entropy(_logits(3), labels).item() == pytest.approx(expected, rel=1e-6)


def test_class_weights_by_hand():
    labels = torch.tensor([[[0, 1], [1, 1]]])
    expected = -(math.log(1 / 4) + 2 * 3 * math.log(3 / 4)) / (1 + 2 * 3)
    loss = cross_entropy(_logits(3), labels, torch.tensor([1.0, 2.0]))
    assert loss.item() == pytest.approx(expected, rel=1e-6)


def test_auxiliary_weight_is_0_4():
    labels = torch.ones(1, 8, 8, dtype=torch.long)
    logits = BranchLogits(_logits(3, (4, 4)), _logits(1, (1, 1)))
    expected = -math.log(3 / 4) + 0.4 * -math.log(1 / 2)
    assert auxiliary_supervised_loss(logits, labels).item() == pytest.approx(expected, rel=1e-6)


def test_half_precision_logits_are_computed_in_single_precision():
    logits = torch.zeros(1, 2, 2, 2, dtype=torch.bfloat16)
    logits[:, 1] = 40
    loss = cross_entropy(logits, torch.zeros(1, 2, 2, dtype=torch.long))
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(40)
