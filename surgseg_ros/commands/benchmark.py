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


"""``surgseg benchmark``: how fast networks, nodes and messages are."""

import argparse
from collections.abc import Mapping
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
import shlex
import subprocess
import sys
from tempfile import TemporaryDirectory
from typing import Any
from typing import TYPE_CHECKING

from surgseg_ros.commands.arguments import add_device_argument
from surgseg_ros.commands.arguments import add_names_argument
from surgseg_ros.commands.arguments import given_options
from surgseg_ros.commands.arguments import parse_size
from surgseg_ros.commands.arguments import split_counts
from surgseg_ros.reporting.packages import check_packages

if TYPE_CHECKING:
    from surgseg_ros.benchmark.measurement import Settings


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command to those of ``surgseg``."""
    parser = commands.add_parser(
        'benchmark',
        help='measure how fast networks, a node or image messages are on this computer',
        description='Measure networks on this computer: times of every network, branch, size, '
        'backend and number format, taken in turns, against eager torch and against what the '
        'computer can do at best. With --node a node is measured from publishers to subscribers, '
        'with --messages the filling and reading of image messages; both need a sourced ROS 2. '
        'Without options a few minutes. An interrupt ends it early; what was measured is '
        'reported.',
    )
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument(
        '--node',
        nargs=argparse.REMAINDER,
        metavar='...',
        help='measure a node; all that follows are its options, such as --help',
    )
    kinds.add_argument(
        '--messages',
        action='store_true',
        help='measure image messages; the exit code is 1 if filling one takes so long that '
        'something is wrong with it',
    )
    add_names_argument(
        parser,
        '--models',
        'networks of `surgseg models`, or all (default: mffnet,linknet34)',
    )
    add_names_argument(
        parser,
        '--branches',
        'outputs (default: all)',
    )
    add_names_argument(
        parser,
        '--sizes',
        'of the images (default: 1280x1024,640x512)',
        'WIDTHxHEIGHT',
    )
    parser.add_argument(
        '--batch',
        type=split_counts,
        dest='batches',
        metavar='N,...',
        help='images in one pass (default: 1)',
    )
    add_names_argument(
        parser,
        '--backends',
        'eager (as the papers ran it), torch, openvino, onnxruntime, tensorrt, or installed '
        '(default): eager and all that run here',
    )
    add_names_argument(
        parser,
        '--precisions',
        'fp32, bf16, fp16, all, or best (default): the fastest native one of each backend',
    )
    add_device_argument(parser)
    parser.add_argument(
        '--threads', type=int, default=0, help='CPU threads (default: as many as the node uses)'
    )
    parser.add_argument(
        '--repetitions',
        type=int,
        help='measured rounds of turns (default: as many as fit into 45 s for a size and batch); '
        'with --messages runs of each row (default: 30)',
    )
    parser.add_argument(
        '--checkpoint',
        help='weights whose labels are compared with those of torch in single precision; other '
        'networks have random weights (default: shipped)',
    )
    parser.add_argument('--json', type=Path, help='also write the result to this file')
    parser.add_argument('--markdown', type=Path, help='also write a report to this file')
    parser.add_argument('--plot', type=Path, help='also draw the times, a .png')
    parser.add_argument(
        '--page',
        type=Path,
        help='measure the node too, in a quarter of an hour, and write all on one page; needs a '
        'sourced ROS 2',
    )
    parser.add_argument(
        '--check', action='store_true', help='exit code 1 if a target of the report is missed'
    )
    parser.set_defaults(run=_run_benchmark)


def _run_benchmark(arguments: argparse.Namespace) -> int:
    if arguments.node is not None:
        if len(arguments.typed) > len(arguments.node) + len(('benchmark', '--node')):
            raise ValueError('options of `surgseg benchmark --node` stand behind --node')
        return _run_with_ros('benchmark', arguments.node)
    if arguments.messages:
        return _run_with_ros('benchmark.messages', _message_options(arguments))
    return _run_network_benchmark(arguments)


def _message_options(arguments: argparse.Namespace) -> list[str]:
    options = []
    if arguments.repetitions is not None:
        options += ['--repetitions', str(arguments.repetitions)]
    if arguments.json:
        options += ['--json', str(arguments.json)]
    return options


def _run_with_ros(module: str, options: Sequence[str]) -> int:
    """Run a module of the nodes in a process of its own: the command line runs without ROS."""
    _check_ros()
    command = [sys.executable, '-m', f'surgseg_ros.nodes.{module}', *options]
    return subprocess.run(command, check=False).returncode


def _check_ros() -> None:
    if find_spec('sensor_msgs') is None:
        raise RuntimeError(
            'the messages of ROS 2 are not installed or not sourced; run '
            "'source /opt/ros/<distro>/setup.bash' or, in a checkout, "
            "'source .workspace/activate.bash'"
        )


def _run_network_benchmark(arguments: argparse.Namespace) -> int:
    from surgseg_ros.benchmark.measurement import Benchmark
    from surgseg_ros.benchmark.report import make_result
    from surgseg_ros.benchmark.report import write_files

    check_packages('psutil')
    if arguments.plot or arguments.page:
        check_packages('matplotlib')
    if arguments.page:
        _check_ros()
    benchmark = Benchmark(_network_settings(arguments))
    benchmark.run()
    result = make_result(benchmark, shlex.join(['surgseg', *arguments.typed]))
    _print_benchmark(result)
    write_files(result, arguments.json, arguments.markdown, arguments.plot)
    if result['interrupted']:
        return 130
    if arguments.page:
        _write_page(arguments.page, result)
    missed = any(not target['met'] for target in result['targets'])
    return 1 if not result['rows'] or (arguments.check and missed) else 0


def _write_page(path: Path, networks: Mapping[str, Any]) -> None:
    """Measure the node and write all on one page; what fails is left out and told."""
    from surgseg_ros.benchmark.performance_page import NODE_RUNS
    from surgseg_ros.benchmark.performance_page import NodeRun
    from surgseg_ros.benchmark.performance_page import write_page

    reports: list[tuple[NodeRun, str]] = []
    path.parent.mkdir(parents=True, exist_ok=True)
    write_page(path, networks, reports)  # An interrupt keeps what was measured until then.
    with TemporaryDirectory() as folder:
        markdown = Path(folder, 'node.md')
        for run in NODE_RUNS:
            print(f'\nthe node, {run.title}', flush=True)
            markdown.unlink(missing_ok=True)
            code = _run_with_ros('benchmark', [*run.options, '--markdown', str(markdown)])
            if code != 0:
                print(f'left out: the node, {run.title}: exit code {code}', file=sys.stderr)
                continue
            reports.append((run, markdown.read_text(encoding='utf-8')))
            write_page(path, networks, reports)


def _network_settings(arguments: argparse.Namespace) -> 'Settings':
    from surgseg_ros.benchmark.measurement import Settings
    from surgseg_ros.inference.devices import select_device

    # What is not given keeps the default of the settings.
    names = (
        'models',
        'branches',
        'batches',
        'backends',
        'precisions',
        'repetitions',
        'checkpoint',
    )
    given = given_options(arguments, *names)
    if arguments.sizes is not None:
        given['sizes'] = tuple(parse_size(text) for text in arguments.sizes)
    device = select_device(arguments.device)
    return Settings(device=device, threads=arguments.threads, **given)


def _print_benchmark(result: Mapping[str, Any]) -> None:
    from surgseg_ros.benchmark.report import describe_peaks
    from surgseg_ros.benchmark.report import format_tables
    from surgseg_ros.benchmark.report import warnings_of

    machine = result['machine']
    print(f'{machine.get("gpu") or machine["cpu"]}, {machine["threads"]} CPU threads')
    if result['rows']:
        print(f'measured peak: {describe_peaks(result)}')
    for table in format_tables(result, short=True):
        print(f'\n{table}')
    print()
    for target in result['targets']:
        print(f'{"ok    " if target["met"] else "MISSED"}  {target["text"]}')
    for skipped in result['skipped']:
        print(f'not measured: {skipped["what"]}: {skipped["reason"]}', file=sys.stderr)
    for warning in warnings_of(result):
        print(f'warning: {warning}', file=sys.stderr)
