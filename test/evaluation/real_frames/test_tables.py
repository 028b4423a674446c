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


"""Tests of the page of scores of scenes."""

import pytest

from surgseg_ros.evaluation.real_frames.tables import format_scene_scores


def scene(**keys):
    return {'look': 'color', 'labels': None, 'note': '', 'images': 3, **keys}


@pytest.fixture
def result():
    dice = {'main': 0.81234, 'cue': 0.5}
    parts = {'main': {'shaft': 0.9, 'wrist': None, 'clasper': 0.1, 'mean': 0.5}}
    labeled = {
        'labels': 'exact',
        'labeled_images': 2,
        'dice': dice,
        'dice_other_as_background': {'main': 0.7, 'cue': 0.4},
        'parts_dice': parts,
    }
    percent = {'main': {'mean': 0.25, 'worst': 1.5}, 'cue': {'mean': 50.0, 'worst': 51.0}}
    return {
        'checkpoint': {
            'name': 'net', 'sha256': 'abc', 'model': 'mffnet', 'task': 'parts',
            'input_size': '640x512', 'notice': '',
        },
        'inference': {'device': 'cpu', 'backend': 'torch', 'precision': 'fp32', 'crop': 'none'},
        'frame_limit': None,
        'methods': ['main', 'cue'],
        'averages': {'color': {**labeled, 'scenes': ['a'], 'parts_scenes': ['a']}},
        'scenes': {
            'a': scene(**labeled),
            'b': scene(**{**labeled, 'labels': 'rough'}, flicker={'main': 0.1, 'truth': 0.2},
                       pairs=2),
            'c': scene(false_positive_percent=percent, note='tissue alone'),
        },
    }  # fmt: skip


def rows(page, start):
    """Return the cells of the rows of a page that start with a text."""
    lines = [line for line in page.splitlines() if line.startswith(f'| {start}')]
    return [[cell.strip() for cell in line.strip('|').split('|')] for line in lines]


def test_every_table_has_its_numbers(result):
    page = format_scene_scores(result)
    assert rows(page, 'a ') == [
        ['a', 'color', '2', '0.812', '0.500', '0.700', '0.400'],
        ['a', 'main', '0.900', '-', '0.100', '0.500'],
    ]
    assert rows(page, 'b (rough labels, in no mean)')[0][3] == '0.812'
    assert rows(page, '**mean of 1 color scenes**')[0][3:] == [
        '**0.812**', '**0.500**', '**0.700**', '**0.400**',
    ]  # fmt: skip
    assert rows(page, 'c ') == [['c', '3', '0.25', '1.50', '50.00', '51.00']]
    assert rows(page, 'b ')[-1] == ['b', '2', '0.100', '-', '0.200']
    assert '- `c`: tissue alone' in page
    assert 'Real frames choose nothing' in page


def test_a_table_without_rows_is_left_out(result):
    result['scenes'] = {'c': result['scenes']['c']}
    result['averages'] = {}
    page = format_scene_scores(result)
    headings = [line for line in page.splitlines() if line.startswith('## ')]
    assert headings == ['## Where there is no instrument', '## Scenes']


def test_a_part_of_the_frames_or_scenes_is_not_to_be_quoted(result):
    assert '**only' not in format_scene_scores(result)
    assert 'first 5 frames' in format_scene_scores({**result, 'frame_limit': 5})
    assert 'only some scenes' in format_scene_scores({**result, 'only': ['a']})
