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

"""Tests of the checkpoint format."""

from pathlib import Path

import pytest
from safetensors.torch import load_file
from safetensors.torch import save_file
import torch

from surgseg_ros.inference.checkpoints import check_permitted
from surgseg_ros.inference.checkpoints import checkpoint_name
from surgseg_ros.inference.checkpoints import CheckpointError
from surgseg_ros.inference.checkpoints import CheckpointInfo
from surgseg_ros.inference.checkpoints import DEFAULT_CHECKPOINT
from surgseg_ros.inference.checkpoints import list_shipped_checkpoints
from surgseg_ros.inference.checkpoints import load_checkpoint
from surgseg_ros.inference.checkpoints import read_info
from surgseg_ros.inference.checkpoints import resolve_checkpoint
from surgseg_ros.inference.checkpoints import save_checkpoint
from surgseg_ros.inference.checkpoints import WEIGHTS_FOLDER
from surgseg_ros.models import create_model


def test_round_trip(tmp_path):
    model = create_model('mffnet', 'binary', stem_decoder=True).eval()
    info = CheckpointInfo(
        'mffnet',
        'binary',
        (320, 256),
        mean=(0.1, 0.2, 0.3),
        std=(0.5, 0.5, 0.5),
        options={'stem_decoder': True},
        notice='a note',
        provenance={'steps': 3},
        resize='stretch',
        threshold=0.3,
    )
    path = tmp_path / 'folder' / 'model.safetensors'
    save_checkpoint(path, model, info)
    loaded, loaded_info = load_checkpoint(path)
    assert loaded_info == info
    assert not loaded.training
    assert [p.name for p in path.parent.iterdir()] == ['model.safetensors']
    for name, tensor in model.state_dict().items():
        stored = loaded.state_dict()[name]
        torch.testing.assert_close(stored, tensor.half().to(tensor.dtype), rtol=0, atol=0)


def test_shipped_weights_load_and_say_what_they_are():
    assert DEFAULT_CHECKPOINT in list_shipped_checkpoints()
    path = resolve_checkpoint(DEFAULT_CHECKPOINT)
    info = read_info(path)
    assert (info.model, info.task) == ('mffnet', 'parts')
    assert 'not for clinical use' in info.notice
    assert path.stat().st_size < 32 * 2**20
    assert path.with_suffix('.md').is_file()
    load_checkpoint(path)


@pytest.mark.parametrize('name', ['shipped', DEFAULT_CHECKPOINT])
def test_names_of_shipped_weights_mean_no_other_files(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    Path(name).write_text('a file of this name in the current folder')
    assert resolve_checkpoint(name) == WEIGHTS_FOLDER / f'{DEFAULT_CHECKPOINT}.safetensors'
    assert resolve_checkpoint(f'./{name}') == Path(name)
    check_permitted(name, str(tmp_path / 'elsewhere'))
    with pytest.raises(CheckpointError, match='is not below'):
        check_permitted(f'./{name}', str(tmp_path / 'elsewhere'))


def test_missing_file_lists_shipped_names(tmp_path):
    with pytest.raises(CheckpointError, match=rf'no_such.*one of: .*{DEFAULT_CHECKPOINT}'):
        load_checkpoint(tmp_path / 'no_such.safetensors')


def test_file_of_another_kind(tmp_path):
    path = tmp_path / 'text.safetensors'
    path.write_text('this is no checkpoint, but it is long enough to have a header')
    with pytest.raises(CheckpointError, match='text.safetensors cannot be used'):
        load_checkpoint(path)


def test_truncated_file(tmp_path, red_checkpoint):
    path = tmp_path / 'short.safetensors'
    path.write_bytes(red_checkpoint.read_bytes()[:-4])
    with pytest.raises(CheckpointError, match='short.safetensors'):
        load_checkpoint(path)


def test_tensors_without_our_metadata(tmp_path, red_checkpoint):
    path = tmp_path / 'bare.safetensors'
    save_file(load_file(red_checkpoint), path)
    model, info = load_checkpoint(path)
    assert (info.model, info.task) == ('color_linear', 'binary')
    assert 'color_linear of this package' in info.notice
    assert model.state_dict().keys() == load_file(red_checkpoint).keys()


def test_files_from_before_resize_and_threshold_load(tmp_path, red_checkpoint):
    path = tmp_path / 'old.safetensors'
    metadata = read_info(red_checkpoint).to_metadata()
    del metadata['resize'], metadata['threshold']
    save_file(load_file(red_checkpoint), path, metadata)
    assert read_info(path) == read_info(red_checkpoint)


def test_names_to_show():
    assert checkpoint_name(Path('a/model_0.pt')) == 'model_0'
    assert checkpoint_name(Path('epoch_76.pth.tar')) == 'epoch_76'
    assert checkpoint_name(Path('folder.v2')) == 'folder.v2'


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'class_names': '["background", "tool"]'}, "classes .* are not those of task 'binary'"),
        ({'model': '"no_net"'}, "unknown model 'no_net'"),
        ({'task': '"no_task"'}, "unknown task 'no_task'"),
        ({'model': '"mffnet"'}, 'Missing key'),
        ({'mean': '['}, 'incomplete or damaged'),
        ({'surprise': '1'}, 'incomplete or damaged'),
        ({'format': 'surgseg_ros/2'}, "metadata does not say format 'surgseg_ros/1'"),
        ({'resize': '"crop"'}, "unknown resize mode 'crop'; choose one of: fit, stretch"),
        ({'threshold': '1.0'}, 'between 0 and 1'),
    ],
)
def test_metadata_that_does_not_fit(tmp_path, red_checkpoint, changes, message):
    path = tmp_path / 'wrong.safetensors'
    metadata = read_info(red_checkpoint).to_metadata() | changes
    save_file(load_file(red_checkpoint), path, metadata)
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(path)
