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
"""Tests of the runs behind the tables, on a drawn data set and a linear network."""

from dataclasses import replace
import json

import numpy as np
import pytest

from surgseg_ros.cli import main
from surgseg_ros.data.image_files import write_image
from surgseg_ros.reproduction.budget import SMALL
from surgseg_ros.reproduction.experiments import Adaptation
from surgseg_ros.reproduction.experiments import Cell
from surgseg_ros.reproduction.experiments import Row
from surgseg_ros.reproduction.experiments import Table
from surgseg_ros.reproduction.experiments import Training
from surgseg_ros.reproduction.page import format_page
from surgseg_ros.reproduction.running import Runner

BUDGET = replace(
    SMALL,
    settings=(
        'size=[96,64]',
        'steps=15',
        'batch_size=4',
        'workers=0',
        'cut={}',
        'augmentation={}',
    ),
    adaptation={'steps': 2, 'size': (96, 64), 'feature_size': (96, 64)},
)
TRAINING = Training(
    'mffnet_cpu', ('phases=[]', 'model=color_linear', 'auxiliary_weight=0', 'learning_rate=0.1')
)
ADAPTATION = Adaptation((('foreground_diffusion', False), ('background_diffusion', False)))


@pytest.fixture(scope='module')
def drawn_videos(tmp_path_factory):
    """Return a prepared data set of gray tools on reddish noise."""
    rng = np.random.default_rng(0)
    root = tmp_path_factory.mktemp('drawn')
    for video in range(2):
        folder = root / f'instrument_dataset_{video + 1}'
        for name in ('images', 'binary_masks'):
            (folder / name).mkdir(parents=True)
        for frame in range(4):
            labels = np.zeros((64, 96), np.uint8)
            labels[10 + 5 * frame :][:20, 20:90] = 1
            image = rng.integers(0, 60, (64, 96, 3), np.uint8)
            image[..., 0] += 90
            image[labels == 1] = rng.integers(170, 200, (labels.sum(), 1), np.uint8)
            write_image(folder / 'images' / f'frame{frame:03d}.png', image)
            write_image(folder / 'binary_masks' / f'frame{frame:03d}.png', labels * 255)
    return root


@pytest.fixture
def runner(drawn_videos, tmp_path):
    return Runner(BUDGET, drawn_videos, drawn_videos, tmp_path / 'runs', 'cpu')


def test_a_training_is_scored_and_kept(runner, tmp_path):
    seen = []
    results = runner.run_all([TRAINING], lambda done: seen.append(len(done)))
    metrics = results[TRAINING]['main']
    assert metrics['dice_islam2019'] > 0.95
    assert metrics['hausdorff'] is not None
    assert seen == [0, 1]
    assert not list((tmp_path / 'runs').rglob('state.pt'))
    path = tmp_path / 'runs' / TRAINING.key / 'result.json'
    kept = json.loads(path.read_text())
    assert kept['command'] == runner.command(TRAINING)
    # What is kept is read, not run again.
    kept['result']['main']['dice_islam2019'] = 0.5
    path.write_text(json.dumps(kept))
    results = runner.run_all([TRAINING], lambda done: None)
    assert results[TRAINING]['main']['dice_islam2019'] == 0.5


def test_an_adaptation_is_scored(runner):
    result = runner.run_all([ADAPTATION], lambda done: None)[ADAPTATION]
    assert result.keys() == {'positive', 'inverted_negative', 'prediction'}
    assert 0.5 < result['positive']['dice'] <= 1


def test_commands_are_those_of_a_user(runner):
    command = runner.command(TRAINING)
    assert command.startswith('surgseg train --recipe mffnet_cpu --data data --set ')
    assert "--set 'size=[96,64]'" in command
    assert '--set foreground_diffusion=false' in runner.command(ADAPTATION)


def test_the_page_has_our_figure_beside_that_of_the_paper():
    other = Training('rasnet')
    rows = (
        Row('Ours', (Cell((TRAINING,), 'main.dice', 0.916), Cell((TRAINING,), 'main.iou'))),
        Row('Theirs', paper=(0.8,)),
        Row('Later', (Cell((other,), 'main.dice', 0.5), Cell((TRAINING, other), 'main.iou'))),
    )
    table = Table('Table I', ('Dice', 'IoU'), rows, ('A note.',))
    results = {TRAINING: {'main': {'dice': 0.25, 'iou': None}}}
    page = format_page([table], results, BUDGET, 'Computer: a.', 'surgseg reproduce', repr)
    lines = [' '.join(line.split()) for line in page.splitlines()]
    assert '| Ours | 0.250 (0.916) | undefined | 1 |' in lines
    assert '| Theirs | - (0.8) | - | - |' in lines
    assert '| Later | … (0.5) | … | 2, 1 |' in lines
    assert 'Simulated data' in page
    assert 'A note.' in lines
    assert f'# 1\n{TRAINING!r}' in page


def test_the_command_says_which_tables_there_are(tmp_path, capsys):
    assert main(['reproduce', '--output', str(tmp_path), '--tables', 'VGG']) == 1
    shown = capsys.readouterr().err
    assert 'no table has VGG in its title' in shown
    assert 'RASNet' in shown
    assert not list(tmp_path.iterdir())
