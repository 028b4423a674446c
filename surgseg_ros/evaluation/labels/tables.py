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


"""The scores of label images as tables that read well as text and as Markdown."""

from collections.abc import Mapping
from typing import Any

from surgseg_ros.evaluation.labels.metric_table import METRICS
from surgseg_ros.reporting.text_tables import format_table

_NOTHING = '-'
_ALL, _BINARY_COLUMN = 'all frames', 'as binary'
_COUNTS = ('frames_in_truth', 'frames_predicted', 'hausdorff_left_out')
_UNITS = {metric.name: metric.unit for metric in METRICS}


def format_scores(result: Mapping[str, Any]) -> str:
    """
    Return tables of all metrics: overall and by video, and by class.

    Shares are in %, with the standard deviation over the frames where a metric is a mean over
    frames.

    :param result: see :meth:`surgseg_ros.evaluation.labels.scores.Scores.to_dict`
    """
    heading = f'Task {result["task"]}, {result["frames"]} frames'
    if result['missing_predictions']:
        heading += f', {result["missing_predictions"]} without prediction scored 0'
    return '\n\n'.join([
        heading,
        'Shares in % (deviation over the frames), distances in px',
        _metric_table(result),
        'By class',
        _class_table(result),
    ])  # fmt: skip


def _metric_table(result: Mapping[str, Any]) -> str:
    columns = {_ALL: result['metrics']}
    if 'binary' in result:
        columns[_BINARY_COLUMN] = result['binary']
    if len(result['videos']) > 1:
        columns |= {name: video['metrics'] for name, video in result['videos'].items()}
    table = [('metric', *columns)]
    for name in result['metrics']:
        cells = [_value(name, column.get(name)) for column in columns.values()]
        deviation = result['deviations'].get(name)
        if deviation is not None:
            cells[0] += f' ({_value(name, deviation)})'
        table.append((name, *cells))
    return format_table(table)


def _class_table(result: Mapping[str, Any]) -> str:
    classes = result['classes']
    table = [('metric', *classes)]
    for name in next(iter(classes.values())):
        table.append((name, *(_value(name, values[name]) for values in classes.values())))
    return format_table(table)


def _value(name: str, value: float | None) -> str:
    if value is None:
        return _NOTHING
    if name in _COUNTS:
        return str(value)
    return f'{value:.2f}' if _UNITS.get(name) else f'{100 * value:.2f}'
