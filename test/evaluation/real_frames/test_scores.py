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


"""Tests of the scores of scenes, against values worked out by hand."""

from pathlib import Path

import numpy as np
import pytest

from surgseg_ros.data.scenes import Scene
from surgseg_ros.data.scenes import SceneFrame
from surgseg_ros.evaluation.real_frames.scores import average_scenes
from surgseg_ros.evaluation.real_frames.scores import mask_change
from surgseg_ros.evaluation.real_frames.scores import SceneScorer

NOTHING = [0, 0, 0, 0, 0, 0, 0, 0]


def row(values):
    return np.array([values], np.uint8)


def frame(mask=None, parts=None, other=None, eye=''):
    labels = (None if values is None else row(values) for values in (mask, parts, other))
    return SceneFrame('f', eye, np.zeros((1, 8, 3), np.uint8), *labels)


def scene(**keys):
    return Scene('s', Path('s'), 'frames', **keys)


def score(described, *pairs):
    """Return the result of frames, each with the mask that method 'net' finds."""
    scorer = SceneScorer(described)
    for each, found in pairs:
        scorer.add(each, {'net': row(found)})
    return scorer.result()


def test_other_tools_are_left_out_and_background():
    labeled = frame(mask=[1, 1, 0, 0, 0, 0, 0, 0], other=[0, 0, 1, 1, 0, 0, 0, 0])
    result = score(scene(masks='m'), (labeled, [1, 0, 3, 2, 0, 0, 0, 1]))
    # Left out: 1 hit, 1 false, 1 missed; as background: 1 hit, 3 false, 1 missed.
    assert result['dice'] == {'net': 0.5}
    assert result['dice_other_as_background'] == {'net': pytest.approx(2 / 6, abs=1e-4)}


def test_a_scene_is_the_mean_of_its_labeled_images():
    whole = [1, 1, 1, 1, 0, 0, 0, 0]
    result = score(
        scene(masks='m'),
        (frame(mask=whole), whole),
        (frame(), [1, 1, 1, 1, 1, 1, 1, 1]),
        (frame(mask=whole), [1, 1, 0, 0, 0, 0, 0, 0]),
        (frame(mask=whole), NOTHING),
        (frame(mask=NOTHING), NOTHING),
        (frame(mask=NOTHING), [1, 0, 0, 0, 0, 0, 0, 0]),
    )
    assert (result['images'], result['labeled_images']) == (6, 5)
    # 2 * 2 / (2 + 4) = 2 / 3 for half of it; nothing where nothing is, is right.
    assert result['dice']['net'] == pytest.approx((1 + 2 / 3 + 0 + 1 + 0) / 5, abs=1e-4)
    assert 'false_positive_percent' not in result
    assert 'flicker' not in result


def test_parts():
    scorer = SceneScorer(scene(masks='m', parts='p', other='o'))
    first = frame([1, 1, 1, 1, 0, 0, 0, 0], [1, 1, 2, 2, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 1])
    second = frame([1, 1, 0, 0, 0, 0, 0, 0], [1, 1, 0, 0, 0, 0, 0, 0])
    for each, found in ((first, [1, 1, 1, 2, 0, 0, 0, 3]), (second, [1, 1, 0, 0, 0, 3, 0, 0])):
        labels = row(found)
        scorer.add(each, {'net': labels, 'cue': labels > 0}, {'net': labels})
    parts = scorer.result()['parts_dice']
    shaft, wrist, clasper = (2 * 2 / 5 + 1) / 2, 2 / 3, 0
    # The clasper of the first frame lies on another tool; the wrist is in the first one alone.
    assert parts == {
        'net': {
            'shaft': pytest.approx(shaft, abs=1e-4),
            'wrist': pytest.approx(wrist, abs=1e-4),
            'clasper': clasper,
            'mean': pytest.approx((shaft + wrist + clasper) / 3, abs=1e-4),
        }
    }


def test_what_is_found_where_nothing_is():
    result = score(
        scene(instruments=False),
        (frame(), [1, 3, 0, 0, 0, 0, 0, 0]),
        (frame(), NOTHING),
        (frame(), [1, 0, 0, 0, 0, 0, 0, 0]),
    )
    assert result['false_positive_percent'] == {'net': {'mean': 12.5, 'worst': 25.0}}
    assert 'dice' not in result


def test_flicker_is_that_of_each_eye_and_of_the_truth():
    moved = [0, 1, 1, 0, 0, 0, 0, 0]
    still = [1, 1, 0, 0, 0, 0, 0, 0]
    result = score(
        scene(masks='m', consecutive=True),
        (frame(still, eye='left'), still),
        (frame(NOTHING, eye='right'), NOTHING),
        (frame(moved, eye='left'), [2, 1, 0, 0, 0, 0, 0, 0]),
        (frame(NOTHING, eye='right'), NOTHING),
        (frame(eye='left'), moved),
        (frame(moved, eye='left'), moved),
    )
    # Left: 0, 2/3, 0; right: 0. The truth: 2/3 on the left, 0 on the right, then a gap.
    assert result['pairs'] == 4
    assert result['flicker'] == {
        'net': pytest.approx(2 / 3 / 4, abs=1e-4),
        'truth': pytest.approx(2 / 3 / 2, abs=1e-4),
    }


def test_mask_change():
    assert mask_change(row([1, 1, 0]), row([0, 1, 1])) == pytest.approx(2 / 3)
    assert mask_change(row([0, 0, 0]), row([0, 0, 0])) == 0
    assert mask_change(row([0, 0, 0]), row([0, 0, 2])) == 1


def test_scenes_count_once_and_rough_ones_not_at_all():
    half, full = [1, 1, 0, 0, 0, 0, 0, 0], [1, 1, 1, 1, 1, 1, 0, 0]
    hit, miss = (frame(mask=half), half), (frame(mask=half), full)
    gray, rough = scene(masks='m', look='gray'), scene(masks='m', labels='rough')
    averages = average_scenes(
        {
            'one': score(scene(masks='m'), hit, hit, hit),
            'two': score(scene(masks='m'), miss),
            'faint': score(gray, miss, hit),
            'rough': score(rough, miss, miss),
            'unlabeled': score(scene(), (frame(), full)),
        }
    )
    assert averages['color']['scenes'] == ['one', 'two']
    assert averages['color']['dice'] == {'net': 0.75}  # of 1 and 2 * 2 / (2 + 6)
    assert averages['gray']['scenes'] == ['faint']
    assert averages['gray']['dice'] == {'net': 0.75}
    assert averages['color']['parts_dice'] == {}
