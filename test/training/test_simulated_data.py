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

"""Tests of rendering training data."""

import pytest

from surgseg_ros.training.simulated_data import FolderDataset

pytest.importorskip('mujoco', reason='rendering needs the simulation extra (mujoco)')

from surgseg_ros.training.simulated_data import render_dataset


def test_render_complete_and_keep(tmp_path):
    render_dataset(tmp_path, 3, 'parts', (160, 128), first_seed=50)
    dataset = FolderDataset(tmp_path)
    assert len(dataset) == 4
    image, labels = dataset[0]
    assert image.shape == (3, 128, 160)
    assert labels.shape == (128, 160)
    assert labels.max() <= 3
    first = (tmp_path / 'images' / '000000.jpg').stat().st_mtime_ns
    kept = (tmp_path / 'images' / '000003.jpg').read_bytes()
    (tmp_path / 'labels' / '000007.png').unlink(missing_ok=True)
    render_dataset(tmp_path, 8, 'parts', (160, 128), first_seed=50)
    assert len(FolderDataset(tmp_path)) == 8
    assert (tmp_path / 'images' / '000000.jpg').stat().st_mtime_ns == first
    assert (tmp_path / 'images' / '000003.jpg').read_bytes() == kept
