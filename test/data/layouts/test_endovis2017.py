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

"""Tests of the reader of EndoVis 2017: every value of every label of a miniature."""

import numpy as np
import pytest
import released_sets
from released_sets import mask
from released_sets import noise
from released_sets import write
from sample_assertions import assert_labels
from sample_assertions import columns
from sample_assertions import open_without_problems
from sample_assertions import padded
from sample_assertions import sample_of

from surgseg_ros.data.datasets import open_dataset
from surgseg_ros.data.samples import DatasetError


def test_endovis2017_training(tmp_path):
    root = released_sets.endovis2017_training(tmp_path)
    contents = open_without_problems(root, 'endovis2017')
    assert [sample.name for sample in contents.samples] == [
        'instrument_dataset_1/frame000', 'instrument_dataset_1/frame001',
        'instrument_dataset_6/frame000', 'instrument_dataset_6/frame001',
    ]  # fmt: skip
    assert contents.tasks == ('binary', 'parts', 'types')
    first = contents.samples[0]
    np.testing.assert_array_equal(first.read_image(), noise(seed=0))
    assert first.crop is None
    # Columns: shaft, wrist, clasper below "other", overlap won by the bipolar forceps, its
    # clasper, its probe, "other" alone.
    assert_labels(first, {
        'binary': [1, 1, 1, 1, 1, 1, 0],
        'parts': [1, 2, 3, 2, 3, 0, 0],
        'types': [2, 2, 7, 1, 1, 1, 7],
    })  # fmt: skip
    # The folder without suffix counts, too.
    assert_labels(sample_of(contents, 'instrument_dataset_6/frame001'), {
        'binary': [1, 1, 1], 'parts': [1, 2, 3], 'types': [3, 6, 2],
    })  # fmt: skip


@pytest.mark.parametrize(
    ('folder', 'class_id'),
    [
        ('Left_Prograsp_Forceps_labels', 2),
        ('Maryland_Bipolar_Forceps_labels', 1),
        ('Large_Needle_Driver_Right_labels', 3),
        ('Right_Vessel_Sealer', 4),
        ('Left_Grasping_Retractor_labels', 5),
        ('Monopolar_Curved_Scissors_labels', 6),
    ],
)
def test_endovis2017_names_of_instruments(tmp_path, folder, class_id):
    video = tmp_path / 'instrument_dataset_7'
    write(video / 'left_frames' / 'frame000.png', noise())
    write(video / 'ground_truth' / folder / 'frame000.png', mask([10], [5]))
    (sample,) = open_dataset(tmp_path).samples
    assert columns(sample, 'types') == padded([0, 0, 0, 0, 0, class_id])
    assert open_dataset(video).samples == (sample,)


def test_endovis2017_later_folder_wins_in_sorted_order(tmp_path):
    video = tmp_path / 'instrument_dataset_3'
    write(video / 'left_frames' / 'frame000.png', noise())
    for folder, value in (('Vessel_Sealer', 30), ('Bipolar_Forceps_labels', 10)):
        write(video / 'ground_truth' / folder / 'frame000.png', mask([value], [0]))
    (sample,) = open_dataset(tmp_path).samples
    assert_labels(sample, {'binary': [1], 'parts': [3], 'types': [4]})


def test_endovis2017_border_is_cut(tmp_path):
    video = tmp_path / 'instrument_dataset_1'
    image = np.zeros((1080, 1920, 3), np.uint8)
    image[28:1052, 320:1600] = 90
    image[28, 320] = (1, 2, 3)
    raw = np.zeros((1080, 1920), np.uint8)
    raw[27, 320] = raw[28, 319] = 20
    raw[28, 320] = 10
    raw[1051, 1599] = 30
    write(video / 'left_frames' / 'frame000.png', image)
    write(video / 'ground_truth' / 'Prograsp_Forceps' / 'frame000.png', raw)
    (sample,) = open_dataset(tmp_path).samples
    assert sample.crop == (320, 28, 1280, 1024)
    found = sample.read_image()
    assert found.shape == (1024, 1280, 3)
    assert found.min(axis=2)[1:].all()
    assert found[0, 0].tolist() == [1, 2, 3]
    expected = np.zeros((1024, 1280), np.uint8)
    expected[0, 0], expected[1023, 1279] = 1, 3
    np.testing.assert_array_equal(sample.read_labels('parts'), expected)


@pytest.mark.parametrize('inside', ['', 'ground_truth'])
def test_endovis2017_test_set(tmp_path, inside):
    released_sets.endovis2017_test(tmp_path)
    video = tmp_path / 'instrument_dataset_10'
    (video / inside).mkdir(exist_ok=True)
    for name in ('BinarySegmentation', 'PartsSegmentation', 'TypeSegmentation'):
        (video / name).rename(video / inside / name)
    contents = open_dataset(tmp_path)
    assert contents.problems == ()
    (sample,) = contents.samples
    assert_labels(sample, {
        'binary': [1, 1, 1], 'parts': [1, 2, 3], 'types': [1, 2, 3, 4, 5, 6, 7],
    })  # fmt: skip


@pytest.mark.parametrize('inside', ['', 'gt'])
@pytest.mark.parametrize('place', ['instrument_2017_test', 'Labels/extra/instrument_2017_TEST'])
def test_endovis2017_labels_in_a_folder_of_their_own(tmp_path, place, inside):
    released_sets.endovis2017_test_apart(
        tmp_path / 'instrument_9_10_testing', tmp_path / place, inside
    )
    (sample,) = open_without_problems(tmp_path, 'endovis2017').samples
    assert sample.name == 'instrument_dataset_10/frame300'
    assert_labels(sample, {
        'binary': [1, 1, 1], 'parts': [1, 2, 3], 'types': [1, 2, 3, 4, 5, 6, 7],
    })  # fmt: skip


def test_endovis2017_names_in_another_case(tmp_path):
    root = released_sets.endovis2017_test(tmp_path)
    for path in sorted(root.rglob('*'), reverse=True):
        path.rename(path.with_name(path.name.upper()))
    (sample,) = open_without_problems(root, 'endovis2017').samples
    assert sample.name == 'INSTRUMENT_DATASET_10/FRAME300'
    assert set(sample.labels) == {'binary', 'parts', 'types'}


def test_endovis2017_rescaled_types_alone_are_types(tmp_path):
    video = released_sets.endovis2017_test(tmp_path) / 'instrument_dataset_10'
    (video / 'TypeSegmentation' / 'frame300.png').unlink()
    (video / 'TypeSegmentation').rmdir()
    rescaled = video / 'TypeSegmentationRescaled' / 'frame300.png'
    write(rescaled, mask([32 * k for k in range(1, 8)], range(7)))
    (sample,) = open_without_problems(tmp_path, 'endovis2017').samples
    assert columns(sample, 'types') == padded([1, 2, 3, 4, 5, 6, 7])


def test_endovis2017_labels_without_frames_are_named(tmp_path):
    frames, labels = tmp_path / 'frames', tmp_path / 'instrument_2017_test'
    released_sets.endovis2017_test_apart(frames, labels)
    contents = open_dataset(labels)
    assert contents.samples == ()
    (problem,) = contents.problems
    assert 'instrument_dataset_10: has no left_frames/' in problem
    write(labels / 'again' / 'instrument_dataset_10' / 'BinarySegmentation' / 'frame300.png',
          mask([255], [0]))  # fmt: skip
    (problem,) = open_dataset(tmp_path).problems
    assert 'has these masks, too; remove one' in problem


@pytest.mark.parametrize('values', [[10, 5], [40, 41]])
def test_soft_edges_of_released_masks_are_refused_for_every_task(tmp_path, values):
    video = tmp_path / 'instrument_dataset_1'
    write(video / 'left_frames' / 'a.png', noise())
    write(video / 'ground_truth' / 'Prograsp_Forceps' / 'a.png', mask(values, [0, 1]))
    (sample,) = open_dataset(tmp_path).samples
    for task in ('binary', 'parts', 'types'):
        with pytest.raises(DatasetError, match=rf'a\.png: has unknown values {values[1]} \(24 px'):
            sample.read_labels(task)


def test_endovis2017_everything_that_does_not_fit_is_named(tmp_path):
    root = released_sets.endovis2017_training(tmp_path, frames=4)
    video = root / 'instrument_1_4_training' / 'instrument_dataset_1'
    truth = video / 'ground_truth'
    (truth / 'Other_labels' / 'frame001.png').unlink()
    (video / 'left_frames' / 'frame002.png').unlink()
    (truth / 'Spoon_labels').mkdir()
    write(video / 'left_frames' / 'frame003.png', noise(20, 30))
    (truth / 'Left_Prograsp_Forceps_labels' / 'notes.txt').write_text('x')
    contents = open_dataset(root)
    assert [sample.name for sample in contents.samples if sample.video.endswith('1')] == [
        'instrument_dataset_1/frame000'
    ]
    for culprit in (
        'Other_labels/frame001.png',
        'Other_labels/frame002.png',
        'Left_Prograsp_Forceps_labels/frame002.png',
        'Maryland_Bipolar_Forceps_labels/frame002.png',
        'Spoon_labels',
        'left_frames/frame003.png',
        'notes.txt',
    ):
        assert sum(culprit in problem for problem in contents.problems) == 1, culprit
    assert len(contents.problems) == 7


def test_two_videos_of_one_name_are_not_mixed(tmp_path):
    released_sets.endovis2017_test(tmp_path / 'a')
    released_sets.endovis2017_test(tmp_path / 'b')
    contents = open_dataset(tmp_path)
    assert len(contents.samples) == 1
    assert 'same name' in contents.problems[0]


def test_endovis2017_without_ground_truth_is_unlabeled(tmp_path):
    write(tmp_path / 'instrument_dataset_9' / 'left_frames' / 'frame000.png', noise())
    contents = open_dataset(tmp_path)
    assert contents.problems == ()
    assert not contents.samples[0].labels
    with pytest.raises(DatasetError, match="frame000.png has no labels for task 'parts'"):
        contents.samples[0].read_labels('parts')
