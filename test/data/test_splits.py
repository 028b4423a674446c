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

"""Tests of the splits."""

from pathlib import Path

import pytest

from surgseg_ros.data.samples import DatasetError
from surgseg_ros.data.samples import Sample
from surgseg_ros.data.splits import list_splits
from surgseg_ros.data.splits import split_samples


def make_samples(*videos, frames=3):
    return [
        Sample(video, f'frame{index:03d}', Path(f'{video}/{index}.png'))
        for video in videos
        for index in range(frames)
    ]


def endovis2017(frames=3):
    return make_samples(*(f'instrument_dataset_{n}' for n in range(1, 9)), frames=frames)


def numbers(samples):
    return sorted({int(sample.video.split('_')[-1]) for sample in samples})


@pytest.mark.parametrize('split', ['ternaus', 'isinet'])
@pytest.mark.parametrize(
    ('fold', 'held_out'), [(0, [1, 3]), (1, [2, 5]), (2, [4, 8]), (3, [6, 7])]
)
def test_folds_of_endovis2017(split, fold, held_out):
    parts = split_samples(endovis2017(), split, fold)
    assert numbers(parts.validation) == held_out
    assert numbers(parts.training) == sorted({*range(1, 9)} - {*held_out})
    assert len(parts.training) + len(parts.validation) == 24


def test_every_image_is_held_out_once():
    held_out = [
        s.name
        for fold in range(4)
        for s in split_samples(endovis2017(), 'ternaus', fold).validation
    ]
    assert sorted(held_out) == sorted(sample.name for sample in endovis2017())


def test_islam2019():
    parts = split_samples(endovis2017(), 'islam2019')
    assert numbers(parts.training) == [1, 2, 3, 4, 5, 6]
    assert numbers(parts.validation) == [7, 8]


def test_isinet_of_endovis2018():
    parts = split_samples(make_samples(*(f'seq_{n}' for n in range(1, 17))), 'isinet')
    assert numbers(parts.validation) == [2, 5, 9, 15]
    assert len(numbers(parts.training)) == 12


def test_sar_rarp50_goes_by_the_first_number():
    parts = split_samples(
        make_samples('video_11_1', 'video_40', 'video_41', 'video_50'), 'sar_rarp50'
    )
    assert [sample.video for sample in parts.training[::3]] == ['video_11_1', 'video_40']
    assert [sample.video for sample in parts.validation[::3]] == ['video_41', 'video_50']


def test_rasnet_like_takes_the_last_50_frames_and_warns():
    with pytest.warns(UserWarning, match='never published'):
        parts = split_samples(endovis2017(frames=60), 'rasnet_like')
    assert len(parts.validation) == 8 * 50
    assert {sample.stem for sample in parts.training} == {f'frame{n:03d}' for n in range(10)}


def test_video_keeps_videos_together():
    samples = endovis2017()
    parts = split_samples(samples, 'video', fraction=0.25)
    assert len(numbers(parts.validation)) == 2
    assert not {*numbers(parts.validation)} & {*numbers(parts.training)}
    assert split_samples(samples, 'video', fraction=0.25) == parts
    drawn = {tuple(numbers(split_samples(samples, 'video', seed=n).validation)) for n in range(9)}
    assert len(drawn) > 1
    assert len(numbers(split_samples(samples, 'video', fraction=0.01).validation)) == 1


def test_random_splits_single_frames():
    samples = endovis2017(frames=10)
    parts = split_samples(samples, 'random')
    assert len(parts.validation) == 16
    assert {*numbers(parts.validation)} & {*numbers(parts.training)}
    assert not {s.name for s in parts.validation} & {s.name for s in parts.training}
    assert split_samples(samples, 'random') == parts != split_samples(samples, 'random', seed=1)


def test_none_uses_everything_twice():
    samples = tuple(endovis2017())
    parts = split_samples(samples, 'none')
    assert parts.training == parts.validation == samples


def test_errors_say_what_there_is():
    with pytest.raises(DatasetError, match="unknown split 'x'; choose one of: ternaus, islam2019"):
        split_samples(endovis2017(), 'x')
    with pytest.raises(DatasetError, match='there is no fold 4; choose one of: 0, 1, 2, 3'):
        split_samples(endovis2017(), 'ternaus', 4)
    with pytest.raises(DatasetError, match='fraction must be between 0 and 1, got 1'):
        split_samples(endovis2017(), 'random', fraction=1)
    with pytest.raises(
        DatasetError, match='where these videos belong: clip, instrument_dataset_9'
    ):
        split_samples(
            make_samples('instrument_dataset_1', 'clip', 'instrument_dataset_9'), 'ternaus'
        )
    with pytest.raises(DatasetError, match='no validation samples; videos: instrument_dataset_2'):
        split_samples(make_samples('instrument_dataset_2'), 'ternaus')
    with pytest.raises(DatasetError, match="'video' leaves no validation samples; videos: a"):
        split_samples(make_samples('a'), 'video')
    with pytest.raises(DatasetError, match='no training samples; videos: none'):
        split_samples([], 'random')
    assert len(list_splits()) == 8
