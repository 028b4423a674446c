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


"""Tests of archives as EndoVis 2017 is downloaded: `surgseg prepare` unpacks what it needs."""

from pathlib import Path
import shutil
import zipfile

import pytest
import released_sets
from released_sets import hashes
from sample_assertions import assert_equal_data

from surgseg_ros.cli import main
from surgseg_ros.data.datasets import open_dataset


def prepare(source, output):
    return main(['prepare', '--input', str(source), '--output', str(output)])


def test_archives_of_endovis2017(tmp_path):
    raw, downloads = released_sets.endovis2017_training(tmp_path / 'raw'), tmp_path / 'downloads'
    downloads.mkdir()
    for part in raw.iterdir():
        with zipfile.ZipFile(downloads / f'{part.name}.zip', 'w') as archive:
            for path in sorted(part.rglob('*')):
                archive.write(path, path.relative_to(raw))
    before = hashes(downloads)
    assert prepare(downloads, tmp_path / 'output') == 0
    assert hashes(downloads) == before
    assert_equal_data(raw, tmp_path / 'output')
    assert sorted(path.name for path in tmp_path.iterdir()) == ['downloads', 'output', 'raw']


def zip_folder(folder, file, top=''):
    file.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(file, 'w') as archive:
        for path in sorted(folder.rglob('*')):
            archive.write(path, top / path.relative_to(folder) if top else path.name)
        archive.writestr('__MACOSX/instrument_dataset_10/left_frames/._frame300.png', b'x')


@pytest.fixture
def test_set(tmp_path):
    """Return frames and labels of the test set, each in a folder of its own."""
    frames, labels = tmp_path / 'raw' / 'testing', tmp_path / 'raw' / 'labels'
    released_sets.endovis2017_test_apart(frames, labels)
    return frames, labels


def assert_test_set(output):
    (sample,) = open_dataset(output).samples
    assert set(sample.labels) == {'binary', 'parts', 'types'}
    assert sample.read_labels('parts')[0, :4].tolist() == [1, 2, 3, 0]


def test_labels_in_an_archive_of_their_own_join_their_frames(test_set, tmp_path):
    frames, labels = test_set
    both, mixed, nested = tmp_path / 'both', tmp_path / 'mixed', tmp_path / 'nested'
    zip_folder(frames, both / 'instrument_9_10_testing.zip', Path('instrument_9_10_testing'))
    zip_folder(labels, both / 'more' / 'labels.ZIP', Path('any/instrument_2017_test'))
    shutil.copytree(frames, mixed / 'testing')
    zip_folder(labels, mixed / 'labels.zip', Path('labels'))
    nested.mkdir()
    with zipfile.ZipFile(nested / 'all.zip', 'w') as archive:
        for path in both.rglob('*.*'):
            archive.write(path, f'EndoVis/{path.name}')
    for source in (both, mixed, nested):
        before = hashes(source)
        assert prepare(source, tmp_path / 'out' / source.name) == 0
        assert_test_set(tmp_path / 'out' / source.name)
        assert hashes(source) == before
    assert sorted(path.name for path in (tmp_path / 'out').iterdir()) == [
        'both',
        'mixed',
        'nested',
    ]


def test_archives_of_what_is_unpacked_beside_them_do_no_harm(test_set, tmp_path):
    raw = tmp_path / 'raw'
    for folder in test_set:
        zip_folder(folder, raw / f'{folder.name}.zip', Path(folder.name))
    assert prepare(raw, tmp_path / 'o') == 0
    assert_test_set(tmp_path / 'o')
