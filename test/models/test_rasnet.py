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

"""Tests of the network of Ni et al. 2019 against the facts of the paper."""

from golden_outputs import filled_model
from golden_outputs import logits_and_golden
from golden_outputs import output_shapes
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from surgseg_ros.models import count_parameters
from surgseg_ros.models import create_model
from surgseg_ros.models.rasnet import AttentionFusionModule


@pytest.mark.parametrize(('attention', 'expected'), [(True, 32_583_368), (False, 31_203_528)])
def test_parameters_for_the_types_of_the_paper(attention, expected):
    with torch.device('meta'):
        model = create_model('rasnet', 'types', attention=attention)
    assert count_parameters(model) == expected


@pytest.mark.parametrize('attention', [True, False])
def test_logits_are_those_of_an_independent_implementation(attention):
    model = filled_model('rasnet', 'types', attention=attention)
    name = 'rasnet' if attention else 'rasnet_without_attention'
    logits, golden = logits_and_golden(model, name)
    np.testing.assert_allclose(logits, golden, rtol=1e-4, atol=1e-4 * np.abs(golden).max())


def test_attention_weighs_the_low_features_alone():
    """Section II-B: the weights of the channels sum to one, the high features stay as they are."""
    module = AttentionFusionModule(16).eval()
    high, low = torch.rand(2, 16, 5, 7), 0.5 + torch.rand(2, 16, 5, 7)
    with torch.inference_mode():
        weights = (module(high, low) - high) / low
    torch.testing.assert_close(weights.mean((2, 3)).sum(1), torch.ones(2))
    torch.testing.assert_close(weights, weights[..., :1, :1].expand_as(weights))


def test_attention_follows_the_global_context():
    """Moving the content of the high features about must not change the weights."""
    module = AttentionFusionModule(16).eval()
    high, low = torch.rand(1, 16, 4, 6), torch.rand(1, 16, 4, 6)
    moved = high.roll((1, 2), dims=(2, 3))
    with torch.inference_mode():
        torch.testing.assert_close(module(high, low) - high, module(moved, low) - moved)


def test_one_image_trains_without_attention_or_with_fixed_statistics():
    model = create_model('rasnet', 'types').train()
    with pytest.raises(ValueError, match='drop_last=True in the data loader, or attention=False'):
        model(torch.rand(1, 3, 64, 64))
    for fusion in (model.fusion4, model.fusion3, model.fusion2):
        fusion.norm.eval()
    assert model(torch.rand(1, 3, 64, 64)).shape == (1, 8, 64, 64)


def test_shapes_of_figure_1():
    model = create_model('rasnet', 'types').eval()
    image = F.pad(torch.rand(1, 3, 64, 64), (0, 32))
    decoders = ('decoder4', 'decoder3', 'decoder2', 'decoder1')
    assert output_shapes(model, decoders, image) == {
        'decoder4': (1024, 4, 6),
        'decoder3': (512, 8, 12),
        'decoder2': (256, 16, 24),
        'decoder1': (64, 32, 48),
    }
    with torch.inference_mode():
        assert model.compute_logits(image).shape == (1, 8, 64, 96)
