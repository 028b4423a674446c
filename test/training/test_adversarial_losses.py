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
"""Tests of the adversarial losses against values computed by hand."""

import math

import pytest
import torch

from surgseg_ros.training.adversarial_losses import discriminator_loss
from surgseg_ros.training.adversarial_losses import generator_loss
from surgseg_ros.training.adversarial_losses import predicted_maps
from surgseg_ros.training.adversarial_losses import true_maps


def judgement(probability):
    return torch.full((1, 1, 4, 4), math.log(probability / (1 - probability)))


def test_the_network_wants_to_pass_as_label_image():
    assert generator_loss(judgement(0.2)).item() == pytest.approx(-math.log(0.2), rel=1e-6)


def test_the_discriminator_wants_0_for_predictions_and_1_for_labels():
    expected = -math.log(1 - 0.2) - math.log(0.7)
    loss = discriminator_loss(judgement(0.2), judgement(0.7))
    assert loss.item() == pytest.approx(expected, rel=1e-6)


def test_class_maps_by_hand():
    logits = torch.tensor([0.0, math.log(3)]).view(1, 2, 1, 1).expand(1, 2, 2, 2)
    labels = torch.tensor([[0, 0, 1, 1], [0, 0, 1, 1], [1, 1, 255, 255], [1, 1, 255, 255]])[None]
    assert true_maps(logits, labels)[0, 1].tolist() == [[0, 1], [1, 0]]
    predicted = predicted_maps(logits, labels)
    assert predicted[0, 1].flatten().tolist() == pytest.approx([0.75, 0.75, 0.75, 0])
    assert predicted[0, 0].flatten().tolist() == pytest.approx([0.25, 0.25, 0.25, 0])
