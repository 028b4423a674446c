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

"""The figures of positions and tracks as tables that read well as text and as Markdown."""

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from surgseg_ros.evaluation.tracks.metrics import OVERALL
from surgseg_ros.reporting.text_tables import format_table

_NOTHING = '-'


def format_tables(result: Mapping[str, Any]) -> str:
    """
    Return all tables.

    :param result: see :func:`surgseg_ros.evaluation.tracks.evaluate.evaluate_tracks`
    """
    rows = {**result['scenes'], OVERALL: result[OVERALL]}
    parts = [
        'In the image: errors in px, median / 95 %; hidden tips: told though not visible',
        _image_table(rows),
        'In space: errors in mm, median / 95 %; inside: share in the ellipsoid for 95 %',
        _space_table(rows),
        'Filtered tracks in space: likewise',
        _track_table(rows),
        'Identities',
        _identity_table(rows),
        'In space by depth, all scenes: median / 95 % in mm, predicted: root of the trace',
        _depth_table(result[OVERALL]['space']['by_depth']),
        'Time in ms',
        _time_table(result[OVERALL]['times']),
    ]
    return '\n\n'.join(parts)


def format_targets(targets: Sequence[Mapping[str, Any]]) -> str:
    """Return a line for each target."""
    lines = []
    for target in targets:
        value = _NOTHING if target['value'] is None else f'{target["value"]:.3g}'
        mark = 'ok    ' if target['met'] else 'MISSED'
        wanted = f'{target["least"]:g} to {target["most"]:g}'
        lines.append(f'{mark}  {target["text"]}: {value} (wanted: {wanted})')
    return '\n'.join(lines)


def _image_table(rows: Mapping[str, Any]) -> str:
    table = [('scene', 'frames', 'found', 'centroid', 'tip', 'tips found', 'hidden tips')]
    for name, row in rows.items():
        image = row['image']
        table.append((
            name,
            str(row['frames']),
            _share(image['found'], image['expected']),
            _error(image['centroid']),
            _error(image['tip']),
            _share(image['tip']['count'], image['tips_expected']),
            str(image['hidden_tips']),
        ))  # fmt: skip
    return format_table(table)


def _space_table(rows: Mapping[str, Any]) -> str:
    table = [('scene', 'found', 'centroid', 'inside', 'tip', 'inside', 'tips found')]
    for name, row in rows.items():
        space = row['space']
        table.append((
            name,
            _share(space['found'], space['expected']),
            _error(space['centroid']),
            _inside(space['centroid']),
            _error(space['tip']),
            _inside(space['tip']),
            _share(space['tip']['count'], space['tips_expected']),
        ))  # fmt: skip
    return format_table(table)


def _track_table(rows: Mapping[str, Any]) -> str:
    table = [('scene', 'centroid', 'inside', 'tip', 'inside')]
    for name, row in rows.items():
        centroid, tip = (row['space'][f'tracked_{point}'] for point in ('centroid', 'tip'))
        table.append((name, _error(centroid), _inside(centroid), _error(tip), _inside(tip)))
    return format_table(table)


def _identity_table(rows: Mapping[str, Any]) -> str:
    head = ('scene', 'where', 'instruments', 'MOTA', 'IDF1', 'switches', 'misses', 'false')
    table: list[tuple[str, ...]] = [head]
    for name, row in rows.items():
        for place in ('image', 'space'):
            identities = row[place]['identities']
            table.append((
                name,
                place,
                str(identities['objects']),
                *(_score(identities[metric]) for metric in ('mota', 'idf1')),
                *(str(identities[key]) for key in ('switches', 'misses', 'false_positives')),
            ))  # fmt: skip
    return format_table(table)


def _depth_table(bands: Mapping[str, Any]) -> str:
    table: list[Sequence[str]] = [
        ('depth', 'centroids', 'centroid', 'predicted', 'tips', 'tip', 'predicted')
    ]
    for name in bands['centroid']:
        cells = [name]
        for point in ('centroid', 'tip'):
            figures = bands[point][name]
            cells += [str(figures['count']), _error(figures), _predicted(figures)]
        table.append(cells)
    return format_table(table)


def _time_table(times: Mapping[str, Any]) -> str:
    table = [('stage', 'calls', 'median', '95 %')]
    for stage, figures in times.items():
        numbers = (
            (f'{figures[key]:.2f}' for key in ('median_ms', 'p95_ms'))
            if figures['count']
            else (_NOTHING, _NOTHING)
        )
        table.append((stage, str(figures['count']), *numbers))
    return format_table(table)


def _error(figures: Mapping[str, Any]) -> str:
    if not figures['count']:
        return _NOTHING
    return f'{figures["median"]:.2f} / {figures["p95"]:.2f}'


def _predicted(figures: Mapping[str, Any]) -> str:
    return f'{figures["predicted_median"]:.2f}' if figures['count'] else _NOTHING


def _inside(figures: Mapping[str, Any]) -> str:
    return f'{100 * figures["inside_95"]:.1f} %' if figures['count'] else _NOTHING


def _share(part: int, whole: int) -> str:
    return f'{100 * part / whole:.1f} %' if whole else _NOTHING


def _score(value: float | None) -> str:
    return _NOTHING if value is None else f'{value:.3f}'
