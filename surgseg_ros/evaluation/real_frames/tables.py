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


"""The scores of scenes of real frames as a Markdown page, the tables of a model card."""

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from surgseg_ros.data.label_sets import get_label_set
from surgseg_ros.evaluation.real_frames.scores import PARTS
from surgseg_ros.evaluation.real_frames.scores import TRUTH
from surgseg_ros.reporting.text_tables import format_table

RULE = (
    'Real frames choose nothing: no checkpoint, threshold, recipe or stopping time may be picked '
    'by these numbers, and no real pixel is trained on.'
)
_NOTHING = '-'
_ROUGH = 'rough labels, in no mean'

_NOTES = {
    'dice': (
        'Dice of an image: 2 TP / (2 TP + FP + FN) of instrument against background; without any '
        'true instrument 1 if none is found, else 0. Dice of a scene: mean over its images. Mean: '
        'over the scenes, each counting once. Pixels of tools that are no robotic instruments are '
        'left out; in the columns "other = background" they are background.'
    ),
    'parts': (
        'Dice of each part: mean over the images that have it in truth or prediction; mean: of '
        'the three.'
    ),
    'empty': (
        'Share of the pixels that are called instrument where none is in view, in %: mean of the '
        'images and the worst one.'
    ),
    'flicker': (
        '1 - IoU of the masks of neighboring frames, mean. Motion is in it, so compare within a '
        'row: the column truth, where there are masks, is what motion alone makes.'
    ),
    'cue': (
        'cue: no network, but (1 - a*)(1 - S) of each pixel with the threshold of Otsu, on the '
        'same frames.'
    ),
}


def format_scene_scores(result: Mapping[str, Any]) -> str:
    """
    Return the Markdown page of a result.

    :param result: see :func:`surgseg_ros.evaluation.real_frames.score_real.score_real`
    """
    methods: Sequence[str] = result['methods']
    scenes: Mapping[str, Mapping[str, Any]] = result['scenes']
    blocks = [f'# {result["checkpoint"]["name"]} on real frames', RULE, _describe(result)]
    if any(scene.get('dice') for scene in scenes.values()):
        blocks += ['## Binary Dice', _dice_table(result, methods), _NOTES['dice'], _NOTES['cue']]
    if any(scene.get('parts_dice') for scene in scenes.values()):
        blocks += ['## Dice of the parts', _parts_table(result), _NOTES['parts']]
    if any('false_positive_percent' in scene for scene in scenes.values()):
        blocks += ['## Where there is no instrument', _empty_table(scenes, methods)]
        blocks += [_NOTES['empty']]
    if any(scene.get('flicker') for scene in scenes.values()):
        blocks += ['## Flicker', _flicker_table(scenes, methods), _NOTES['flicker']]
    noted = [f'- `{name}`: {scene["note"]}' for name, scene in scenes.items() if scene['note']]
    if noted:
        blocks += ['## Scenes', '\n'.join(noted)]
    return '\n\n'.join(blocks)


def _describe(result: Mapping[str, Any]) -> str:
    checkpoint, inference = result['checkpoint'], result['inference']
    lines = [
        f'- checkpoint: `{checkpoint["name"]}`, {checkpoint["model"]}, task {checkpoint["task"]}, '
        f'SHA-256 `{checkpoint["sha256"]}`',
        f'- run as the node runs it: input size {checkpoint["input_size"]}, '
        f'{inference["backend"]} {inference["precision"]} on {inference["device"]}, '
        f'crop {inference["crop"]}',
    ]
    if checkpoint['notice']:
        lines.append(f'- these weights were {checkpoint["notice"]}')
    if result['frame_limit'] is not None:
        lines.append(
            f'- **only the first {result["frame_limit"]} frames of each scene: not to be quoted**'
        )
    if result.get('only'):
        lines.append('- **only some scenes: the means compare with no others**')
    return '\n'.join(lines)


def _dice_table(result: Mapping[str, Any], methods: Sequence[str]) -> str:
    table = [
        ('scene', 'look', 'images', *methods, *(f'{each}, other = background' for each in methods))
    ]
    for name, scene in result['scenes'].items():
        if not scene.get('dice'):
            continue
        told = name if scene['labels'] == 'exact' else f'{name} ({_ROUGH})'
        cells = _both_ways(scene, methods)
        table.append((told, scene['look'], str(scene['labeled_images']), *cells))
    for look, average in result['averages'].items():
        count = len(average['scenes'])
        cells = [f'**{cell}**' for cell in _both_ways(average, methods)]
        table.append((f'**mean of {count} {look} scenes**', look, '', *cells))
    return format_table(table)


def _both_ways(scores: Mapping[str, Any], methods: Sequence[str]) -> list[str]:
    tables = scores['dice'], scores['dice_other_as_background']
    return [_dice(table.get(method)) for table in tables for method in methods]


def _parts_table(result: Mapping[str, Any]) -> str:
    columns = (*get_label_set(PARTS).class_names[1:], 'mean')
    table = [('scene', 'branch', *columns)]
    averages = {
        f'**mean of {len(average["parts_scenes"])} {look} scenes**': average
        for look, average in result['averages'].items()
    }
    for name, scene in (*result['scenes'].items(), *averages.items()):
        for method, values in (scene.get('parts_dice') or {}).items():
            table.append((name, method, *(_dice(values.get(column)) for column in columns)))
    return format_table(table)


def _empty_table(scenes: Mapping[str, Mapping[str, Any]], methods: Sequence[str]) -> str:
    kinds = ('mean', 'worst')
    table = [
        ('scene', 'images', *(f'{method}, {kind}' for method in methods for kind in kinds)),
        *(
            (
                name,
                str(scene['images']),
                *(
                    f'{scene["false_positive_percent"][method][kind]:.2f}'
                    for method in methods
                    for kind in kinds
                ),
            )
            for name, scene in scenes.items()
            if 'false_positive_percent' in scene
        ),
    ]
    return format_table(table)


def _flicker_table(scenes: Mapping[str, Mapping[str, Any]], methods: Sequence[str]) -> str:
    table = [('scene', 'pairs', *methods, TRUTH)]
    for name, scene in scenes.items():
        flicker = scene.get('flicker')
        if flicker:
            cells = [_dice(flicker.get(method)) for method in (*methods, TRUTH)]
            table.append((name, str(scene['pairs']), *cells))
    return format_table(table)


def _dice(value: float | None) -> str:
    return _NOTHING if value is None else f'{value:.3f}'
