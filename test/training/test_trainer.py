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

"""Tests of the trainer: it learns, stops and goes on."""

import json

import numpy as np
import pytest

from surgseg_ros.data.image_files import write_image
from surgseg_ros.inference.segmenter import Segmenter
from surgseg_ros.training.simulated_data import FolderDataset
from surgseg_ros.training.trainer import Trainer
from surgseg_ros.training.trainer import TrainingOptions

OPTIONS = {
    'size': (96, 64),
    'crop': (96, 64),
    'batch_size': 2,
    'workers': 0,
    'validate_every': 10,
}


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Return a data set that can be learned in seconds: a bright shaft on dark noise."""
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp('data')
    for name in ('images', 'labels'):
        (path / name).mkdir()
    for index in range(6):
        labels = np.zeros((64, 96), np.uint8)
        top = rng.integers(5, 30)
        labels[top : top + 25] = 1
        image = rng.integers(0, 60, (64, 96, 3), np.uint8)
        image[labels == 1] += 180
        write_image(path / 'images' / f'{index}.png', image)
        write_image(path / 'labels' / f'{index}.png', labels)
    return path


def test_it_learns_and_its_checkpoint_runs(folder, tmp_path):
    options = TrainingOptions(**OPTIONS, steps=60, full_steps=2)
    metrics = Trainer(folder, folder, tmp_path, options).run()
    assert metrics['step'] == 62
    assert metrics['main']['shaft'] > 0.9
    assert metrics['auxiliary']['shaft'] > 0.7
    pair = FolderDataset(folder)[0]
    segmenter = Segmenter(tmp_path / 'best.safetensors', 'cpu', backend='torch')
    (result,) = segmenter.segment([pair[0].permute(1, 2, 0).numpy()])
    assert (result.label_image == pair[1].numpy()).mean() > 0.9
    assert 'not for clinical use' in segmenter.info.notice
    assert segmenter.info.provenance['options']['steps'] == 60


def test_an_interrupted_run_goes_on(folder, tmp_path):
    """Stop after the validation of step 10, as a killed process would."""
    options = TrainingOptions(**OPTIONS, steps=20, full_steps=0)
    stopped = Trainer(folder, folder, tmp_path, options)
    save, stopped._save = stopped._save, lambda metrics: (save(metrics), 1 / 0)
    with pytest.raises(ZeroDivisionError):
        stopped.run()
    Trainer(folder, folder, tmp_path, options).run()
    lines = (tmp_path / 'metrics.jsonl').read_text().splitlines()
    assert [json.loads(line)['step'] for line in lines] == [10, 20]
    assert not list(tmp_path.glob('*.partial'))


def test_dataset_without_labels_says_what_it_needs(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'no labels/\*.png; it needs images/ and labels/'):
        FolderDataset(tmp_path)
