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
"""Tests of `surgseg train` in processes of its own, on files in the prepared layout."""

import json
import os
from pathlib import Path
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from safetensors.torch import load_file
import torch

from surgseg_ros.cli import main
from surgseg_ros.data.image_files import write_image
from surgseg_ros.inference.checkpoints import read_info

SETTINGS = (
    *('phases=[]', 'model=color_linear', 'auxiliary_weight=0', 'size=[96,64]', 'batch_size=4'),
    *('workers=0', 'cut={}', 'learning_rate=0.1', 'precision=fp32', 'validate_every=1000'),
)
DEADLINE_S = 120


@pytest.fixture(scope='module')
def prepared(tmp_path_factory):
    """Return a prepared data set: three videos of bright tools on dark noise."""
    rng = np.random.default_rng(0)
    root = tmp_path_factory.mktemp('prepared')
    for video in range(3):
        for frame in range(4):
            labels = np.zeros((64, 96), np.uint8)
            labels[rng.integers(5, 30) :][:25] = 1
            image = rng.integers(0, 60, (64, 96, 3), np.uint8)
            image[labels == 1] += 180
            folder = root / f'instrument_dataset_{video + 1}'
            for name, pixels in (('images', image), ('binary_masks', labels * 255)):
                (folder / name).mkdir(parents=True, exist_ok=True)
                write_image(folder / name / f'frame{frame:03d}.png', pixels)
    return root


def arguments(data, output, *settings):
    made = ['train', '--recipe', 'mffnet_cpu', '--data', str(data), '--output', str(output)]
    made += ['--device', 'cpu']
    for setting in (*SETTINGS, *settings):
        made += ['--set', setting]
    return made


def metrics_of(folder):
    return json.loads((folder / 'metrics.jsonl').read_text().splitlines()[-1])


def test_from_files_to_weights(prepared, tmp_path, capsys):
    assert main(arguments(prepared, tmp_path, 'steps=20')) == 0
    shown = capsys.readouterr().out
    assert 'mffnet_cpu: color_linear, task binary, 8 images train, 4 validate' in shown
    assert shown.endswith(f'read 12 images of {prepared}, used 12; left out: nothing\n')
    assert 'best.safetensors, trained for research' in shown
    assert metrics_of(tmp_path)['main']['instrument'] > 0.95


def test_programs_get_the_account_alone(prepared, tmp_path, capsys):
    assert main([*arguments(prepared, tmp_path, 'steps=1'), '--json']) == 0
    account = json.loads(capsys.readouterr().out)
    assert (account['read'], account['used'], account['inputs']) == (12, 12, [str(prepared)])


def test_weights_from_simulated_data_say_so(prepared, tmp_path, capsys):
    data = tmp_path / 'simulated'
    shutil.copytree(prepared, data)
    description = '{"settings": {"source_layout": "simulation"}, "hash": "abc"}'
    (data / 'dataset.json').write_text(description)
    assert main(arguments(data, tmp_path / 'run', 'steps=1')) == 0
    assert 'trained on simulated images only' in capsys.readouterr().out
    info = read_info(tmp_path / 'run' / 'best.safetensors')
    assert info.notice == 'trained on simulated images only, not for clinical use'
    assert info.provenance['hash'] == 'abc'
    assert info.provenance['training'].keys() < {f'instrument_dataset_{n}' for n in (1, 2, 3)}


def test_killed_in_the_middle_it_goes_on(prepared, tmp_path):
    """SIGKILL leaves no time to save anything; the state of the last second is enough."""
    settings = ('steps=120', 'save_every_s=0.2', 'augmentation={"flip_vertical": 0.5}')
    killed, whole = tmp_path / 'killed', tmp_path / 'whole'
    command = [sys.executable, '-m', 'surgseg_ros.cli', *arguments(prepared, killed, *settings)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + DEADLINE_S
    while not (killed / 'state.pt').is_file():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait(DEADLINE_S)
    assert not (killed / 'metrics.jsonl').exists(), 'it was over before it was killed'
    for folder in (killed, whole):
        assert main(arguments(prepared, folder, *settings)) == 0
    assert metrics_of(killed)['step'] == metrics_of(whole)['step'] == 120
    first, second = (load_file(folder / 'last.safetensors') for folder in (killed, whole))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_two_processes_train_as_one_does(prepared, tmp_path):
    settings = ('steps=6', 'augmentation={"flip_vertical": 0.5}')
    assert main(arguments(prepared, tmp_path / 'one', *settings)) == 0
    launch = [sys.executable, '-m', 'torch.distributed.run', '--standalone', '--nproc-per-node=2']
    command = [*launch, '-m', 'surgseg_ros.cli', *arguments(prepared, tmp_path / 'two', *settings)]
    environment = {**os.environ, 'OMP_NUM_THREADS': '1'}
    subprocess.run(command, check=True, timeout=DEADLINE_S, env=environment, capture_output=True)
    first, second = (load_file(tmp_path / name / 'last.safetensors') for name in ('one', 'two'))
    for name, values in first.items():
        torch.testing.assert_close(values.float(), second[name].float(), rtol=2e-3, atol=2e-3)
    expected, found = metrics_of(tmp_path / 'one'), metrics_of(tmp_path / 'two')
    assert found['main'] == pytest.approx(expected['main'], abs=0.01)


def test_all_offenders_are_listed_before_training(prepared, tmp_path, capsys):
    data = tmp_path / 'data'
    for source in prepared.rglob('*.png'):
        copy = data / source.relative_to(prepared)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(source.read_bytes())
    first, second, third = sorted(data.glob('*/binary_masks'))
    (first.parent / 'images' / 'frame000.png').write_bytes(b'no image')
    write_image(second / 'frame001.png', np.zeros((32, 96), np.uint8))
    write_image(third / 'frame002.png', np.full((64, 96), 77, np.uint8))
    (third / 'frame003.png').unlink()
    assert main(arguments(data, tmp_path / 'run', 'steps=5')) == 1
    shown = capsys.readouterr().err
    for name in (
        'instrument_dataset_1/images/frame000.png',
        'instrument_dataset_2/binary_masks/frame001.png',
        'instrument_dataset_3/binary_masks/frame002.png',
        'instrument_dataset_3/images/frame003.png',
    ):
        assert name in shown
    assert 'nothing was trained' in shown
    assert '77' in shown
    assert not (tmp_path / 'run').exists()


@pytest.mark.parametrize(
    ('changed', 'message'),
    [
        (['--data', 'nowhere'], 'nowhere'),
        (['--recipe', 'resnet'], "no recipe 'resnet'; give .*islam2019"),
        (['--set', 'split=thirds'], 'thirds.*islam2019'),
        (['--set', 'task=types'], 'types'),
    ],
)
def test_errors_name_the_cause(changed, message, prepared, tmp_path, capsys):
    assert main([*arguments(prepared, tmp_path / 'run', 'steps=1'), *changed]) == 1
    assert re.search(message, capsys.readouterr().err)


def test_recipes_are_listed_and_shown(capsys):
    assert main(['train', '--list']) == 0
    assert 'rasnet, task types, 320x256' in capsys.readouterr().out
    assert main(['train', '--recipe', 'rasnet', '--show']) == 0
    shown = capsys.readouterr().out
    assert '# Section II-D, equation (3)' in shown
    assert main(['train', '--recipe', 'rasnet']) == 1
    assert 'train needs --data, --output' in capsys.readouterr().err


def test_interrupted_by_the_keyboard_it_keeps_the_state(prepared, tmp_path):
    settings = ('steps=100000', 'save_every_s=0.2')
    command = [sys.executable, '-m', 'surgseg_ros.cli', *arguments(prepared, tmp_path, *settings)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + DEADLINE_S
    while not Path(tmp_path, 'state.pt').is_file():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 130
    assert b'interrupted; what was written so far is complete' in errors
    assert torch.load(tmp_path / 'state.pt', weights_only=True)['step'] > 0
