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

"""The page of measurements, ``docs/performance.md``: the networks, then the running node."""

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from surgseg_ros.benchmark.report import format_markdown
from surgseg_ros.benchmark.report import write_files

INTRODUCTION = """\
# Performance

Written by `surgseg benchmark --page docs/performance.md`, all in one run on one computer. Ratios \
carry over to other computers of its kind better than times do. A GPU is measured by the same \
command where there is one; the tables name the computer and the device."""

NODE_METHOD = """\
The camera, the node and the receiver are processes of their own, connected by DDS. Without a \
given rate the camera leaves the node a third of its time, so that images do not wait for each \
other; at 30 Hz it sends more than the node can answer, which drops what is overtaken and answers \
the newest. `Both eyes without ROS` is the same network, backend and size in a process without \
ROS, measured before, between and after. The plain node is a yardstick as a careful newcomer \
writes it: cv_bridge, eager PyTorch in single precision, everything in the callback, queues of \
ten images, the same weights and the same size of the network."""


@dataclass(frozen=True)
class NodeRun:
    """
    One run of the benchmark of the node.

    :param title: heading of its section
    :param options: of ``surgseg benchmark --node``
    """

    title: str
    options: tuple[str, ...]


NODE_RUNS = (
    NodeRun('640x512, as fast as the node follows', ('--size', '640x512', '--frames', '100')),
    NodeRun('1280x1024, as fast as the node follows', ('--size', '1280x1024', '--frames', '24')),
    NodeRun(
        '640x512 at 30 Hz, beside a plain node',
        ('--size', '640x512', '--rate', '30', '--compare', 'plain', '--seconds', '20'),
    ),
    NodeRun(
        '1280x1024 at 30 Hz, beside a plain node',
        ('--size', '1280x1024', '--rate', '30', '--compare', 'plain', '--seconds', '20'),
    ),
)
"""A quarter of an hour in all on a slow CPU; for a firm 99th percentile ask for more frames."""


def write_page(
    path: Path, networks: Mapping[str, Any], node_reports: Sequence[tuple[NodeRun, str]]
) -> None:
    """
    Write the page, and its plot beside it.

    :param path: of the Markdown file
    :param networks: see :func:`surgseg_ros.benchmark.report.make_result`
    :param node_reports: the runs of the node, each with its Markdown
    """
    plot = path.with_suffix('.png')
    write_files(networks, plot_file=plot)
    parts = [INTRODUCTION, _lower(format_markdown(networks, plot.name)).rstrip()]
    if node_reports:
        parts += ['## The node', NODE_METHOD]
    for run, report in node_reports:
        command = ' '.join(('surgseg benchmark --node', *run.options))
        parts.append(f'### {run.title}\n\n{report.rstrip()}\n\n```bash\n{command}\n```')
    path.write_text('\n\n'.join(parts) + '\n', encoding='utf-8')


def _lower(markdown: str) -> str:
    """Put every heading one level lower."""
    return '\n'.join(f'#{line}' if line.startswith('#') else line for line in markdown.split('\n'))
