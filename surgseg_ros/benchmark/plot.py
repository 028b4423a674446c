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
from typing import TYPE_CHECKING

from surgseg_ros.reporting.plots import add_legend_below
from surgseg_ros.reporting.plots import FAINT
from surgseg_ros.reporting.plots import LINE
from surgseg_ros.reporting.plots import new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 1400
"""Pixels of the picture."""

COLORS = {
    'eager': '#969696',
    'torch': '#e69f00',
    'openvino': '#0072b2',
    'onnxruntime': '#009e73',
    'tensorrt': '#9450a0',
}
"""Of the bars; told apart by the color-blind too."""

_ALARM = '#be1e1e'
_HEAD_HEIGHT, _WARNING_HEIGHT, _PANEL_FRAME_HEIGHT, _BAR_STEP = 110, 30, 90, 24
_BAR_THICKNESS, _NETWORK_GAP = 0.78, 0.6  # in steps of the bars
_WHISKER_LIMIT = 1.3  # of the longest bar; what is longer is told in words
_SHARE_OF_BARS = 0.72  # of the width of a panel; the figures beside the bars have the rest
_SMALL = 9.0  # pt


def draw_plot(result: Mapping[str, Any], warning: str = '') -> 'Figure':
    """
    Draw the times of all rows.

    :param result: see :func:`surgseg_ros.benchmark.report.make_result`
    :param warning: what a reader has to know, goes above the legend
    :return: a figure of :data:`WIDTH` px with axes for every panel
    :raises MissingPackageError: if matplotlib is not installed
    """
    panels = [list(rows) for _, rows in groupby(result['rows'], _panel_of)]
    heights = [_PANEL_FRAME_HEIGHT + _BAR_STEP * _steps_of(rows) for rows in panels]
    head = _HEAD_HEIGHT + (_WARNING_HEIGHT if warning else 0)
    figure = new_figure(WIDTH, head + round(sum(heights)))
    title = f'Forward pass on {_device_of(result["machine"])}'
    figure.suptitle(title, fontsize=15, fontweight='bold')
    if panels:
        all_axes = figure.subplots(len(panels), squeeze=False, height_ratios=heights)[:, 0]
        for axes, rows in zip(all_axes, panels, strict=True):
            _draw_panel(axes, rows)
    _add_legend(figure, result['rows'], warning)
    return figure


def _add_legend(figure: 'Figure', rows: Sequence[Mapping[str, Any]], warning: str) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    used = {row['backend'] for row in rows}
    names = {'eager': 'eager: as the papers ran it'}
    bars = [
        Patch(color=color, label=names.get(backend, backend))
        for backend, color in COLORS.items()
        if backend in used
    ]
    whisker = Line2D([], [], color=FAINT, label='up to 95 % of the passes')
    legend = add_legend_below(figure, [*bars, whisker], warning)
    legend.get_title().set_color(_ALARM)


def _draw_panel(axes: 'Axes', rows: Sequence[Mapping[str, Any]]) -> None:
    batch, width, height = _panel_of(rows[0])
    images = 'one image' if batch == 1 else f'batch of {batch}'
    axes.set_title(f'{width}x{height}, {images}', loc='left', fontweight='bold')
    longest = max(row['median_ms'] for row in rows)
    limit = min(max(row['p95_ms'] for row in rows), _WHISKER_LIMIT * longest)
    axes.set_xlim(0, limit / _SHARE_OF_BARS)
    axes.set_xticks([tick for tick in axes.get_xticks() if tick <= limit])
    axes.set_xlabel('median time of a pass [ms]', loc='left')
    place, middles, names = 0.0, [], []
    for (model, branch), group in groupby(rows, _network_of):
        bars = list(group)
        middles.append(place + (len(bars) - 1) / 2)
        names.append(f'{model}\n{branch}')
        for row in bars:
            _draw_bar(axes, row, place, limit)
            place += 1
        place += _NETWORK_GAP
    axes.set_yticks(middles, names)
    axes.set_ylim(place - _NETWORK_GAP / 2 - 0.5, -_NETWORK_GAP / 2 - 0.5)
    axes.tick_params(axis='y', length=0)
    axes.set_axisbelow(True)
    axes.grid(axis='x', color=LINE)
    axes.spines[['top', 'right', 'bottom']].set_visible(False)


def _draw_bar(axes: 'Axes', row: Mapping[str, Any], place: float, limit: float) -> None:
    axes.barh(place, row['median_ms'], _BAR_THICKNESS, color=COLORS[row['backend']])
    end = max(min(row['p95_ms'], limit), row['median_ms'])
    axes.hlines(place, row['median_ms'], end, FAINT, linewidth=1)
    details = [row['precision'], f'{row["images_per_s"]:.3g} images/s']
    if row['backend'] != 'eager' and row['faster_than_eager']:
        details.append(f'{row["faster_than_eager"]:.2f}x eager')
    if row['peak_fraction']:
        details.append(f'{row["peak_fraction"]:.0%} of peak')
    if row['p95_ms'] > limit:
        details.append(f'95 %: {row["p95_ms"]:.0f} ms')
    time = axes.annotate(
        f'{_format_ms(row["median_ms"])} ms',
        (end, place),
        xytext=(6, 0),
        textcoords='offset points',
        va='center',
        fontweight='bold',
    )
    axes.annotate(
        '  '.join(details),
        (1, 0.5),
        xycoords=time,
        xytext=(8, 0),
        textcoords='offset points',
        va='center',
        fontsize=_SMALL,
        color=FAINT,
    )


def _format_ms(value: float) -> str:
    """Return three digits or all before the point."""
    return f'{value:.3g}' if value < 999.5 else f'{value:.0f}'


def _device_of(machine: Mapping[str, Any]) -> str:
    return machine.get('gpu') or f'{machine["cpu"]}, {machine["threads"]} threads'


def _panel_of(row: Mapping[str, Any]) -> tuple[int, int, int]:
    return row['batch'], row['width'], row['height']


def _network_of(row: Mapping[str, Any]) -> tuple[str, str]:
    return row['model'], row['branch']


def _steps_of(rows: Sequence[Mapping[str, Any]]) -> float:
    """Return the height of the bars of a panel and the gaps between networks."""
    return len(rows) + _NETWORK_GAP * len(list(groupby(rows, _network_of)))
