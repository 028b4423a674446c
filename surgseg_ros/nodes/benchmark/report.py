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

"""What the node benchmark shows: one table, for the terminal and in Markdown."""

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from surgseg_ros.reporting.text_tables import format_table
from surgseg_ros.reporting.text_tables import PLAIN

Row = tuple[str, ...]

MISSING = '-'
SEPARATOR = ', '
QUANTILES = ('p50', 'p95', 'p99', 'max')
OUTCOMES = (
    *('sent', 'answered', 'unanswered', 'lost', 'received', 'replaced'),
    *('stale', 'rejected', 'unheard'),
)
LATENCIES = (
    ('latency_ms', 'Stamp to label image'),
    ('instruments_latency_ms', 'Stamp to instruments'),
    ('node_latency_ms', 'Inside the node'),
)
RATIOS = (
    ('node_over_network', 'node latency / bare network, medians'),
    ('node_over_segment', 'node latency / image to labels without ROS, medians'),
    ('node_p99_over_p50', 'node latency, p99 / p50'),
    ('throughput_over_plain', 'pairs a second / those of the plain node'),
    ('p99_over_plain', 'p99 from stamp to label image / that of the plain node'),
)


def format_text(result: Mapping[str, Any]) -> str:
    """Return the result as text for a terminal."""
    tables = (format_table(table, PLAIN) for table in _tables(result))
    return '\n\n'.join(['\n'.join(_headline(result)), *tables])


def format_markdown(result: Mapping[str, Any]) -> str:
    """Return the result as a section of a Markdown page."""
    tables = map(format_table, _tables(result))
    return '\n\n'.join(['  \n'.join(_headline(result)), *tables]) + '\n'


def _tables(result: Mapping[str, Any]) -> tuple[list[Row], list[Row]]:
    """Return the figures and the ratios, each with a line of titles."""
    return list(_figure_rows(result)), [('ratio', 'value'), *_ratio_rows(result)]


def _headline(result: Mapping[str, Any]) -> list[str]:
    machine, camera, network = result['machine'], result['camera'], result['network']
    lines = [
        f'{machine["cpu"]}, {machine["usable_cores"]} cores, {machine["device"]}; '
        + ', '.join(f'{name} {version}' for name, version in machine['versions'].items()),
        f'Stereo camera {camera["width"]}x{camera["height"]}, {_number(camera["rate_hz"])} Hz '
        f'({camera["rate_choice"]}), {camera["transport"]}; {camera["pictures"]}',
        ', '.join(f'{name} {value}' for name, value in network.items()),
    ]
    if branches := result['node']['branches']:
        lines.append(
            'Frames by branch: ' + ', '.join(f'{name} {count}' for name, count in branches.items())
        )
    if result['is_interrupted']:
        lines.append('Interrupted: these are the figures until then.')
    return lines


def _ratio_rows(result: Mapping[str, Any]) -> list[Row]:
    ratios = result['ratios']
    return [(title, f'{ratios[name]:.3f}') for name, title in RATIOS if ratios[name] is not None]


def _figure_rows(result: Mapping[str, Any]) -> Iterator[Row]:
    """Yield a line of titles, then a row for every figure, a column for every node."""
    columns = {'segmentation node': result['node'], 'plain node': result['plain']}
    nodes = {title: figures for title, figures in columns.items() if figures is not None}
    yield ('', *nodes)
    for title, *paths in _node_figures():
        cells = tuple(_cell(figures, paths) for figures in nodes.values())
        if any(cell.strip(f'{MISSING}{SEPARATOR}') for cell in cells):
            yield (title, *cells)
    padding = ('',) * (len(nodes) - 1)
    for name, title in (('network_ms', 'the network'), ('segment_ms', 'image to labels')):
        paths = [f'{name}.{quantile}' for quantile in QUANTILES]
        yield (f'Both eyes without ROS: {title} [ms]', _cell(result['bare'], paths), *padding)


def _node_figures() -> Iterator[tuple[str, ...]]:
    """Yield the title of each row and the paths of its figures."""
    yield ('Start to first label [s]', 'start_s')
    yield ('Pairs sent', 'pairs_sent')
    yield ('Pairs sent a second', 'sent_rate_hz')
    yield ('Pairs answered a second', 'pairs_per_s')
    yield ('Frames answered a second (left, right)', *_both_eyes('frames_per_s'))
    for name, title in LATENCIES:
        quantiles = [f'{name}.{quantile}' for quantile in QUANTILES]
        yield (f'{title}: p50, p95, p99, max [ms]', *quantiles)
        yield (f'{title}: p99 / p50', f'{name}.p99_over_p50')
    for part in ('queue', 'preprocess', 'inference', 'postprocess', 'rest'):
        quantiles = [f'parts_ms.{part}.{quantile}' for quantile in QUANTILES]
        yield (f'- {part} [ms]', *quantiles)
    yield ('Share of pairs in one batch', 'batched_fraction')
    for outcome in OUTCOMES:
        yield (f'Frames {outcome} (left, right)', *_both_eyes('frames', outcome))
    yield ('CPU cores', 'cpu_cores')
    yield ('CPU cores that other programs took meanwhile', 'foreign_cores')
    yield ('CPU time a pair [s]', 'cpu_s_per_pair')
    yield ('Memory, now and at its peak [MiB]', 'rss_mb', 'peak_rss_mb')


def _both_eyes(first: str, *rest: str) -> list[str]:
    return ['.'.join((first, eye, *rest)) for eye in ('left', 'right')]


def _cell(figures: Any, paths: Sequence[str]) -> str:
    return SEPARATOR.join(_number(_find(figures, path.split('.'))) for path in paths)


def _find(figures: Any, path: Sequence[str]) -> Any:
    for name in path:
        if figures is None:
            return None
        figures = figures.get(name)
    return figures


def _number(value: float | int | None) -> str:
    if value is None:
        return MISSING
    if isinstance(value, int):
        return str(value)
    return f'{value:.0f}' if abs(value) >= 1000 else f'{value:.4g}'
