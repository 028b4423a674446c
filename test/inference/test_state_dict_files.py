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

"""Files of weights that are not ours: tensors are read, everything else is refused."""

import argparse
import os
import pickle

import numpy as np
from published_files import assert_same_outputs
from published_files import random_model
from published_files import ternaus_file
from published_files import write_smp_folder
import pytest
from safetensors.torch import save_file
import torch

from surgseg_ros.inference.checkpoint_info import CheckpointError
from surgseg_ros.inference.checkpoints import check_permitted
from surgseg_ros.inference.checkpoints import check_sha256
from surgseg_ros.inference.checkpoints import load_checkpoint
from surgseg_ros.inference.checkpoints import load_reported
from surgseg_ros.inference.segmenter import Segmenter


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


def test_another_pickle_protocol_is_named(tmp_path):
    path = tmp_path / 'weights.pt'
    torch.save(random_model('color_linear').state_dict(), path, pickle_protocol=4)
    with pytest.raises(CheckpointError, match=r'another pickle_protocol .*or is damaged'):
        load_checkpoint(path)


def test_a_whole_network_is_refused_with_a_remedy(tmp_path, ternausnet11):
    path = tmp_path / 'network.pt'
    torch.save(ternausnet11, path)
    with pytest.raises(CheckpointError, match=r'TernausNet11.*network\.state_dict\(\)'):
        load_checkpoint(path)


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ([torch.zeros(1)], 'holds a list, no state dict'),
        (
            {'state_dict': {}, 'optimizer': 3},
            r"entries \['state_dict', 'optimizer'\] are no tensors",
        ),
        ({'a.weight': torch.zeros(2), 'b': torch.zeros(1)}, 'belong to no network that is known'),
        ({}, 'are no tensors'),
        ({'conv_final.weight': torch.zeros(2, 2).to_sparse()}, 'sparse'),
        ({'conv_final.weight': torch.zeros(2, device='meta')}, 'meta tensor'),
        (
            {'state_dict': {}, 'hyper_parameters': {'decoder_interpolation': 'bilinear'}},
            "decoder_interpolation 'bilinear'",
        ),
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
        ('notes.txt', 'neither safetensors nor'),
        ('text.pth', 'cannot be used'),
    ):
        with pytest.raises(CheckpointError, match=message):
            load_checkpoint(tmp_path / name)


LINEAR = random_model('color_linear').state_dict()


@pytest.mark.parametrize(
    ('content', 'told'),
    [
        (
            {'net': LINEAR, 'optimizer': {'state': {0: {'step': torch.zeros(1)}}}},
            "not 'optimizer'",
        ),
        ({'model_state_dict': LINEAR, 'best_score': torch.ones(1)}, "not 'best_score'"),
        ({'weights': LINEAR, 'args': argparse.Namespace(lr=0.1)}, "from 'weights', not 'args'"),
        ({'model': {'module': LINEAR, 'decay': 0.99}}, "from 'module', not 'decay'"),
        (LINEAR | {'epoch': 3}, "left out 'epoch', no tensors"),
        (
            {
                'state_dict': {name: tensor + 1 for name, tensor in LINEAR.items()},
                'state_dict_ema': LINEAR,
            },
            "took the weights from 'state_dict_ema', not 'state_dict'",
        ),
    ],
)
def test_weights_are_found_beside_other_things(tmp_path, content, told):
    path = tmp_path / 'checkpoint.pth'
    torch.save(content, path)
    loaded = load_reported(path)
    assert told in str(loaded.report)
    for name, tensor in loaded.model.state_dict().items():
        torch.testing.assert_close(tensor, LINEAR[name], rtol=0, atol=0)


def test_options_of_a_command_line_may_not_hold_code(tmp_path):
    mark, path = tmp_path / 'was_here', tmp_path / 'timm.pth'
    torch.save({'state_dict': LINEAR, 'args': argparse.Namespace(x=Intruder(mark))}, path)
    with pytest.raises(CheckpointError, match=r'more than tensors .*(posix|nt)\.system'):
        load_checkpoint(path)
    assert not mark.exists()


@pytest.mark.parametrize(
    'name', ['a.PTH', 'a.CKPT', 'a.Safetensors', 'a.pt.tar', 'a', '.a.pth', 'a.pkl', 'a.pt (1)']
)
def test_the_content_decides_not_the_name(tmp_path, name):
    path = tmp_path / name
    for save in (torch.save, save_file):
        save(LINEAR, path)
        assert load_checkpoint(path)[1].model == 'color_linear'


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float64])
def test_weights_of_any_precision_become_single(tmp_path, dtype):
    path = tmp_path / 'half.pt'
    torch.save({name: tensor.to(dtype) for name, tensor in LINEAR.items()}, path)
    for name, tensor in load_checkpoint(path)[0].state_dict().items():
        torch.testing.assert_close(tensor, LINEAR[name].to(dtype).float(), rtol=0, atol=0)


def test_safetensors_with_metadata_of_others(tmp_path):
    path = tmp_path / 'weights.safetensors'
    save_file(LINEAR, path, {'format': 'pt', 'epoch': '3'})
    assert load_checkpoint(path)[1].model == 'color_linear'


def test_files_of_the_present_package_keep_their_description_under_any_name(
    tmp_path, red_checkpoint
):
    path = tmp_path / 'RED.PT'
    path.write_bytes(red_checkpoint.read_bytes())
    assert load_checkpoint(path)[1] == load_checkpoint(red_checkpoint)[1]


@pytest.mark.parametrize('legacy', [True, False])
def test_damage_is_not_called_code(tmp_path, legacy):
    path = tmp_path / 'weights.pt'
    torch.save(LINEAR, path, _use_new_zipfile_serialization=not legacy)
    whole = path.read_bytes()
    for size in (len(whole) // 4, len(whole) // 2, len(whole) - 10):
        path.write_bytes(whole[:size])
        with pytest.raises(CheckpointError, match='damaged') as error:
            load_checkpoint(path)
        assert 'weights_only' not in str(error.value)
        assert '\n' not in str(error.value)


def test_old_versions_of_torch_open_no_pickles(tmp_path, monkeypatch):
    path = tmp_path / 'weights.pt'
    torch.save(random_model('color_linear').state_dict(), path)
    monkeypatch.setattr(torch, '__version__', '2.5.1+cpu')
    with pytest.raises(CheckpointError, match=r'torch 2\.6.*surgseg export'):
        load_checkpoint(path)
