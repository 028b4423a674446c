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

from golden_outputs import filled_model
from golden_outputs import logits_and_golden
from golden_outputs import output_shapes
from golden_outputs import probe_image
import numpy as np
import pytest
import torch


@pytest.fixture(scope='module')
def model():
    return filled_model('unet', 'binary', single_logit=True)


def test_output_equals_that_of_the_published_code(model):
    logits, golden = logits_and_golden(model, 'unet')
    np.testing.assert_allclose(logits, golden, rtol=0, atol=1e-4 * golden.std())


def test_shapes_of_the_stages(model):
    stages = [*(f'down.{level}' for level in range(5)), *(f'up.{level}' for level in range(4))]
    assert output_shapes(model, stages, torch.zeros(1, 3, 64, 96)) == {
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
    network = filled_model('unet', 'parts')
    with torch.inference_mode():
        sums = network(probe_image()).exp().sum(1)
    assert (sums - 1).abs().max() > 0.1
