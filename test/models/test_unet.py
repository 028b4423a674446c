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

"""Tests of the plain U-Net of Shvets et al. 2018 against the facts of the published code."""

from golden_outputs import fill_tensors
from golden_outputs import probe_image
from golden_outputs import read_golden
from golden_outputs import sample_logits
import numpy as np
import pytest
import torch

from surgseg_ros.models import create_model


@pytest.fixture(scope='module')
def model():
    network = create_model('unet', 'binary', single_logit=True).eval()
    fill_tensors(network)
    return network


def test_output_equals_that_of_the_published_code(model):
    with torch.inference_mode():
        logits = sample_logits(model(probe_image()))
    golden = read_golden('unet')
    np.testing.assert_allclose(logits, golden, rtol=0, atol=1e-4 * golden.std())


def test_shapes_of_the_stages(model):
    shapes = {}
    for name, module in [*model.down.named_children(), *model.up.named_children()]:
        side = 'down' if module in model.down.children() else 'up'
        module.register_forward_hook(
            lambda _module, _inputs, output, key=f'{side}.{name}': shapes.update(
                {key: tuple(output.shape[1:])}
            )
        )
    with torch.inference_mode():
        model(torch.zeros(1, 3, 64, 96))
    assert shapes == {
        'down.0': (32, 64, 96),
        'down.1': (64, 32, 48),
        'down.2': (128, 16, 24),
        'down.3': (256, 8, 12),
        'down.4': (512, 2, 3),
        'up.3': (256, 8, 12),
        'up.2': (128, 16, 24),
        'up.1': (64, 32, 48),
        'up.0': (32, 64, 96),
    }


def test_logits_are_not_normalized():
    """The published code returns log-softmax for more than one class; ours must not."""
    network = create_model('unet', 'parts').eval()
    fill_tensors(network)
    with torch.inference_mode():
        sums = network(probe_image()).exp().sum(1)
    assert (sums - 1).abs().max() > 0.1
