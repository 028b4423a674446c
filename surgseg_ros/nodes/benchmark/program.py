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

"""
Measure the segmentation node end to end: a stereo camera, DDS, the node, a receiver.

Run ``python -m surgseg_ros.nodes.benchmark --help``, or ``surgseg benchmark --node``.
"""

import argparse
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from importlib import metadata
import json
import math
import os
from pathlib import Path
import sys
import tempfile
import time
from typing import Any

import numpy as np
import rclpy
from tqdm import tqdm

from surgseg_ros.benchmark.cpu_use import ForeignLoad
from surgseg_ros.benchmark.picture import PICTURE
from surgseg_ros.benchmark.process import process_cpu_s
from surgseg_ros.nodes.benchmark.bare_network import BareNetwork
from surgseg_ros.nodes.benchmark.bare_network import BareTimes
from surgseg_ros.nodes.benchmark.camera import EYES
from surgseg_ros.nodes.benchmark.camera import make_pictures
from surgseg_ros.nodes.benchmark.figures import compare
from surgseg_ros.nodes.benchmark.figures import COUNTERS
from surgseg_ros.nodes.benchmark.figures import Phase
from surgseg_ros.nodes.benchmark.figures import rate
from surgseg_ros.nodes.benchmark.figures import summarize_network
from surgseg_ros.nodes.benchmark.figures import summarize_node
from surgseg_ros.nodes.benchmark.process import BenchmarkError
from surgseg_ros.nodes.benchmark.process import check_running
from surgseg_ros.nodes.benchmark.process import memory_mb
from surgseg_ros.nodes.benchmark.receiver import Receiver
from surgseg_ros.nodes.benchmark.report import format_markdown
from surgseg_ros.nodes.benchmark.report import format_text
from surgseg_ros.nodes.common.argument_types import image_size
from surgseg_ros.nodes.common.argument_types import positive_count
from surgseg_ros.nodes.common.argument_types import positive_number
from surgseg_ros.nodes.common.child_process import ChildProcess
from surgseg_ros.nodes.common.running import raise_interrupt_on_signals
from surgseg_ros.nodes.demo.program import demo_environment
from surgseg_ros.reporting.packages import check_packages
from surgseg_ros.reporting.packages import MissingPackageError

AUTO = 'auto'
OURS, PLAIN = 'benchmark', 'benchmark_plain'

POLL_S = 0.05
START_LIMIT_S = 180.0
DRAIN_LIMIT_S = 180.0
SILENCE_S = 1.0
START_RATE_HZ = 10.0
PROBE_RATE_HZ = 30.0
PROBE_S = 4.0
PROBE_ANSWERS = 8
AUTO_SHARE = 0.65
WARM_UP_PAIRS = 5
PAIR_WAIT_MS = 20.0

DESCRIPTION = """\
Measure the segmentation node end to end, over DDS, each part in a process of its own: a stereo
camera that sends prepared images, the node, and a receiver that notes when each answer comes.

In the same run, before, between and after the times under the camera, a stereo pair goes through
the network alone; the ratio to it tells what the node costs. The camera of --rate auto sends at
65 % of what the node can follow, so that images do not wait for each other; --rate 30 shows what
a camera gets that is faster than the network.

--compare plain measures a second node in turns with the first: as a careful newcomer writes it,
cv_bridge, eager PyTorch in single precision, all in the callback, queues of ten.
"""
EPILOG = """\
examples:
  surgseg benchmark --node
  surgseg benchmark --node --size 1280x1024 --frames 1000 --json node.json
  surgseg benchmark --node --rate 30 --compare plain --markdown node.md

exit code: 0 success, also when stopped early by Ctrl-C; 1 a node failed
"""


@dataclass
class MeasuredNode:
    """
    A node under the camera.

    :param title: for people
    :param namespace: of the node
    :param child: its process
    :param start_s: from its start to its first label image (s)
    :param phases: what was measured so far
    :param memory_mb: resident memory after the last phase, see :func:`memory_mb`
    """

    title: str
    namespace: str
    child: ChildProcess
    start_s: float = math.nan
    phases: list[Phase] = field(default_factory=list)
    memory_mb: dict[str, float] = field(default_factory=dict)

    def summarize(self) -> dict[str, Any]:
        """Return all figures."""
        return {
            **summarize_node(self.phases),
            'start_s': self.start_s,
            'rss_mb': self.memory_mb['now'],
            'peak_rss_mb': self.memory_mb['peak'],
        }


class NodeBenchmark:
    """
    Start the processes, let the camera send, collect the figures.

    :param arguments: as :func:`parse_arguments` returns them
    """

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._arguments = arguments
        self._environment = demo_environment(os.environ)
        self._children: list[ChildProcess | BareNetwork] = []
        self._node: MeasuredNode | None = None
        self._plain: MeasuredNode | None = None
        self._bare_times: list[BareTimes] = []
        self._network: dict[str, str] = {}
        self._rate_hz: float = math.nan
        self._is_interrupted = False

    def run(self) -> dict[str, Any]:
        """
        Measure until everything is measured or Ctrl-C.

        :return: the result, see ``docs/performance.md``
        :raises BenchmarkError: if a process fails or nothing was measured
        """
        # Fast DDS reads its profile and its domain when the first node of a process is made.
        os.environ.update(self._environment)
        with tempfile.TemporaryDirectory(prefix='surgseg_benchmark_') as folder:
            self._folder = Path(folder)
            self._receiver = Receiver((OURS, PLAIN))
            try:
                self._measure_all()
            except KeyboardInterrupt:
                self._is_interrupted = True
            finally:
                self._stop_all()
                self._receiver.close()
        if self._node is None or not self._node.phases:
            raise BenchmarkError('stopped before anything was measured')
        return self._make_result(self._node)

    def _measure_all(self) -> None:
        arguments = self._arguments
        self._prepare_pictures()
        node = self._node = self._start_node(
            'segmentation node', OURS, 'segmentation_node', self._node_parameters()
        )
        self._choose_rate(node)
        self._network = self._describe_network()
        nodes = [node]
        if arguments.compare:
            self._plain = self._start_node(
                'plain node', PLAIN, 'benchmark.plain_baseline', self._plain_parameters()
            )
            nodes.append(self._plain)
        bare = self._start_bare_network()
        self._measure_network(bare)
        pairs = math.ceil(self._total_pairs() / arguments.rounds)
        for number in range(arguments.rounds):
            for measured in nodes:
                title = f'{measured.title}, {number + 1} of {arguments.rounds}'
                self._measure_node(measured, pairs, title)
                if self._is_interrupted:
                    return
            self._measure_network(bare)

    def _total_pairs(self) -> int:
        if self._arguments.frames is not None:
            return int(self._arguments.frames)
        return max(math.ceil(self._arguments.seconds * self._rate_hz), 1)

    def _prepare_pictures(self) -> None:
        width, height = self._arguments.size
        _say(f'Preparing pictures of {width}x{height}')
        np.save(self._folder / 'pictures.npy', make_pictures(width, height))

    def _node_parameters(self) -> dict[str, Any]:
        arguments = self._arguments
        chosen = {
            name: value
            for name, value in (('backend', arguments.backend), ('precision', arguments.precision))
            if value != AUTO
        }
        return {
            **self._common_parameters(),
            'branch': arguments.branch,
            'pair_wait_ms': PAIR_WAIT_MS,
            **chosen,
            **dict(arguments.parameter),
        }

    def _plain_parameters(self) -> dict[str, Any]:
        # Imported late, torch takes seconds, and this process must not disturb the others.
        from surgseg_ros.inference.devices import choose_threads

        # The number that the segmentation node chooses where none is given.
        threads = choose_threads(self._arguments.threads)
        return {**self._common_parameters(), 'threads': threads, 'branch': self._fixed_branch()}

    def _common_parameters(self) -> dict[str, Any]:
        transport = self._arguments.transport
        return {**self._network_arguments(), 'image_transport': transport}

    def _network_arguments(self) -> dict[str, Any]:
        """Return what nodes and the network alone are told in the same words."""
        arguments = self._arguments
        given = {'checkpoint': arguments.checkpoint} if arguments.checkpoint else {}
        return {
            **given,
            'device': arguments.device,
            'threads': arguments.threads,
            'input_size': list(arguments.input_size or arguments.size),
        }

    def _fixed_branch(self) -> str:
        """Return the branch for those who cannot change it."""
        return 'main' if self._arguments.branch == AUTO else str(self._arguments.branch)

    def _start_node(
        self, title: str, namespace: str, module: str, parameters: Mapping[str, Any]
    ) -> MeasuredNode:
        """Start a node and wait for its first labels."""
        _say(f'Starting the {title}')
        command = ['--ros-args', '-r', f'__ns:=/{namespace}']
        for name, value in parameters.items():
            command += ['-p', f'{name}:={json.dumps(value)}']
        start_ns = time.time_ns()
        node = MeasuredNode(title, namespace, self._start_child(module, command))
        camera, record = self._start_camera(node, START_RATE_HZ)
        self._wait(node, START_LIMIT_S, lambda: self._has_begun(node), 'no image is answered')
        heard = self._receiver.heard(namespace)
        node.start_s = (heard.labels[EYES[0]][0].receipt_ns - start_ns) / 1e9
        camera.stop()
        self._drain(node, _read_stamps(camera, record)[-1])
        return node

    def _has_begun(self, node: MeasuredNode) -> bool:
        """
        Tell whether a node has answered its first image.

        :raises BenchmarkError: if it rejects the images instead
        """
        values = self._receiver.status(node.namespace, EYES[0])[1]
        if values.get('rejected', '0') != '0':
            raise BenchmarkError(
                f'the {node.title} rejects the images: {values["last_error"]}. '
                + node.child.quote_log()
            )
        return self._count_answers(node, EYES[0]) > 0

    def _start_child(self, module: str, command: Sequence[str]) -> ChildProcess:
        log = self._folder / f'{len(self._children)}_{module}.log'
        child = ChildProcess(module, command, self._environment, log)
        self._children.append(child)
        return child

    def _start_camera(
        self, node: MeasuredNode, rate_hz: float, pairs: int = 0
    ) -> tuple[ChildProcess, Path]:
        record = self._folder / f'{len(self._children)}_stamps.json'
        command = ['--namespace', node.namespace, '--transport', self._arguments.transport]
        command += ['--pictures', str(self._folder / 'pictures.npy')]
        command += ['--rate', str(rate_hz), '--pairs', str(pairs), '--record', str(record)]
        return self._start_child('benchmark.camera', command), record

    def _start_bare_network(self) -> BareNetwork:
        _say('Starting the network alone')
        segmenter = {
            **self._network_arguments(),
            'branch': self._fixed_branch(),
            # Those that the node has chosen, whatever a second choice would be.
            'backend': self._network['backend'],
            'precision': self._network['precision'],
        }
        bare = BareNetwork(
            segmenter,
            self._folder / 'pictures.npy',
            self._arguments.bare_seconds,
            self._environment,
            self._folder / 'benchmark.network.log',
        )
        self._children.append(bare)
        return bare

    def _choose_rate(self, node: MeasuredNode) -> None:
        if self._arguments.rate != AUTO:
            self._rate_hz = self._arguments.rate
            return
        _say('Probing what the node can follow')
        before = self._receiver.heard(node.namespace)
        camera, record = self._start_camera(node, PROBE_RATE_HZ)
        start = time.monotonic()
        target = self._count_answers(node, EYES[1]) + PROBE_ANSWERS
        self._wait(
            node,
            START_LIMIT_S,
            lambda: (
                time.monotonic() > start + PROBE_S and self._count_answers(node, EYES[1]) >= target
            ),
            'images are no longer answered',
        )
        camera.stop()
        self._drain(node, _read_stamps(camera, record)[-1])
        heard = self._receiver.heard(node.namespace, before)
        capacity_hz = rate([[arrival.receipt_ns for arrival in heard.labels[EYES[1]]]])
        assert capacity_hz is not None
        self._rate_hz = float(f'{AUTO_SHARE * capacity_hz:.3g}')

    def _measure_network(self, bare: BareNetwork) -> None:
        _say('Measuring the network alone')
        self._bare_times.append(bare.measure())

    def _measure_node(self, node: MeasuredNode, pairs: int, title: str) -> None:
        before = self._receiver.heard(node.namespace)
        counts = self._read_counts(node)
        pid = node.child.process.pid
        used_s = process_cpu_s(pid)
        with ForeignLoad([pid]) as foreign:
            stamps = self._send_pairs(node, pairs + WARM_UP_PAIRS, title)
        if not stamps:
            return
        gained = {
            eye: {name: count - counts[eye][name] for name, count in after.items()}
            for eye, after in self._read_counts(node).items()
        }
        heard = self._receiver.heard(node.namespace, before).only(set(stamps))
        node.memory_mb = memory_mb(node.child)
        used_s = process_cpu_s(pid) - used_s
        node.phases.append(Phase(stamps, WARM_UP_PAIRS, heard, gained, used_s, foreign.cores))

    def _send_pairs(self, node: MeasuredNode, pairs: int, title: str) -> list[int]:
        """Show a node pairs and wait for its results; return the pairs' stamps (ns)."""
        camera, record = self._start_camera(node, self._rate_hz, pairs)
        try:
            self._follow(node, camera, record, pairs, title)
        except KeyboardInterrupt:
            self._is_interrupted = True
            _say('Stopping early; what was measured so far is kept.')
            camera.stop()
        stamps = _read_stamps(camera, record)
        if stamps:
            self._drain(node, stamps[-1])
        camera.stop()
        return stamps

    def _follow(
        self, node: MeasuredNode, camera: ChildProcess, record: Path, pairs: int, title: str
    ) -> None:
        """Show the progress until the camera has sent everything."""
        start = self._count_answers(node, EYES[0])
        limit = time.monotonic() + START_LIMIT_S + 2.0 * pairs / self._rate_hz
        duration_s = pairs / self._rate_hz
        with tqdm(total=pairs, desc=title, unit='pair', mininterval=_display_period_s()) as bar:
            while not record.exists():
                check_running(node.child)
                check_running(camera)
                if time.monotonic() > limit:
                    raise BenchmarkError(
                        f'the camera needs more than twice the {duration_s:.0f} s that its rate '
                        'allows; the computer is overloaded. ' + camera.quote_log()
                    )
                time.sleep(POLL_S)
                bar.update(self._count_answers(node, EYES[0]) - start - bar.n)

    def _drain(self, node: MeasuredNode, last_ns: int) -> None:
        """
        Wait until a node has answered all that it ever will.

        :param last_ns: stamp of the last image
        """
        is_at_rest = self._is_idle if node.namespace == OURS else self._is_silent
        self._wait(node, DRAIN_LIMIT_S, lambda: is_at_rest(node, last_ns), 'it does not rest')

    def _is_idle(self, node: MeasuredNode, last_ns: int) -> bool:
        """Tell whether the node has reported, well after the last image, that nothing waits."""
        for eye in EYES:
            arrival_ns, values = self._receiver.status(node.namespace, eye)
            if arrival_ns < last_ns + 1e9 * SILENCE_S or values.get('pending') != '0':
                return False
        # The last label image, which is larger, may take a little longer than the report.
        return time.time_ns() > arrival_ns + 1e9 * POLL_S

    def _is_silent(self, node: MeasuredNode, last_ns: int) -> bool:
        """Tell whether the next label image would have come; for nodes without diagnostics."""
        heard = self._receiver.heard(node.namespace)
        receipts = sorted(
            arrival.receipt_ns for log in heard.labels.values() for arrival in log[-PROBE_ANSWERS:]
        )
        gap_ns = max(np.diff(receipts), default=0)
        patience_ns = 1e9 * SILENCE_S + 2.0 * gap_ns
        return time.time_ns() > max(heard.newest_ns, last_ns) + patience_ns

    def _read_counts(self, node: MeasuredNode) -> dict[str, dict[str, int]]:
        """Return the present counters of a node by eye, nothing where it has none."""
        if node.namespace != OURS:
            return {}
        statuses = {eye: self._receiver.status(OURS, eye)[1] for eye in EYES}
        return {
            eye: {name: int(values[name]) for name in COUNTERS} for eye, values in statuses.items()
        }

    def _describe_network(self) -> dict[str, str]:
        names = ('checkpoint', 'model', 'branch', 'backend', 'precision', 'device', 'input_size')
        values = self._receiver.status(OURS, 'model')[1]
        return {name: values[name] for name in names if name in values}

    def _count_answers(self, node: MeasuredNode, eye: str) -> int:
        return self._receiver.count(node.namespace, eye)

    def _wait(
        self, node: MeasuredNode, limit_s: float, condition: Callable[[], object], problem: str
    ) -> None:
        limit = time.monotonic() + limit_s
        while not condition():
            check_running(node.child)
            error = self._receiver.status(node.namespace, 'model')[1].get('error')
            if error is not None:
                raise BenchmarkError(f'the {node.title} failed: {error}')
            if time.monotonic() > limit:
                raise BenchmarkError(
                    f'the {node.title}: {problem} within {limit_s:.0f} s. '
                    + node.child.quote_log()
                )
            time.sleep(POLL_S)

    def _stop_all(self) -> None:
        """Stop everything that was started; one more Ctrl-C ends this patience."""
        try:
            for child in reversed(self._children):
                child.stop()
        except KeyboardInterrupt:
            for child in self._children:
                child.kill()

    def _make_result(self, node: MeasuredNode) -> dict[str, Any]:
        arguments = self._arguments
        width, height = arguments.size
        figures = node.summarize()
        plain = self._plain.summarize() if self._plain and self._plain.phases else None
        bare = summarize_network(self._bare_times)
        return {
            'machine': self._describe_machine(),
            'camera': {
                'width': width,
                'height': height,
                'rate_hz': self._rate_hz,
                'rate_choice': 'chosen by the node' if arguments.rate == AUTO else 'given',
                'transport': arguments.transport,
                'pictures': PICTURE,
                'warm_up_pairs': WARM_UP_PAIRS,
            },
            'network': self._network,
            'parameters': self._node_parameters(),
            'rounds': arguments.rounds,
            'is_interrupted': self._is_interrupted,
            'node': figures,
            'plain': plain,
            'bare': bare,
            'ratios': compare(figures, plain, bare),
        }

    def _describe_machine(self) -> dict[str, Any]:
        # Imported late, as above.
        import torch

        from surgseg_ros.benchmark.machine import machine_facts
        from surgseg_ros.inference.devices import choose_threads

        device = torch.device(self._network['device'])
        facts = machine_facts(device, choose_threads(self._arguments.threads))
        versions = {'rclpy': metadata.version('rclpy'), **facts['versions']}
        return {**facts, 'rmw': rclpy.get_rmw_implementation_identifier(), 'versions': versions}


def _read_stamps(camera: ChildProcess, record: Path) -> list[int]:
    """
    Return the stamps that a camera has sent (ns).

    :raises BenchmarkError: if it found nobody to send to
    """
    stamps: list[int] = []
    if record.exists():
        stamps = json.loads(record.read_text(encoding='utf-8'))
    if not stamps and camera.process.wait() != 0:
        raise BenchmarkError(f'no node listens to the camera. {camera.quote_log()}')
    return stamps


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _display_period_s() -> float:
    """Return how often a progress bar is drawn; a log file wants few lines."""
    return 0.2 if sys.stderr.isatty() else 10.0


def parse_arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog='surgseg benchmark --node',
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_camera_arguments(parser)
    _add_network_arguments(parser)
    parser.add_argument(
        '--compare', choices=('plain',), help='measure this node too, in turns with ours'
    )
    parser.add_argument(
        '--rounds',
        type=positive_count,
        default=2,
        help='turns of each node (default: %(default)s)',
    )
    parser.add_argument(
        '--bare-seconds',
        type=positive_number,
        default=5.0,
        metavar='S',
        help='time for the network alone, before the nodes and after each round '
        '(default: %(default)s)',
    )
    parser.add_argument('--json', type=Path, help='also write the result to this file')
    parser.add_argument('--markdown', type=Path, help='also write the table to this file')
    return parser.parse_args(argv)


def _add_camera_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--size',
        type=image_size,
        default=(640, 512),
        metavar='WIDTHxHEIGHT',
        help='of the images of each eye (default: 640x512)',
    )
    parser.add_argument(
        '--rate',
        type=_rate,
        default=AUTO,
        metavar='HZ',
        help=f'pairs of images a second; auto (default): {AUTO_SHARE:.0%} of what the node can '
        'follow'.replace('%', '%%'),
    )
    parser.add_argument('--transport', choices=('raw', 'compressed'), default='raw')
    length = parser.add_mutually_exclusive_group()
    length.add_argument(
        '--frames',
        type=positive_count,
        help='pairs of images for each node, in all rounds together',
    )
    length.add_argument(
        '--seconds',
        type=positive_number,
        default=30.0,
        help='time for each node, in all rounds together (default: %(default)s)',
    )


def _add_network_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--checkpoint', help='weights: file, folder or shipped name (default: the shipped ones)'
    )
    parser.add_argument(
        '--branch', choices=('main', 'auxiliary', AUTO), default='main', help='(default: main)'
    )
    parser.add_argument('--device', default=AUTO, help='auto (default), cpu, cuda, cuda:<index>')
    parser.add_argument('--backend', default=AUTO, help='of the node (default: %(default)s)')
    parser.add_argument('--precision', default=AUTO, help='of the node (default: %(default)s)')
    parser.add_argument(
        '--threads', type=int, default=0, help="CPU threads of the networks; 0: each one's default"
    )
    parser.add_argument(
        '--input-size',
        type=image_size,
        metavar='WIDTHxHEIGHT',
        help='that the networks run at (default: that of the images)',
    )
    parser.add_argument(
        '--parameter',
        type=_parameter,
        action='append',
        default=[],
        metavar='NAME=VALUE',
        help='another parameter of the segmentation node, its value in JSON; may be repeated. '
        f'pair_wait_ms is {PAIR_WAIT_MS:g} unless given here, so that pairs stay together',
    )


def _rate(text: str) -> float | str:
    return AUTO if text == AUTO else positive_number(text)


def _parameter(text: str) -> tuple[str, Any]:
    name, separator, value = text.partition('=')
    if not separator:
        raise argparse.ArgumentTypeError(f'must be NAME=VALUE, got {text}')
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value


def _write(path: Path | None, text: str) -> None:
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding='utf-8')


def main(argv: Sequence[str] | None = None) -> int:
    """
    Run the benchmark.

    :return: exit code: 0 if something was measured, also when stopped early; else 1
    """
    arguments = parse_arguments(argv)
    raise_interrupt_on_signals()
    try:
        check_packages('psutil')
        result = NodeBenchmark(arguments).run()
    except (BenchmarkError, MissingPackageError) as error:
        print(f'The benchmark failed: {error}', file=sys.stderr)
        return 1
    print(format_text(result))
    _write(arguments.json, json.dumps(result, indent=2) + '\n')
    _write(arguments.markdown, format_markdown(result))
    return 0
