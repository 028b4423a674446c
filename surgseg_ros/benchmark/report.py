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

"""The result of the benchmark: JSON, Markdown and a plot."""

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import asdict
from itertools import compress
from itertools import groupby
import json
from pathlib import Path
from typing import Any

from surgseg_ros.benchmark.machine import machine_facts
from surgseg_ros.benchmark.measurement import Benchmark
from surgseg_ros.benchmark.picture import PICTURE
from surgseg_ros.benchmark.plot import draw_plot
from surgseg_ros.benchmark.rows import YARDSTICK
from surgseg_ros.benchmark.targets import judge
from surgseg_ros.models import model_info
from surgseg_ros.reporting.plots import write_figure
from surgseg_ros.reporting.text_tables import format_table

SCHEMA = 'surgseg_ros/benchmark/1'
"""Names the fields of the JSON file; a change of their meaning changes the number."""

BUSY_FRACTION = 0.1
"""From this share of the cores in others' hands on, the report says that times are too long."""

METHOD = f"""\
Times are wall-clock times of one pass of the whole batch, taken after the device has finished. \
Every engine is warmed up, and all engines of a size and batch take turns, round by round; ratios \
are medians of the quotients within a round. `forward` is the network alone, up to its logits at \
their own resolution; `labels` is everything from camera images (bytes) to label images on the \
host. `eager` is the network as its paper ran it: torch, fp32, NCHW, batch norms unfused, given a \
normalized float tensor. `vs eager` is how many times as fast a backend is, `of {YARDSTICK}` and \
`of main` are shares of the time of that network in the same backend. `peak` is the share of the \
most GFLOP/s that products of large matrices reached in the same run, number format and number of \
threads. `MiB` is the growth of memory at the peak of a pass, weights included: of the process, \
or, on a GPU, of what torch has allocated there. `agree` is the \
share of pixels of {PICTURE} that get the label that torch computes in fp32 on the CPU; with \
random weights it says nothing and is left out. `n` is the number of timed passes: of few, \
the 99 % are little more than the slowest."""


_TITLES = (
    *('network', 'branch', 'backend', 'format', 'forward ms', 'p95', 'p99', 'images/s'),
    *('labels ms', 'labels p99', 'vs eager', f'of {YARDSTICK}', 'of main', 'GFLOP/s', 'peak'),
    *('MiB', 'agree', 'n'),
)
_LEFT_OUT_WHEN_SHORT = ('p95', 'p99', 'labels p99', 'GFLOP/s', 'n')


def make_result(benchmark: Benchmark, command: str) -> dict[str, Any]:
    """
    Return everything that was measured, ready for JSON.

    :param command: what the user typed
    """
    settings = benchmark.settings
    machine = machine_facts(settings.device, benchmark.threads)
    machine['load_average_at_start'] = benchmark.load_at_start
    foreign = benchmark.foreign_load.fraction
    rows = benchmark.rows
    targets = judge(rows, machine['instruction_sets'], machine.get('gpu', ''))
    return {
        'schema': SCHEMA,
        'started': benchmark.started.isoformat(timespec='seconds'),
        'command': command,
        'interrupted': benchmark.interrupted,
        'machine': machine,
        'foreign_load': None if foreign is None else round(foreign, 3),
        'peak_gflop_per_s': _rounded(benchmark.roofline.gflops_per_s),
        'copy_gigabytes_per_s': round(benchmark.roofline.gigabytes_per_s, 1),
        'picture': PICTURE,
        'rows': [asdict(row) for row in rows],
        'skipped': [asdict(skipped) for skipped in benchmark.skipped],
        'targets': [asdict(target) for target in targets],
    }


def write_files(
    result: Mapping[str, Any],
    json_file: Path | None = None,
    markdown_file: Path | None = None,
    plot_file: Path | None = None,
) -> None:
    """
    Write the files that are wanted; the Markdown shows the plot if there is one.

    :raises MissingPackageError: if matplotlib or tabulate is not installed
    :raises OSError: if a file cannot be written
    """
    for file in (json_file, markdown_file, plot_file):
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
    if json_file is not None:
        json_file.write_text(json.dumps(result, indent=2) + '\n', encoding='utf-8')
    if plot_file is not None:
        write_figure(plot_file, draw_plot(result, '; '.join(warnings_of(result))))
    if markdown_file is not None:
        plot = '' if plot_file is None else _relative(plot_file, markdown_file)
        markdown_file.write_text(format_markdown(result, plot), encoding='utf-8')


def format_markdown(result: Mapping[str, Any], plot: str = '') -> str:
    """
    Return the report.

    :param result: see :func:`make_result`, or its JSON read again
    :param plot: address of the plot to show; empty: none
    """
    parts = [
        '# Network benchmark',
        _format_machine(result),
        f'![Times of the networks]({plot})' if plot else '',
        *format_tables(result),
        _format_networks(result['rows']),
        _format_targets(result['targets']),
        _format_skipped(result['skipped']),
        f'## Method\n\n{METHOD}\n\nRepeat it with:\n\n```bash\n{result["command"]}\n```',
    ]
    return '\n\n'.join(part for part in parts if part) + '\n'


def format_tables(result: Mapping[str, Any], short: bool = False) -> list[str]:
    """
    Return a title and a table, which reads well as text too, for each size and batch.

    :param short: leave out columns, so that rows fit a terminal
    """
    return [
        f'## {_format_group(group)}\n\n{_format_rows(list(rows), short)}'
        for group, rows in groupby(result['rows'], _group_of)
    ]


def describe_peaks(result: Mapping[str, Any]) -> str:
    """Return what the computer can do at best, in a sentence."""
    peaks = ', '.join(
        f'{peak:,.0f} GFLOP/s {precision}'
        for precision, peak in result['peak_gflop_per_s'].items()
    )
    return f'{peaks}; copies in memory {result["copy_gigabytes_per_s"]:.1f} GB/s'


def warnings_of(result: Mapping[str, Any]) -> list[str]:
    """Return what a reader of the figures has to know."""
    warnings = []
    if (result['foreign_load'] or 0) >= BUSY_FRACTION:
        warnings.append(
            f'other programs or guests took {result["foreign_load"]:.0%} of the cores meanwhile: '
            'times are too long and ratios uncertain; repeat on an idle computer'
        )
    if result['interrupted']:
        warnings.append('interrupted: not everything was measured')
    return warnings


def _format_machine(result: Mapping[str, Any]) -> str:
    machine = result['machine']
    versions = ', '.join(f'{name} {version}' for name, version in machine['versions'].items())
    facts = {
        'GPU': f'{machine["gpu"]}, {machine["gpu_memory_gib"]} GiB' if 'gpu' in machine else '',
        'CPU': f'{machine["cpu"]}, {machine["usable_cores"]} cores usable, '
        f'{machine["threads"]} threads used',
        'instructions': ', '.join(machine['instruction_sets']) or 'none of those looked for',
        'memory': f'{machine["memory_gib"]} GiB',
        'measured peak': describe_peaks(result),
        'system': machine['system'],
        'versions': versions,
        'measured': f'{result["started"]}, load average {machine["load_average_at_start"]} before',
    }
    rows = [[name, text] for name, text in facts.items() if text]
    notes = [f'**Note:** {warning}.' for warning in warnings_of(result)]
    return '\n\n'.join([format_table([['', ''], *rows]), *notes])


def _group_of(row: Mapping[str, Any]) -> tuple[int, int, int]:
    return row['batch'], row['width'], row['height']


def _format_group(group: tuple[int, int, int]) -> str:
    batch, width, height = group
    return f'{width}x{height}, {"one image" if batch == 1 else f"batch of {batch}"}'


def _format_rows(rows: Sequence[Mapping[str, Any]], short: bool) -> str:
    kept = [not short or title not in _LEFT_OUT_WHEN_SHORT for title in _TITLES]
    lines = (_TITLES, *map(_format_row, rows))
    return format_table([list(compress(line, kept)) for line in lines])


def _format_row(row: Mapping[str, Any]) -> list[str]:
    return [
        row['model'],
        row['branch'],
        row['backend'],
        row['precision'],
        *(_significant(row[name]) for name in ('median_ms', 'p95_ms', 'p99_ms')),
        _significant(row['images_per_s']),
        *(_significant(row[name]) for name in ('labels_ms', 'labels_p99_ms')),
        _optional(row['faster_than_eager'], '{:.2f}'),
        _optional(row['of_yardstick'], '{:.2f}'),
        _optional(row['of_main'], '{:.3f}'),
        f'{row["gflop_per_s"]:,.0f}',
        _optional(row['peak_fraction'], '{:.0%}'),
        _optional(row['memory_mib'], '{:.0f}'),
        _optional(row['agreement'], '{:.3%}'),
        str(row['passes']),
    ]


def _format_networks(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return parameters and operations of the networks."""
    if not rows:
        return ''
    sizes = list(dict.fromkeys((row['width'], row['height']) for row in rows))
    costs = {
        (row['model'], row['branch'], row['width'], row['height']): row['gflop'] for row in rows
    }
    networks = {(row['model'], row['branch']): row for row in rows}
    lines = [
        [
            model,
            branch,
            model_info(model).title,
            row['weights'],
            f'{row["parameters"]:,}',
            *(_optional(costs.get((model, branch, *size)), '{:,.1f}') for size in sizes),
        ]
        for (model, branch), row in networks.items()
    ]
    titles = ['network', 'branch', 'paper', 'weights', 'parameters']
    titles += [f'GFLOP {width}x{height}' for width, height in sizes]
    return f'## Networks\n\n{format_table([titles, *lines])}'


def _format_targets(targets: Sequence[Mapping[str, Any]]) -> str:
    if not targets:
        return ''
    lines = [[target['text'], 'yes' if target['met'] else '**no**'] for target in targets]
    return f'## Targets\n\n{format_table([["measured; required", "met"], *lines])}'


def _format_skipped(skipped: Sequence[Mapping[str, Any]]) -> str:
    if not skipped:
        return ''
    lines = [f'- {one["what"]}: {one["reason"]}' for one in skipped]
    return '## Not measured\n\n' + '\n'.join(lines)


def _significant(value: float) -> str:
    """Return three digits or all before the point."""
    decimals = 2 if value < 10 else 1 if value < 100 else 0
    return f'{value:,.{decimals}f}'


def _optional(value: float | None, form: str) -> str:
    return '' if value is None else form.format(value)


def _rounded(values: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 1) for name, value in values.items()}


def _relative(file: Path, beside: Path) -> str:
    """Return how one file is addressed from another's folder."""
    folder = beside.resolve().parent
    path = file.resolve()
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)
