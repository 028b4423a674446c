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

"""Tests of the U-Net of Segmentation Models PyTorch against what that library computes."""

from golden_outputs import filled_model
from golden_outputs import logits_and_golden
import numpy as np
import torch

from surgseg_ros.models import create_model


def test_logits_are_those_of_the_library():
    """The golden file was made by smp.Unet('resnet34', classes=10) of version 0.6.0."""
    model = filled_model('smp_unet_resnet34', 'sar_rarp50')
    logits, golden = logits_and_golden(model, 'smp_unet_resnet34')
    np.testing.assert_allclose(logits, golden, rtol=1e-4, atol=1e-4 * np.abs(golden).max())


def test_decoder_is_initialized_like_the_library():
    """Kaiming-uniform weights are bounded by sqrt(6 / fan-in); torch's default is narrower."""
    weight = create_model('smp_unet_resnet34').decoder.blocks[0].conv1[0].weight
    bound = (6 / (768 * 9)) ** 0.5
    assert 0.99 * bound < weight.abs().max() <= bound


def test_logits_have_the_size_of_the_input():
    model = create_model('smp_unet_resnet34', 'sar_rarp50').eval()
    with torch.inference_mode():
        assert model.compute_logits(torch.zeros(1, 3, 64, 32)).shape == (1, 10, 64, 32)
