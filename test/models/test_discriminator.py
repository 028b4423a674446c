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

"""Tests of the discriminator of Islam et al. 2019."""

import pytest
import torch
import torch.nn.functional as F

from surgseg_ros.models import count_parameters
from surgseg_ros.models import list_models
from surgseg_ros.models.discriminator import Discriminator


@pytest.mark.parametrize(('num_classes', 'expected'), [(2, 2_763_713), (8, 2_769_857)])
def test_parameter_count(num_classes, expected):
    assert count_parameters(Discriminator(num_classes)) == expected


@pytest.mark.parametrize('size', [(64, 96), (50, 77), (32, 32)])
def test_one_logit_a_pixel(size):
    logits = Discriminator(4)(torch.rand(2, 4, *size).softmax(1))
    assert logits.shape == (2, 1, *size)


def test_stages_halve_the_size():
    """Without the enlargement the map is at 1/32, as figure 4 has it."""
    model = Discriminator(2)
    shapes = []
    for module in model.children():
        module.register_forward_hook(lambda _module, _inputs, output: shapes.append(output.shape))
    model(torch.rand(1, 2, 64, 96))
    assert [tuple(shape[1:]) for shape in shapes] == [
        (64, 32, 48),
        (128, 16, 24),
        (256, 8, 12),
        (512, 4, 6),
        (1, 2, 3),
    ]


def test_it_is_linear_but_for_the_leaks():
    """With all activations negative and no biases, each ReLU multiplies by 0.2."""
    model = Discriminator(1)
    with torch.inference_mode():
        for module in model.children():
            module.weight.fill_(1e-3)
            module.bias.zero_()
        up, down = model(torch.ones(1, 1, 64, 64)), model(-torch.ones(1, 1, 64, 64))
    torch.testing.assert_close(down, -(0.2**4) * up)


def test_gradients_reach_the_class_maps():
    """The segmentation network learns through a discriminator whose own weights stand still."""
    model = Discriminator(2).requires_grad_(False)
    logits = torch.rand(1, 2, 32, 64, requires_grad=True)
    judged = model(logits.softmax(1))
    F.binary_cross_entropy_with_logits(judged, torch.ones_like(judged)).backward()
    assert logits.grad.abs().sum() > 0


def test_it_is_no_segmentation_network():
    assert not any('discriminator' in name for name in list_models())
