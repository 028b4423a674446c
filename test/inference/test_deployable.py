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

"""Tests of networks with folded batch norms and with normalization inside."""

import copy

import pytest
import torch
from torch import nn

from surgseg_ros.inference.deployable import DeployableNetwork
from surgseg_ros.inference.deployable import fold_batch_norms
from surgseg_ros.models import create_model
from surgseg_ros.models import list_models
from surgseg_ros.models import model_info

MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.25, 0.3)


def _with_statistics(model):
    """Give the batch norms what they would have learned; new ones change next to nothing."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.2)
    return model.eval()


@pytest.mark.parametrize('name', list_models())
def test_folding_leaves_no_batch_norm_in_the_way_and_the_outputs_as_they_are(name):
    torch.manual_seed(0)
    model = _with_statistics(create_model(name, 'parts'))
    folded = copy.deepcopy(model)
    fold_batch_norms(folded)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())
    image = torch.rand(2, 3, 64, 96)
    with torch.inference_mode():
        for branch in model_info(name).branches:
            expected = model.compute_logits(image, branch)
            found = folded.compute_logits(image, branch)
            largest = expected.abs().max().item()
            torch.testing.assert_close(found, expected, rtol=0, atol=1e-4 * largest)


def test_bytes_are_normalized_and_scores_compared_inside():
    torch.manual_seed(0)
    model = create_model('color_linear', 'binary', single_logit=True).eval()
    network = DeployableNetwork(model, MEAN, STD, threshold=0.3)
    images = torch.randint(0, 256, (2, 20, 30, 3), dtype=torch.uint8)
    normalized = (images / 255 - torch.tensor(MEAN)) / torch.tensor(STD)
    with torch.inference_mode():
        expected = model.compute_logits(normalized.permute(0, 3, 1, 2)).sigmoid()[:, 0] > 0.3
        logits = network(images)
    assert logits.shape == (2, 2, 20, 30)
    assert torch.equal(logits.argmax(1).bool(), expected)


def test_images_of_any_size_are_padded():
    network = DeployableNetwork(create_model('mffnet', 'parts').eval(), MEAN, STD)
    with torch.inference_mode():
        assert network(torch.zeros(1, 50, 70, 3, dtype=torch.uint8)).shape == (1, 4, 50, 70)
        assert network(torch.zeros(1, 64, 96, 3, dtype=torch.uint8)).shape == (1, 4, 32, 48)


def test_an_unknown_branch_is_refused():
    with pytest.raises(ValueError, match="no branch 'side'"):
        DeployableNetwork(create_model('mffnet', 'parts'), MEAN, STD, 'side')
