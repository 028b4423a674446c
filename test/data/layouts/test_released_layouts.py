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
from PIL import Image
import pytest
import released_sets
from released_sets import hashes
from released_sets import mask
from released_sets import noise
from released_sets import write
from sample_assertions import assert_labels
from sample_assertions import columns
from sample_assertions import open_without_problems
from sample_assertions import padded

from surgseg_ros.data.datasets import list_layouts
from surgseg_ros.data.datasets import open_dataset
from surgseg_ros.data.label_sets import list_label_sets
from surgseg_ros.data.samples import DatasetError


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


@pytest.mark.parametrize(
    ('make', 'video'),
    [
        (released_sets.endovis2017_test, 'instrument_dataset_10'),
        (released_sets.endovis2018, 'miccai_challenge_2018_release_1/seq_5'),
        (released_sets.sar_rarp50, 'train1/video_11_1'),
        (released_sets.isinet, 'fold2'),
        (lambda root: released_sets.image_mask_folder(root, mask([], [])), '.'),
        (released_sets.cropped_endovis, 'clip_a'),
    ],
)
def test_folders_in_a_video_that_are_not_understood_are_named(tmp_path, make, video):
    root = make(tmp_path / 'set')
    write(root / video / 'Parts_Labels' / 'a.png', mask([1], [0]))
    (root / video / '.cache').mkdir()
    (problem,) = open_dataset(root).problems
    assert 'Parts_Labels: unknown folder' in problem
    assert open_dataset(root).samples


def test_endovis2018_labels_in_a_folder_of_their_own(tmp_path):
    video = released_sets.endovis2018(tmp_path) / 'miccai_challenge_2018_release_1' / 'seq_5'
    (tmp_path / 'test_labels' / 'seq_5').mkdir(parents=True)
    (video / 'labels').rename(tmp_path / 'test_labels' / 'seq_5' / 'labels')
    (sample,) = open_without_problems(tmp_path, 'endovis2018').samples
    assert columns(sample, 'parts') == [0, 1, 3, 2] + [0] * 8


def test_endovis2018_colors_of_a_palette_count(tmp_path):
    root = released_sets.endovis2018(tmp_path)
    (path,) = root.rglob('labels/*.png')
    Image.open(path).convert('P', palette=Image.Palette.ADAPTIVE).save(path)
    (sample,) = open_dataset(root).samples
    assert columns(sample, 'endovis2018_scene') == list(range(12))


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
        assert f' {name}: ' in str(caught.value)
    with pytest.raises(DatasetError, match="unknown layout 'x'; choose one of: auto, endovis2017"):
        open_dataset(tmp_path, 'x')
    with pytest.raises(DatasetError, match='what is needed: agsd: '):
        open_dataset(tmp_path, 'agsd')


def test_folders_without_images(tmp_path):
    (tmp_path / 'instrument_dataset_1' / 'left_frames').mkdir(parents=True)
    with pytest.raises(DatasetError, match='layout endovis2017, but no images'):
        open_dataset(tmp_path)


def test_image_mask_folder_with_a_factor(tmp_path):
    root = released_sets.image_mask_folder(tmp_path / 's', mask([85, 255], [0, 1]))
    (sample,) = open_dataset(root, mask_factor=85).samples
    assert columns(sample, 'parts') == padded([1, 3])
    with pytest.raises(DatasetError, match='layout agsd .* are known; leave out --mask-factor'):
        open_dataset(released_sets.agsd(tmp_path / 'agsd'), mask_factor=255)


def test_what_systems_leave_behind_is_passed_over(tmp_path):
    root = released_sets.image_mask_folder(tmp_path, mask([1], [0]))
    for name in ('._a.png', '.DS_Store', 'Thumbs.db', 'desktop.ini'):
        (root / 'masks' / name).write_bytes(b'x')
    write(root / '__MACOSX' / 'a.png', noise())
    (root / 'images' / 'a.png').rename(root / 'images' / 'a.PNG')
    (sample,) = open_without_problems(root, 'image_mask_folder').samples
    assert columns(sample, 'binary') == padded([1])


def test_image_mask_folders_of_several_videos(tmp_path):
    for video in ('first', 'second'):
        write(tmp_path / video / 'frames' / '7.png', noise())
        write(tmp_path / video / 'labels' / '7.png', mask([1, 255], [0, 1]))
    write(tmp_path / 'without_masks' / 'frames' / '8.png', noise())
    contents = open_without_problems(tmp_path, 'image_mask_folder')
    assert [sample.name for sample in contents.samples] == ['first/7', 'second/7']
    assert contents.unlabeled == ('without_masks/8',)
    assert columns(contents.samples[1], 'parts') == padded([1, 255])
