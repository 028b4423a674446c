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

"""Published weights: every layout is recognized, converted exactly, and refused when altered."""

import ast
import json
import os
from pathlib import Path
import pickle

import numpy as np
import pytest
from safetensors.torch import save_file
import torch

from surgseg_ros.inference.checkpoint_info import CheckpointError
from surgseg_ros.inference.checkpoints import check_permitted
from surgseg_ros.inference.checkpoints import check_sha256
from surgseg_ros.inference.checkpoints import load_checkpoint
from surgseg_ros.inference.checkpoints import load_reported
from surgseg_ros.inference.checkpoints import read_info
from surgseg_ros.inference.deployable import DeployableNetwork
from surgseg_ros.inference.published_checkpoints import list_layouts
from surgseg_ros.inference.published_checkpoints import read_published
from surgseg_ros.inference.segmenter import Segmenter
from surgseg_ros.models import create_model
from surgseg_ros.models import list_models
from surgseg_ros.models import model_info
from surgseg_ros.models.mffnet import RELEASED_OPTIONS

REFERENCE = Path(__file__).resolve().parents[1] / 'models' / 'reference'
IMAGENET_MEAN = (0.485, 0.456, 0.406)
SMP_CONFIG = {
    '_model_class': 'Unet',
    'encoder_name': 'resnet34',
    'encoder_depth': 5,
    'in_channels': 3,
    'classes': 10,
    'activation': None,
}


def zeros(shape):
    """Return zeros that take no place in memory or file."""
    return torch.zeros(()).expand(shape)


def published_tensors(name, batch_counters=True):
    """Return zeros with the names and shapes of a published state dict."""
    lines = (REFERENCE / f'keys_{name}.txt').read_text(encoding='utf-8').splitlines()
    entries = [line.split('\t') for line in lines if not line.startswith('#')]
    return {
        key: zeros(ast.literal_eval(shape))
        for key, shape in entries
        if batch_counters or not key.endswith('num_batches_tracked')
    }


def random_model(name, task='binary', **options):
    torch.manual_seed(0)
    return create_model(name, task, **options).eval()


def assert_same_outputs(first, second):
    image = torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        torch.testing.assert_close(first(image), second(image), rtol=0, atol=0)


@pytest.fixture(scope='module')
def ternausnet11():
    return random_model('ternausnet11', single_logit=True)


def ternaus_file(model, path, legacy=True):
    """Write a file as the published training code does: every VGG tensor twice, parallel."""
    tensors = dict(model.state_dict())
    indices = {
        'conv1.0': 0,
        'conv2.0': 3,
        'conv3.0': 6,
        'conv3.2': 8,
        'conv4.0': 11,
        'conv4.2': 13,
        'conv5.0': 16,
        'conv5.2': 18,
    }
    for convolution, index in indices.items():
        for part in ('weight', 'bias'):
            tensors[f'encoder.{index}.{part}'] = tensors[f'{convolution}.{part}']
    content = {
        'model': {f'module.{name}': tensor for name, tensor in tensors.items()},
        'epoch': 20,
        'step': 6740,
    }
    torch.save(content, path, _use_new_zipfile_serialization=not legacy)
    return path


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


def write_smp_folder(folder, tensors, **changes):
    folder.mkdir()
    save_file(tensors, folder / 'model.safetensors')
    (folder / 'config.json').write_text(json.dumps(SMP_CONFIG | changes))


def test_a_folder_of_save_pretrained(tmp_path):
    folder = tmp_path / 'smp_model'
    model = random_model('smp_unet_resnet34', 'sar_rarp50')
    write_smp_folder(folder, model.state_dict(), activation='softmax2d')
    loaded = load_reported(folder)
    assert_same_outputs(loaded.model, model)
    info = loaded.info
    assert (info.input_size, info.resize, info.std) == ((256, 256), 'stretch', (1.0, 1.0, 1.0))
    assert "left out activation 'softmax2d'" in str(loaded.report)
    segmenter = Segmenter(folder, 'cpu', backend='torch')
    assert segmenter.checkpoint_name == 'smp_model'
    (result,) = segmenter.segment([np.zeros((108, 192, 3), np.uint8)])
    assert result.network_size == (256, 256)
    assert result.label_image.shape == (108, 192)


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'encoder_name': 'resnet50'}, "encoder_name is 'resnet50', not 'resnet34'"),
        ({'_model_class': 'FPN'}, "_model_class is 'FPN', not 'Unet'"),
        ({'decoder_interpolation': 'bilinear'}, "not 'nearest'"),
    ],
)
def test_other_networks_of_smp_are_refused(tmp_path, changes, message):
    write_smp_folder(tmp_path / 'smp', {'any.weight': torch.zeros(1)}, **changes)
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(tmp_path / 'smp')


def test_a_folder_without_a_model(tmp_path):
    with pytest.raises(CheckpointError, match='save_pretrained'):
        load_checkpoint(tmp_path)
    with pytest.raises(CheckpointError, match=r"holds no 'model.safetensors'"):
        check_sha256(tmp_path, '0' * 64)


def test_links_in_a_folder_do_not_lead_out_of_the_permitted_one(tmp_path):
    allowed, secret = tmp_path / 'allowed', tmp_path / 'secret.safetensors'
    allowed.mkdir()
    write_smp_folder(allowed / 'good', {'any.weight': torch.zeros(1)})
    check_permitted(str(allowed / 'good'), str(allowed))
    (allowed / 'good' / 'model.safetensors').rename(secret)
    (allowed / 'good' / 'model.safetensors').symlink_to(secret)
    with pytest.raises(CheckpointError, match='checkpoint_directory'):
        check_permitted(str(allowed / 'good'), str(allowed))


class Intruder:
    """An object whose unpickling runs a command."""

    def __init__(self, mark):
        self._mark = mark

    def __reduce__(self):
        return os.system, (f'touch {self._mark}',)


@pytest.mark.parametrize('zipped', [True, False])
def test_code_in_a_file_is_not_run(tmp_path, zipped):
    mark, path = tmp_path / 'was_here', tmp_path / 'model_0.pt'
    content = {'model': {'final.weight': torch.zeros(1)}, 'epoch': Intruder(mark)}
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(CheckpointError, match=r'more than tensors .*(posix|nt)\.system') as error:
        load_checkpoint(path)
    assert 'weights_only' not in str(error.value)
    assert not mark.exists()


def test_a_plain_pickle_is_not_run(tmp_path):
    mark, path = tmp_path / 'was_here', tmp_path / 'weights.bin'
    path.write_bytes(pickle.dumps(Intruder(mark), protocol=2))
    with pytest.raises(CheckpointError, match=r'weights.bin cannot be used'):
        load_checkpoint(path)
    assert not mark.exists()


def test_a_whole_network_is_refused_with_a_remedy(tmp_path, ternausnet11):
    path = tmp_path / 'network.pt'
    torch.save(ternausnet11, path)
    with pytest.raises(CheckpointError, match=r'TernausNet11.*network\.state_dict\(\)'):
        load_checkpoint(path)


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


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ([torch.zeros(1)], 'holds a list, no state dict'),
        ({'optimizer': 3}, r"entries \['optimizer'\] are no tensors"),
        ({'a.weight': torch.zeros(2), 'b': torch.zeros(1)}, 'belong to no network that is known'),
        ({}, 'are no tensors'),
        ({'conv_final.weight': torch.zeros(2, 2).to_sparse()}, 'sparse'),
    ],
)
def test_other_contents_are_refused(tmp_path, content, message):
    path = tmp_path / 'other.pt'
    torch.save(content, path)
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(path)


def test_damaged_and_foreign_files_are_refused(tmp_path, ternausnet11):
    path = ternaus_file(ternausnet11, tmp_path / 'model_0.pt')
    path.write_bytes(path.read_bytes()[:-100_000])
    (tmp_path / 'notes.txt').write_text('no weights')
    (tmp_path / 'text.pth').write_text('no weights')
    for name, message in (
        ('model_0.pt', 'damaged'),
        ('notes.txt', r"suffix '.txt'"),
        ('text.pth', 'cannot be used'),
    ):
        with pytest.raises(CheckpointError, match=message):
            load_checkpoint(tmp_path / name)


def test_old_versions_of_torch_open_no_pickles(tmp_path, monkeypatch):
    path = tmp_path / 'weights.pt'
    torch.save(random_model('color_linear').state_dict(), path)
    monkeypatch.setattr(torch, '__version__', '2.5.1+cpu')
    with pytest.raises(CheckpointError, match=r'torch 2\.6.*surgseg export'):
        load_checkpoint(path)
