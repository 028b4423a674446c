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

"""Published weights: every file is recognized, loads exactly, and is refused when altered."""

from published_files import assert_same_outputs
from published_files import ternaus_file
from published_files import zeros
import pytest
import torch

from surgseg_ros.inference.checkpoint_info import CheckpointError
from surgseg_ros.inference.checkpoints import load_checkpoint
from surgseg_ros.inference.checkpoints import load_reported
from surgseg_ros.inference.checkpoints import read_info
from surgseg_ros.models import create_model
from surgseg_ros.models import list_models
from surgseg_ros.models import model_info

IMAGENET_MEAN = (0.485, 0.456, 0.406)


@pytest.mark.parametrize('legacy', [True, False])
def test_a_ternaus_file_gives_its_network_and_preprocessing(tmp_path, ternausnet11, legacy):
    path = ternaus_file(ternausnet11, tmp_path / 'model_0.pt', legacy)
    loaded = load_reported(path)
    assert_same_outputs(loaded.model, ternausnet11)
    assert not loaded.model.training
    info = loaded.info
    assert (info.model, info.task, info.options) == (
        'ternausnet11', 'binary', {'single_logit': True},
    )  # fmt: skip
    assert (info.mean, info.input_size, info.threshold) == (IMAGENET_MEAN, (0, 0), 0.3)
    report = str(loaded.report)
    assert report.startswith('TernausNet-11 of ternaus/robot-surgery-segmentation, 40 tensors')
    assert "took the weights from 'model', not 'epoch', 'step'" in report
    assert "removed the prefix 'module.'" in report
    assert 'dropped 16 encoder.* tensors, equal to conv1 to conv5' in report
    assert report in info.notice
    assert read_info(path) == info


@pytest.mark.parametrize('name', list_models())
def test_a_state_dict_of_every_network_loads(tmp_path, name):
    with torch.device('meta'):
        shapes = create_model(name, 'parts').state_dict()
    tensors = {key: zeros(tensor.shape) + 1 for key, tensor in shapes.items()}
    path = tmp_path / 'weights.pth'
    torch.save({'state_dict': tensors, 'epoch': 3}, path)
    model, info = load_checkpoint(path)
    assert (info.model, info.task, info.threshold) == (name, 'parts', 0.5)
    assert info.mean == model_info(name).mean
    state = model.state_dict()
    assert all((state[key] == 1).all() for key in shapes)
    assert all(parameter.dtype == torch.float32 for parameter in model.parameters())


def drop_final_bias(tensors):
    del tensors['final.bias']


def widen_center(tensors):
    tensors['center.block.0.conv.weight'] = torch.zeros(512, 256, 3, 3)


def add_attention(tensors):
    tensors['attention.weight'] = torch.zeros(3)


def give_five_classes(tensors):
    tensors['final.weight'] = torch.zeros(5, 32, 1, 1)


def alter_alias(tensors):
    tensors['encoder.3.weight'] = tensors['conv2.0.weight'] + 1


def diverge(tensors):
    tensors['dec1.conv.bias'] = torch.full((32,), torch.nan)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (drop_final_bias, r'TernausNet-11 .*final.bias \(1,\) is missing'),
        (widen_center, r'conv.weight is \(512, 256, 3, 3\) instead of \(512, 512, 3, 3\)'),
        (add_attention, r'attention.weight \(3,\) is unknown'),
        (give_five_classes, r'has 5 classes.*4 \(parts\)'),
        (alter_alias, r'altered.pt cannot be used: encoder.3.weight and conv2.0.weight differ'),
        (diverge, r'dec1.conv.bias holds NaN'),
    ],
)
def test_files_that_match_in_part_are_refused(tmp_path, ternausnet11, change, message):
    tensors = dict(ternausnet11.state_dict())
    change(tensors)
    path = tmp_path / 'altered.pt'
    torch.save(tensors, path)
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(path)
