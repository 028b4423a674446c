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

"""The plot of the benchmark: a bar for every row, a panel for every size and batch."""

from collections.abc import Mapping
from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np

from surgseg_ros.reporting.canvas import Canvas
from surgseg_ros.reporting.canvas import FAINT
from surgseg_ros.reporting.canvas import LINE
from surgseg_ros.reporting.canvas import text_width
from surgseg_ros.reporting.canvas import tick_step

WIDTH = 1400
"""Pixels of the picture."""

COLORS = {
    'eager': (150, 150, 150),
    'torch': (230, 159, 0),
    'openvino': (0, 114, 178),
    'onnxruntime': (0, 158, 115),
    'tensorrt': (148, 80, 160),
}
"""Of the bars, RGB; told apart by the color-blind too."""

_ALARM = (190, 30, 30)
_MARGIN = 28
_BAR_HEIGHT, _BAR_STEP = 16, 22
_BRANCH_GAP, _PANEL_GAP = 12, 26
_TITLE_HEIGHT, _AXIS_HEIGHT = 34, 26
_WARNING_HEIGHT = 26
_LABELS_WIDTH, _VALUES_WIDTH = 190, 410
_TITLE_SIZE, _TEXT_SIZE, _SMALL_SIZE = 0.72, 0.5, 0.44


def draw_plot(result: Mapping[str, Any], warning: str = '') -> np.ndarray:
    """
    Draw the times of all rows.

    :param result: see :func:`surgseg_ros.benchmark.report.make_result`
    :param warning: what a reader has to know, goes below the title
    :return: (H, :data:`WIDTH`, 3) uint8 RGB
    """
    panels = [list(rows) for _, rows in groupby(result['rows'], _panel_of)]
    heads = 2 * _TITLE_HEIGHT + 20 + (_WARNING_HEIGHT if warning else 0)
    height = heads + sum(_panel_height(rows) for rows in panels) + _MARGIN
    canvas = Canvas.blank(WIDTH, height)
    _draw_head(canvas, result)
    canvas.write(_MARGIN, 2 * _TITLE_HEIGHT + _WARNING_HEIGHT, warning, _SMALL_SIZE, _ALARM)
    top = heads
    for rows in panels:
        _draw_panel(canvas, top, rows)
        top += _panel_height(rows)
    return canvas.picture()


def _draw_head(canvas: Canvas, result: Mapping[str, Any]) -> None:
    machine = result['machine']
    device = machine.get('gpu') or f'{machine["cpu"]}, {machine["threads"]} threads'
    title = f'Forward pass, median, on {device}'
    canvas.write(_MARGIN, _TITLE_HEIGHT, title, _TITLE_SIZE, bold=True)
    x = float(_MARGIN)
    y = 2 * _TITLE_HEIGHT
    for backend in COLORS:
        if any(row['backend'] == backend for row in result['rows']):
            canvas.rectangle(x, y - 12, x + 14, y + 2, COLORS[backend])
            name = 'eager: as the papers ran it' if backend == 'eager' else backend
            canvas.write(x + 21, y, name, _TEXT_SIZE)
            x += 21 + text_width(name, _TEXT_SIZE) + 26
    canvas.write(x, y, 'thin line: up to 95 % of the passes', _TEXT_SIZE, FAINT)


def _draw_panel(canvas: Canvas, top: float, rows: Sequence[Mapping[str, Any]]) -> None:
    batch, width, height = _panel_of(rows[0])
    title = f'{width}x{height}, {"one image" if batch == 1 else f"batch of {batch}"}'
    canvas.write(_MARGIN, top + _TITLE_HEIGHT - 12, title, 0.6, bold=True)
    top += _TITLE_HEIGHT
    left = _MARGIN + _LABELS_WIDTH
    span = WIDTH - left - _VALUES_WIDTH
    step = tick_step(max(row['median_ms'] for row in rows))
    end = step * int(np.ceil(max(row['median_ms'] for row in rows) / step))
    bottom = top + _bars_height(rows)
    _draw_axis(canvas, (left, top, span, bottom), step, end)
    y = top + _BRANCH_GAP / 2
    for (model, branch), group in groupby(rows, _network_of):
        bars = list(group)
        middle = y + len(bars) * _BAR_STEP / 2
        canvas.write(_MARGIN, middle - 2, model, _TEXT_SIZE)
        canvas.write(_MARGIN, middle + 13, branch, _SMALL_SIZE, FAINT)
        for row in bars:
            _draw_bar(canvas, row, (left, y), span / end)
            y += _BAR_STEP
        y += _BRANCH_GAP


def _draw_axis(
    canvas: Canvas, area: tuple[float, float, float, float], step: float, end: float
) -> None:
    left, top, span, bottom = area
    for index in range(round(end / step) + 1):
        x = left + span * index * step / end
        canvas.rectangle(x, top, x, bottom, LINE)
        text = f'{index * step:g}' + (' ms' if index * step >= end else '')
        offset = text_width(f'{index * step:g}', _SMALL_SIZE) / 2
        canvas.write(x - offset, bottom + 16, text, _SMALL_SIZE, FAINT)


def _draw_bar(
    canvas: Canvas, row: Mapping[str, Any], origin: tuple[float, float], pixels_per_ms: float
) -> None:
    left, top = origin
    right = left + row['median_ms'] * pixels_per_ms
    canvas.rectangle(left, top + 3, right, top + 3 + _BAR_HEIGHT, COLORS[row['backend']])
    limit = float(WIDTH - _VALUES_WIDTH)
    whisker = min(left + row['p95_ms'] * pixels_per_ms, limit)
    middle = top + 3 + _BAR_HEIGHT / 2
    canvas.rectangle(right, middle, whisker, middle, FAINT)
    x = max(right, whisker) + 8
    text = (
        f'{row["median_ms"]:.3g} ms' if row['median_ms'] < 1000 else f'{row["median_ms"]:.0f} ms'
    )
    canvas.write(x, middle + 5, text, _TEXT_SIZE, bold=True)
    x += text_width(text, _TEXT_SIZE) + 12
    details = [row['precision'], f'{row["images_per_s"]:.3g}/s']
    if row['backend'] != 'eager' and row['faster_than_eager']:
        details.append(f'{row["faster_than_eager"]:.2f}x eager')
    if row['peak_fraction']:
        details.append(f'{row["peak_fraction"]:.0%} of peak')
    if whisker == limit:
        details.append(f'95 %: {row["p95_ms"]:.0f} ms')
    canvas.write(x, middle + 5, '  '.join(details), _SMALL_SIZE, FAINT)


def _panel_of(row: Mapping[str, Any]) -> tuple[int, int, int]:
    return row['batch'], row['width'], row['height']


def _network_of(row: Mapping[str, Any]) -> tuple[str, str]:
    return row['model'], row['branch']


def _bars_height(rows: Sequence[Mapping[str, Any]]) -> int:
    groups = len(list(groupby(rows, _network_of)))
    return len(rows) * _BAR_STEP + groups * _BRANCH_GAP


def _panel_height(rows: Sequence[Mapping[str, Any]]) -> int:
    return _TITLE_HEIGHT + _bars_height(rows) + _AXIS_HEIGHT + _PANEL_GAP
