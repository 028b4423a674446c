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

"""Tests of LinkNet-34 of Shvets et al. 2018 against the facts of the published code."""

from golden_outputs import filled_model
from golden_outputs import logits_and_golden
from golden_outputs import output_shapes
import numpy as np
import pytest
import torch

from surgseg_ros.models import create_model
from surgseg_ros.models.encoders import resnet_trunk


@pytest.fixture(scope='module')
def model():
    return filled_model('linknet34', 'binary', single_logit=True)


def test_output_equals_that_of_the_published_code(model):
    logits, golden = logits_and_golden(model, 'linknet34')
    np.testing.assert_allclose(logits, golden, rtol=0, atol=1e-4 * golden.std())


@pytest.mark.parametrize('size', [(32, 32), (64, 96), (96, 32)])
def test_head_ends_at_the_size_of_the_image(model, size):
    """Rows become 2 h + 1, 2 h - 1, 2 h through the head."""
    height, width = size
    head = ('finaldeconv1', 'finalconv2', 'finalconv3')
    assert output_shapes(model, head, torch.zeros(1, 3, *size)) == {
        'finaldeconv1': (32, height + 1, width + 1),
        'finalconv2': (32, height - 1, width - 1),
        'finalconv3': (1, height, width),
    }
    with torch.inference_mode():
        assert model.compute_logits(torch.zeros(1, 3, *size)).shape == (1, 1, height, width)


def test_pretrained_encoder_from_a_file(tmp_path):
    trunk = resnet_trunk(34)
    path = tmp_path / 'resnet34.pth'
    torch.save({**trunk.state_dict(), 'fc.bias': torch.zeros(1000)}, path)
    network = create_model('linknet34', 'parts', pretrained=str(path))
    encoder = (
        network.firstconv,
        network.firstbn,
        network.encoder1,
        network.encoder2,
        network.encoder3,
        network.encoder4,
    )
    for module, expected in zip(encoder, trunk.values(), strict=True):
        for tensor, other in zip(module.parameters(), expected.parameters(), strict=True):
            assert torch.equal(tensor, other)
