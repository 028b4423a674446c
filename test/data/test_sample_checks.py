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

"""Tests of the checks: every kind of damage is found, and all offenders are named at once."""

import pytest
import released_sets
from released_sets import mask
from released_sets import noise
from released_sets import write

from surgseg_ros.data.datasets import open_dataset
from surgseg_ros.data.sample_checks import check_samples


@pytest.fixture
def damaged(tmp_path):
    """Return samples, and for each kind of damage the file that has it."""
    for name in ('good', 'text', 'cut', 'small', 'value', 'color', 'broken'):
        write(tmp_path / 'images' / f'{name}.jpg', noise())
        write(tmp_path / 'masks' / f'{name}.png', mask([1, 3], [0, 1]))
    (tmp_path / 'images' / 'text.jpg').write_text('no image')
    cut = tmp_path / 'images' / 'cut.jpg'
    cut.write_bytes(cut.read_bytes()[:-200])
    write(tmp_path / 'masks' / 'small.png', mask([1], [0], 23, 32))
    write(tmp_path / 'masks' / 'value.png', mask([4, 9], [0, 1]))
    write(tmp_path / 'masks' / 'color.png', noise())
    broken = tmp_path / 'masks' / 'broken.png'
    broken.write_bytes(broken.read_bytes()[:-20])
    return open_dataset(tmp_path).samples


def test_all_offenders_are_named_at_once(damaged):
    texts = check_samples(damaged, 'parts', workers=2)
    expected = {
        'text.jpg': 'expected a JPEG, PNG',
        'cut.jpg': 'the JPEG data end before the image does',
        'small.png': 'is 32x23, but its image is 32x24',
        'value.png': 'unknown values 4 (24 px), 9 (24 px); known are: 0, 1, 2, 3, 255',
        'color.png': 'its channels differ',
        'broken.png': 'the PNG data end before the image does',
    }
    assert len(texts) == len(expected)
    for name, why in expected.items():
        (text,) = [text for text in texts if name in text]
        assert why in text


def test_without_a_task_no_label_file_is_opened(damaged, tmp_path):
    for path in (tmp_path / 'masks').iterdir():
        path.unlink()
    texts = check_samples(damaged, None)
    assert sorted(text.split('/')[-1].split(':')[0] for text in texts) == ['cut.jpg', 'text.jpg']


def test_missing_labels(tmp_path):
    (sample,) = open_dataset(released_sets.agsd(tmp_path)).samples
    assert check_samples([sample], 'binary') == []
    (text,) = check_samples([sample], 'parts')
    assert "frame000.png has no labels for task 'parts'" in text
    with pytest.raises(ValueError, match="unknown task 'nothing'"):
        check_samples([sample], 'nothing')


def test_of_several_masks_the_ones_at_fault_are_named(tmp_path):
    root = released_sets.endovis2017_training(tmp_path, frames=1)
    truth = root / 'instrument_1_4_training' / 'instrument_dataset_1' / 'ground_truth'
    write(truth / 'Left_Prograsp_Forceps_labels' / 'frame000.png', mask([11], [0]))
    write(truth / 'Other_labels' / 'frame000.png', mask([10], [0], 24, 31))
    samples = open_dataset(root).samples
    (parts,) = check_samples(samples, 'parts')
    assert 'Left_Prograsp_Forceps_labels/frame000.png: has unknown values 11' in parts
    assert 'Bipolar' not in parts
    # "Other" has no parts, so its size matters to the types only.
    (types,) = check_samples(samples, 'types')
    assert 'Other_labels/frame000.png is 31x24, but its image is 32x24' in types


def test_a_frame_too_small_for_its_crop(tmp_path):
    video = tmp_path / 'instrument_dataset_1'
    for index in range(2):
        write(video / 'left_frames' / f'frame{index}.png', noise(1080, 1920, index) // 64)
    (sample, other) = open_dataset(tmp_path).samples
    write(sample.image, noise(1000, 1920))
    (text,) = check_samples([sample, other], None)
    assert 'frame0.png is 1920x1000, too small for the cut of 1280x1024 at (320, 28)' in text
