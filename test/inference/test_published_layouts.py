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

"""Layouts of published weights: each is told from the others and converted."""

import ast
from pathlib import Path

import numpy as np
from published_files import zeros
import pytest
import torch

from surgseg_ros.inference.checkpoints import load_reported
from surgseg_ros.inference.checkpoints import read_info
from surgseg_ros.inference.deployable import DeployableNetwork
from surgseg_ros.inference.published_checkpoints import read_published
from surgseg_ros.inference.published_layouts import list_layouts
from surgseg_ros.inference.segmenter import Segmenter
from surgseg_ros.models import create_model
from surgseg_ros.models import model_info
from surgseg_ros.models.mffnet import RELEASED_OPTIONS

REFERENCE = Path(__file__).resolve().parents[1] / 'models' / 'reference'


def published_tensors(name, batch_counters=True):
    """Return zeros with the names and shapes of a published state dict."""
    lines = (REFERENCE / f'keys_{name}.txt').read_text(encoding='utf-8').splitlines()
    entries = [line.split('\t') for line in lines if not line.startswith('#')]
    return {
        key: zeros(ast.literal_eval(shape))
        for key, shape in entries
        if batch_counters or not key.endswith('num_batches_tracked')
    }


@pytest.mark.parametrize(
    ('reference', 'model', 'task', 'changes'),
    [
        ('ternaus_UNet_c1', 'unet', 'binary', []),
        ('ternaus_UNet11_c1', 'ternausnet11', 'binary', ['dropped 16']),
        ('ternaus_UNet16_c1', 'ternausnet16', 'binary', ['dropped 26']),
        ('ternaus_LinkNet34_c1', 'linknet34', 'binary', ['set 48 missing num_batches_tracked']),
        ('islam_InstrumentsMFF_c8', 'mffnet', 'types', ['mff_sub24_x2.mff_class.*']),
        ('smp_Unet_resnet34_c10', 'smp_unet_resnet34', 'sar_rarp50', []),
    ],
)
def test_every_published_layout_is_recognized(tmp_path, reference, model, task, changes):
    path = tmp_path / 'weights.pth'
    torch.save(published_tensors(reference, 'ternaus' not in reference), path)
    published = read_published(path)
    info = published.info
    assert (info.model, info.task) == (model, task)
    assert info.options.get('single_logit', False) == reference.endswith('_c1')
    for change in changes:
        assert change in str(published.report)


def test_the_released_network_of_islam(tmp_path):
    tensors = published_tensors('islam_InstrumentsMFF_c8')
    tensors['in_block.0.weight'] = torch.rand(64, 3, 7, 7)
    tensors['deconv2.weight'] = torch.rand(32, 8, 2, 2)
    path = tmp_path / 'epoch_76.pth.tar'
    torch.save({f'module.{name}': tensor for name, tensor in tensors.items()}, path)
    loaded = load_reported(path)
    state = loaded.model.state_dict()
    torch.testing.assert_close(state['encoder.conv1.weight'], tensors['in_block.0.weight'])
    torch.testing.assert_close(state['segmentation_head.2.weight'], tensors['deconv2.weight'])
    assert loaded.info.options == RELEASED_OPTIONS
    assert loaded.report.num_tensors == len(state)
    segmenter = Segmenter(path, 'cpu', 'auxiliary', input_size=(64, 64), backend='torch')
    assert segmenter.checkpoint_name == 'epoch_76'
    # The released code gives bytes to the network as they are.
    network = DeployableNetwork.from_checkpoint(loaded.model, loaded.info, 'auxiliary', 0.5)
    assert (200 * network.scale + network.offset).flatten().tolist() == pytest.approx([200] * 3)
    image = np.full((64, 64, 3), 200, np.uint8)
    assert segmenter.segment([image])[0].label_image.shape == (64, 64)


def test_weights_of_ours_with_the_released_options_are_not_taken_for_theirs(tmp_path):
    path = tmp_path / 'own.pt'
    with torch.device('meta'):
        model = create_model('mffnet', 'parts', **RELEASED_OPTIONS)
    torch.save({name: zeros(tensor.shape) for name, tensor in model.state_dict().items()}, path)
    info = read_info(path)
    assert info.options == RELEASED_OPTIONS
    assert info.std == model_info('mffnet').std


@pytest.mark.parametrize('layout', list_layouts(), ids=lambda layout: str(layout.options))
def test_options_are_read_off_the_tensors(tmp_path, layout):
    with torch.device('meta'):
        model = create_model(layout.model, 'binary', **layout.options)
    path = tmp_path / 'weights.pt'
    torch.save({name: zeros(tensor.shape) for name, tensor in model.state_dict().items()}, path)
    info = read_info(path)
    assert (info.model, info.task) == (layout.model, 'binary')
    assert {key: value for key, value in info.options.items() if value} == {
        key: value for key, value in layout.options.items() if value
    }
