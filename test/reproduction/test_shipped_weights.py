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

import json

import pytest
from safetensors.torch import load_file
import torch

from surgseg_ros.cli import main
from surgseg_ros.data.prepared_folder import read_hash
from surgseg_ros.inference.checkpoints import list_shipped_checkpoints
from surgseg_ros.inference.checkpoints import read_info
from surgseg_ros.reproduction.shipped_weights import RUNS
from surgseg_ros.training.recipe import list_recipes

SMALL = (
    *('--videos', '2', '--frames', '2', '--device', 'cpu', '--workers', '1'),
    *(
        '--set',
        'phases=[]',
        '--set',
        'size=[96,64]',
        '--set',
        'batch_size=2',
        '--set',
        'workers=0',
    ),
    *('--set', 'steps=2', '--set', 'validate_every=1', '--set', 'precision=fp32'),
)


def test_every_run_has_a_recipe_and_starts_from_earlier_ones():
    assert {run.recipe for run in RUNS if run.recipe} <= set(list_recipes())
    made = []
    for run in RUNS:
        assert set(run.init) <= set(made)
        made.append(run.name)
    assert set(list_shipped_checkpoints()) <= set(made)


def check_mean(mean, folder):
    """Check that weights are the mean that they should be, and say so."""
    runs = [load_file(folder / f'{name}.safetensors') for name in mean.init]
    for name, value in load_file(folder / f'{mean.name}.safetensors').items():
        if value.is_floating_point():
            middle = torch.stack([run[name].float() for run in runs]).mean(0)
            assert torch.allclose(value.float(), middle, rtol=2e-3, atol=1e-6), name
    provenance = read_info(folder / f'{mean.name}.safetensors').provenance
    assert list(provenance['mean_of']) == list(mean.init)


def test_one_command_makes_all_weights(tmp_path, capsys):
    pytest.importorskip('mujoco', reason='rendering needs the simulation extra (mujoco)')
    assert main(['weights', '--output', str(tmp_path), *SMALL]) == 0
    printed = capsys.readouterr().out
    for run in (run for run in RUNS if run.data):
        digest = read_hash(tmp_path / f'data_{run.data.ranges}')
        info = read_info(tmp_path / f'{run.name}.safetensors')
        assert info.task == ('types' if 'types' in run.name else 'parts')
        assert info.provenance['hash'] == digest
        assert digest in printed
        scores = json.loads((tmp_path / f'{run.name}.json').read_text())
        assert scores['data_hash'] == digest
        assert [line['step'] for line in scores['validations']] == [1, 2]
    assert read_hash(tmp_path / 'data_wide') != read_hash(tmp_path / 'data_standard')
    for mean in (run for run in RUNS if not run.data):
        check_mean(mean, tmp_path)
    again = [
        read_info(tmp_path / f'mffnet_parts_{name}.safetensors').provenance['recipe']
        for name in ('third', 'fourth', 'fifth')
    ]
    assert [recipe['seed'] for recipe in again] == [0, 1, 2]
    assert all(recipe['size'] == [96, 64] for recipe in again)
    before = {path: path.read_bytes() for path in tmp_path.glob('*.safetensors')}
    # What is there is kept, whether a run was interrupted or not.
    assert main(['weights', '--output', str(tmp_path), *SMALL]) == 0
    assert {path: path.read_bytes() for path in tmp_path.glob('*.safetensors')} == before
