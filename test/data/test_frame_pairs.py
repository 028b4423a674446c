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

"""Tests of which frames of two eyes belong together."""

import cv2
import numpy as np
import pytest
from small_videos import cut_off
from small_videos import index_of
from small_videos import write_video

from surgseg_ros.data.frame_pairs import frame_key
from surgseg_ros.data.frame_pairs import FramePairs
from surgseg_ros.data.frame_pairs import match_nearest
from surgseg_ros.data.frame_source import FrameSource


def write_names(folder, names):
    folder.mkdir()
    for name in names:
        cv2.imwrite(str(folder / f'{name}.png'), np.zeros((4, 6, 3), np.uint8))
    return FrameSource(folder)


def stems(pairs):
    return [(p.left and p.left.stem, p.right and p.right.stem) for p in pairs]


@pytest.fixture
def pair(tmp_path):
    """Return ``pair(left names, right names)``, which gives the pairs of two folders."""

    def make(left, right):
        return FramePairs(
            write_names(tmp_path / 'left', left), write_names(tmp_path / 'right', right)
        )

    return make


def test_times_in_names_pair_with_the_nearest_and_lost_frames_stay_alone(pair):
    pairs = pair(
        ['1700000000000', '1700000000100', '1700000000300', '1700000000400', '1700000000500'],
        ['1700000000003', '1700000000103', '1700000000203', '1700000000303', '1700000000503'],
    )
    ends = [tuple(stem and stem[-3:] for stem in each) for each in stems(pairs)]
    assert ends == [
        ('000', '003'),
        ('100', '103'),
        (None, '203'),
        ('300', '303'),
        ('400', None),
        ('500', '503'),
    ]
    assert pairs.rule == 'by the numbers in the names, at most 3 apart (period 100)'
    assert pairs.names == [f'1700000000{end}' for end in ('000', '100', '300', '500')]


def test_times_that_agree_by_chance_do_not_hide_the_others(pair):
    pairs = pair(['t_100', 't_200', 't_300'], ['t_100', 't_203', 't_299'])
    assert stems(pairs) == [('t_100', 't_100'), ('t_200', 't_203'), ('t_300', 't_299')]


def test_numbers_of_frames_pair_with_the_same_number_only(pair):
    pairs = pair(['f0', 'f1', 'f2', 'f4'], ['f0', 'f1', 'f3', 'f4'])
    assert stems(pairs) == [
        *(('f0', 'f0'), ('f1', 'f1'), ('f2', None), (None, 'f3'), ('f4', 'f4'))
    ]


def test_every_second_frame_of_one_eye_pairs_by_name(pair):
    pairs = pair(['f0', 'f1', 'f2'], ['f0', 'f2'])
    assert stems(pairs) == [('f0', 'f0'), ('f1', None), ('f2', 'f2')]
    assert pairs.rule == 'by name'


def test_other_names_for_the_same_numbers(pair):
    pairs = pair(['cam0_7', 'cam0_8', 'cam0_9'], ['cam1_8', 'cam1_9', 'cam1_10'])
    assert stems(pairs) == [
        *(('cam0_7', None), ('cam0_8', 'cam1_8'), ('cam0_9', 'cam1_9'), (None, 'cam1_10'))
    ]


def test_two_single_images_pair_whatever_they_are_called(tmp_path):
    left = write_names(tmp_path / 'a', ['scene'])
    right = write_names(tmp_path / 'b', ['other'])
    assert stems(FramePairs(left, right)) == [('scene', 'other')]


@pytest.mark.parametrize(
    ('left', 'right', 'message'),
    [
        (['a', 'b'], ['c', 'd'], 'have no names in common'),
        (['f0', 'f1', 'f2'], ['f100', 'f101', 'f102'], 'are 0.5 or more apart'),
        (['0', '40', '80', '120'], ['3', '103', '203'], '40 apart, those of .*right 100'),
        (['1_left', '1_right'], ['1', '2'], "2 images '1' that differ only in left and right"),
    ],
)
def test_what_cannot_be_paired_for_certain_is_refused(pair, left, right, message):
    with pytest.raises(ValueError, match=message):
        pair(left, right)


def test_videos_pair_by_time(tmp_path):
    left = FrameSource(write_video(tmp_path / 'left.mp4', [0, 1, 2, 4, 5, 7]))
    right = FrameSource(write_video(tmp_path / 'right.mkv', [0, 1, 3, 4, 5, 6, 7]))
    found = [
        (p.left and index_of(p.left.image), p.right and index_of(p.right.image))
        for p in FramePairs(left, right)
    ]
    assert found == [(0, 0), (1, 1), (2, None), (None, 3), (4, 4), (5, 5), (None, 6), (7, 7)]


def test_the_frames_that_a_cut_off_video_lacks_are_alone(tmp_path):
    whole = FrameSource(write_video(tmp_path / 'whole.mp4', range(20)))
    short = write_video(tmp_path / 'short.mp4', range(20), container={'movflags': 'faststart'})
    right = FrameSource(cut_off(short, 0.7))
    found = stems(FramePairs(whole, right))
    count = sum(right is not None for _, right in found)
    assert 0 < count < 20
    assert found[count:] == [(f'whole_{index:06d}', None) for index in range(count, 20)]


def test_videos_of_different_rates_are_refused(tmp_path):
    left = FrameSource(write_video(tmp_path / 'left.mp4', rate=25))
    right = FrameSource(write_video(tmp_path / 'right.mp4', rate=30))
    with pytest.raises(ValueError, match=r'has 25 frames a second and .*right.mp4 30'):
        FramePairs(left, right)


def test_a_video_and_a_folder_are_refused(tmp_path):
    left = FrameSource(write_video(tmp_path / 'left.mp4'))
    with pytest.raises(ValueError, match='one has times, the other names'):
        FramePairs(left, write_names(tmp_path / 'right', ['0', '1']))


def test_of_two_near_ones_the_nearer_is_the_partner():
    assert list(match_nearest([0, 9], [10], int, 20)) == [(0, None), (9, 10)]
    assert list(match_nearest([10], [0, 9], int, 20)) == [(None, 0), (10, 9)]
    assert list(match_nearest([0], [5], int, 5)) == [(0, None), (None, 5)]
    assert list(match_nearest([0], [5], int, None)) == [(0, 5)]


@pytest.mark.parametrize(
    ('stem', 'key'),
    [
        ('left', 'pair'),
        ('frame_0001_left', 'frame_0001'),
        ('right_17', '17'),
        ('L12', '12'),
        ('0005-R', '0005'),
        ('leftover', 'leftover'),
        ('clip_left_000001', 'clip_000001'),
    ],
)
def test_names_without_the_eye(stem, key):
    assert frame_key(stem) == key
