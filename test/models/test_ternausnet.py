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

from golden_outputs import fill_tensors
from golden_outputs import probe_image
from golden_outputs import read_golden
from golden_outputs import sample_logits
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
    network = create_model(f'ternausnet{depth}', 'binary', single_logit=True).eval()
    fill_tensors(network)
    return network


def test_output_equals_that_of_the_published_code(model, depth):
    with torch.inference_mode():
        logits = sample_logits(model(probe_image()))
    golden = read_golden(f'ternausnet{depth}')
    np.testing.assert_allclose(logits, golden, rtol=0, atol=1e-4 * golden.std())


def test_shapes_of_the_decoder(model, depth):
    shapes = []
    handles = [
        module.register_forward_hook(
            lambda _module, _inputs, output: shapes.append(tuple(output.shape[1:]))
        )
        for module in (model.center, model.dec5, model.dec4, model.dec3, model.dec2, model.dec1)
    ]
    with torch.inference_mode():
        model(torch.zeros(1, 3, 64, 96))
    for handle in handles:
        handle.remove()
    dec4_out = {11: 128, 16: 256}[depth]
    assert shapes == [
        (256, 4, 6),
        (256, 8, 12),
        (dec4_out, 16, 24),
        (64, 32, 48),
        (32, 64, 96),
        (32, 64, 96),
    ]


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
