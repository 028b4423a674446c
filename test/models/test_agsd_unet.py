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

"""Tests of the U-Net of Liu et al. 2020 against the paper and the released code."""

from golden_outputs import filled_model
from golden_outputs import logits_and_golden
import numpy as np
import pytest
import torch

from surgseg_ros.models import create_model


def test_logits_are_those_of_the_released_code():
    """The golden file was made by the authors' MyUNet(transposed_conv=False)."""
    model = filled_model('agsd_unet', 'binary', single_logit=True, encoder='resnet18')
    logits, golden = logits_and_golden(model, 'agsd_unet_resnet18')
    np.testing.assert_allclose(logits, golden, rtol=1e-4, atol=1e-4)


def test_tensors_have_the_names_of_the_released_code():
    with torch.device('meta'):
        state = create_model('agsd_unet', 'binary', encoder='resnet18').state_dict()
    assert state['backbone_bottom.0.weight'].shape == (64, 3, 7, 7)
    assert state['seg_block3.3.weight'].shape == (16, 16, 3, 3)
    assert state['seg_block4.0.weight'].shape == (16, 80, 3, 3)
    assert state['seg_block5.1.weight'].shape == (8, 80, 3, 3)
    assert state['seg_head.weight'].shape == (2, 11)


def test_vanilla_widths_are_those_of_the_u_net():
    with torch.device('meta'):
        model = create_model('agsd_unet')
    assert [level[2].out_channels for level in model.down] == [64, 128, 256, 512, 1024]
    assert [level[2].out_channels for level in model.merge] == [512, 256, 128, 64]
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in model.modules())


def test_vanilla_initialization_keeps_the_variance():
    """With torch's default the bottom's activations are a thousand times weaker."""
    torch.manual_seed(0)
    model = create_model('agsd_unet')
    features = torch.randn(1, 3, 32, 32)
    with torch.inference_mode():
        for level in model.down:
            features = level(features)
    assert 0.2 < features.square().mean() < 5


def test_wrong_options_are_refused():
    with pytest.raises(ValueError, match="no encoder 'vgg'; choose one of: vanilla, resnet18"):
        create_model('agsd_unet', encoder='vgg')
    with pytest.raises(ValueError, match='vanilla U-Net has no pretrained encoder'):
        create_model('agsd_unet', pretrained=True)
