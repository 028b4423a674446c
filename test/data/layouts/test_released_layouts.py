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

"""Tests of the readers: every value of every label of miniature releases."""

import cv2
import numpy as np
import pytest
import released_sets
from released_sets import hashes
from released_sets import mask
from released_sets import noise
from released_sets import write

from surgseg_ros.data.datasets import list_layouts
from surgseg_ros.data.datasets import open_dataset
from surgseg_ros.data.label_sets import list_label_sets
from surgseg_ros.data.samples import DatasetError


def sample_of(contents, name):
    return next(sample for sample in contents.samples if sample.name == name)


def columns(sample, task):
    """Return the class ids of the columns of a sample whose rows are equal."""
    labels = sample.read_labels(task)
    assert labels.dtype == np.uint8
    assert (labels == labels[0]).all()
    return labels[0].tolist()


def padded(values, width=32):
    return [*values, *[0] * (width - len(values))]


def assert_labels(sample, expected):
    assert set(sample.labels) == set(expected)
    for task, values in expected.items():
        assert columns(sample, task) == padded(values), task


def open_without_problems(root, layout):
    contents = open_dataset(root)
    assert contents.layout == layout
    assert contents.problems == ()
    return contents


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


def test_isinet(tmp_path):
    (sample,) = open_without_problems(released_sets.isinet(tmp_path), 'isinet').samples
    assert (sample.video, sample.stem) == ('seq4', 'frame007')
    assert_labels(sample, {'types': [3, 7, 2], 'binary': [1, 1, 1, 0]})


def test_isinet_problems(tmp_path):
    fold = released_sets.isinet(tmp_path) / 'fold2'
    write(fold / 'images' / 'picture.png', noise())
    write(fold / 'images' / 'seq4_frame008.png', noise())
    write(fold / 'annotations' / 'seq4_frame009.png', mask([], []))
    write(fold / 'binary_annotations' / 'seq4_frame009_class1_inst0.png', mask([], []))
    write(fold / 'binary_annotations' / 'seq4_frame007_inst0.png', mask([], []))
    contents = open_dataset(tmp_path)
    assert len(contents.samples) == 1
    assert len(contents.problems) == 5


def test_endovis2018(tmp_path):
    (sample,) = open_without_problems(released_sets.endovis2018(tmp_path), 'endovis2018').samples
    assert sample.name == 'seq_5/frame000'
    assert set(sample.labels) == {'endovis2018_scene', 'parts', 'binary'}
    assert columns(sample, 'endovis2018_scene') == list(range(12))
    assert columns(sample, 'parts') == [0, 1, 3, 2] + [0] * 8
    assert columns(sample, 'binary') == [0, 1, 1, 1] + [0] * 8


def test_endovis2018_unknown_color(tmp_path):
    released_sets.endovis2018(tmp_path)
    path = tmp_path / 'miccai_challenge_2018_release_1' / 'seq_5' / 'labels' / 'frame000.png'
    image = cv2.imread(str(path))
    image[0, 0] = (3, 2, 1)
    cv2.imwrite(str(path), image)
    (sample,) = open_dataset(tmp_path).samples
    with pytest.raises(DatasetError, match='frame000.png: has unknown values #010203; known are'):
        sample.read_labels('parts')


def test_sar_rarp50(tmp_path):
    contents = open_without_problems(released_sets.sar_rarp50(tmp_path), 'sar_rarp50')
    # Frame 6 has no mask and is no sample.
    assert [sample.name for sample in contents.samples] == [
        'video_11_1/000000000', 'video_11_1/000000012',
    ]  # fmt: skip
    assert contents.samples[1].read_image().max() == 120
    assert_labels(contents.samples[1], {
        'sar_rarp50': range(1, 10), 'parts': [3, 2, 1], 'binary': [1, 1, 1],
    })  # fmt: skip


def test_sar_rarp50_frames_inside_the_video_are_problems(tmp_path):
    contents = open_dataset(released_sets.sar_rarp50(tmp_path, rgb=False))
    assert contents.samples == ()
    assert len(contents.problems) == 2
    assert all('surgseg prepare' in problem for problem in contents.problems)


def test_agsd(tmp_path):
    (sample,) = open_without_problems(released_sets.agsd(tmp_path), 'agsd').samples
    assert sample.video == 'instrument_dataset_2_train'
    assert_labels(sample, {'binary': [0, 0, 0, 1]})


def test_agsd_problems(tmp_path):
    root = released_sets.agsd(tmp_path)
    write(root / 'image' / 'instrument_dataset_2_train' / 'frame001.png', noise())
    write(root / 'ground_truth' / 'instrument_dataset_3_train' / 'frame000.png', mask([], []))
    write(root / 'extra' / 'a.png', noise())
    contents = open_dataset(root)
    assert len(contents.samples) == 1
    assert len(contents.problems) == 3


def test_cropped_endovis(tmp_path):
    (sample,) = open_without_problems(
        released_sets.cropped_endovis(tmp_path), 'cropped_endovis'
    ).samples
    assert_labels(sample, {
        'binary': [0, 1], 'parts': [1, 2, 3], 'types': [1, 2, 3, 4, 5, 6, 7],
    })  # fmt: skip


@pytest.mark.parametrize(
    ('folder', 'expected'),
    [('parts_masks', [1, 1, 1]), ('instruments_masks', [1, 1, 1, 1, 1, 1, 0])],
)
def test_cropped_endovis_binary_is_derived_where_it_is_missing(tmp_path, folder, expected):
    root = released_sets.cropped_endovis(tmp_path)
    for path in (root / 'clip_a').iterdir():
        if path.name not in ('images', folder):
            (path / 'frame000.png').unlink()
            path.rmdir()
    (sample,) = open_dataset(root).samples
    assert columns(sample, 'binary') == padded(expected)


def test_cropped_endovis_plain_ids_of_other_label_sets(tmp_path):
    write(tmp_path / 'v' / 'images' / 'a.png', noise())
    write(tmp_path / 'v' / 'sar_rarp50_masks' / 'a.png', mask([9, 255], [0, 1]))
    (sample,) = open_dataset(tmp_path).samples
    assert_labels(sample, {'sar_rarp50': [9, 255]})


def test_cropped_endovis_problems(tmp_path):
    root = released_sets.cropped_endovis(tmp_path)
    write(root / 'clip_a' / 'images' / 'frame001.png', noise())
    write(root / 'clip_a' / 'parts_masks' / 'frame002.png', mask([], []))
    write(root / 'clip_a' / 'spoon_masks' / 'frame000.png', mask([], []))
    write(root / 'clip_a' / 'images' / 'frame000.png', noise())
    contents = open_dataset(root)
    assert len(contents.samples) == 1
    assert len(contents.problems) == 4


@pytest.mark.parametrize('folder', ['masks', 'labels'])
def test_image_mask_folder(tmp_path, folder):
    (sample,) = open_without_problems(
        released_sets.image_mask_folder(tmp_path, mask([1, 2, 3], [0, 1, 2]), folder),
        'image_mask_folder',
    ).samples
    assert set(sample.labels) == set(list_label_sets())
    assert columns(sample, 'parts') == padded([1, 2, 3])
    with pytest.raises(
        DatasetError,
        match=r'unknown values 2 \(24 px\), 3 .*; known are: 0, 1, 255; if',
    ):
        sample.read_labels('binary')


@pytest.mark.parametrize(
    ('values', 'expected'), [([255, 255], [1, 1]), ([1, 1], [1, 1]), ([1, 255], [1, 255])]
)
def test_image_mask_folder_binary_conventions(tmp_path, values, expected):
    released_sets.image_mask_folder(tmp_path, mask(values, [0, 1]))
    assert columns(open_dataset(tmp_path).samples[0], 'binary') == padded(expected)


def test_a_color_image_is_no_mask(tmp_path):
    released_sets.image_mask_folder(tmp_path, noise())
    with pytest.raises(DatasetError, match='a.png: is a color image, and its channels differ'):
        open_dataset(tmp_path).samples[0].read_labels('binary')


def test_only_one_channel_is_used(tmp_path):
    pixels = mask([1], [4])
    empty = np.zeros_like(pixels)
    for order in ([pixels, empty, empty], [empty, empty, pixels]):
        released_sets.image_mask_folder(tmp_path, cv2.merge(order))
        sample = open_dataset(tmp_path).samples[0]
        assert columns(sample, 'binary') == padded([0, 0, 0, 0, 1])


def test_natural_order(tmp_path):
    for index in (10, 9, 100):
        write(tmp_path / 'images' / f'f{index}.png', noise())
        write(tmp_path / 'masks' / f'f{index}.png', mask([], []))
    samples = open_dataset(tmp_path).samples
    assert [sample.stem for sample in samples] == ['f9', 'f10', 'f100']


def test_reading_changes_nothing(tmp_path):
    root = released_sets.endovis2017_training(tmp_path)
    before = hashes(root)
    for sample in open_dataset(root).samples:
        sample.read_image()
        for task in sample.labels:
            sample.read_labels(task)
    assert hashes(root) == before


def test_unknown_folders_and_layouts(tmp_path):
    with pytest.raises(DatasetError, match='nowhere does not exist'):
        open_dataset(tmp_path / 'nowhere')
    write(tmp_path / 'a.png', noise())
    with pytest.raises(DatasetError, match='a.png is a file'):
        open_dataset(tmp_path / 'a.png')
    with pytest.raises(DatasetError) as caught:
        open_dataset(tmp_path)
    for name in list_layouts():
        assert f'\n  {name}: ' in str(caught.value)
    with pytest.raises(DatasetError, match="unknown layout 'x'; choose one of: auto, endovis2017"):
        open_dataset(tmp_path, 'x')
    with pytest.raises(DatasetError, match='what is needed:\n  agsd: '):
        open_dataset(tmp_path, 'agsd')


def test_folders_without_images(tmp_path):
    (tmp_path / 'instrument_dataset_1' / 'left_frames').mkdir(parents=True)
    with pytest.raises(DatasetError, match='layout endovis2017, but no images'):
        open_dataset(tmp_path)


def test_image_mask_folders_of_several_videos(tmp_path):
    for video in ('first', 'second'):
        write(tmp_path / video / 'frames' / '7.png', noise())
        write(tmp_path / video / 'labels' / '7.png', mask([1, 255], [0, 1]))
    (tmp_path / 'without_masks' / 'frames').mkdir(parents=True)
    contents = open_without_problems(tmp_path, 'image_mask_folder')
    assert [sample.name for sample in contents.samples] == ['first/7', 'second/7']
    assert columns(contents.samples[1], 'parts') == padded([1, 255])
