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

"""Tests of TernausNet-11 and TernausNet-16 against the facts of the published code."""

from golden_outputs import filled_model
from golden_outputs import logits_and_golden
from golden_outputs import output_shapes
import numpy as np
import pytest
import torch

from surgseg_ros.models import create_model
from surgseg_ros.models.encoders import vgg_features


@pytest.fixture(scope='module', params=[11, 16])
def depth(request):
    return request.param


@pytest.fixture(scope='module')
def model(depth):
    return filled_model(f'ternausnet{depth}', 'binary', single_logit=True)


def test_output_equals_that_of_the_published_code(model, depth):
    logits, golden = logits_and_golden(model, f'ternausnet{depth}')
    np.testing.assert_allclose(logits, golden, rtol=0, atol=1e-4 * golden.std())


def test_shapes_of_the_decoder(model, depth):
    dec4_out = {11: 128, 16: 256}[depth]
    decoder = ('center', 'dec5', 'dec4', 'dec3', 'dec2', 'dec1')
    assert output_shapes(model, decoder, torch.zeros(1, 3, 64, 96)) == {
        'center': (256, 4, 6),
        'dec5': (256, 8, 12),
        'dec4': (dec4_out, 16, 24),
        'dec3': (64, 32, 48),
        'dec2': (32, 64, 96),
        'dec1': (32, 64, 96),
    }


def test_no_tensor_has_two_names(model):
    """The published code names each tensor of the encoder twice, which safetensors refuses."""
    tensors = list(model.state_dict().values())
    assert len({tensor.data_ptr() for tensor in tensors}) == len(tensors)
    assert not any(name.startswith('encoder.') for name in model.state_dict())


def test_pretrained_encoder_from_a_file(depth, tmp_path):
    features = vgg_features(depth)
    path = tmp_path / 'vgg.pth'
    torch.save({f'features.{name}': value for name, value in features.state_dict().items()}, path)
    network = create_model(f'ternausnet{depth}', 'parts', pretrained=path)
    stages = (network.conv1, network.conv2, network.conv3, network.conv4, network.conv5)
    loaded = [tensor for stage in stages for tensor in stage.parameters()]
    for tensor, expected in zip(loaded, features.parameters(), strict=True):
        assert torch.equal(tensor, expected)
