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

"""The node benchmark as a whole: which processes are started, in which order all is measured."""

import argparse
from collections.abc import Mapping
from importlib import metadata
import math
import os
from pathlib import Path
import tempfile
from typing import Any

import numpy as np
import rclpy

from surgseg_ros.benchmark.picture import PICTURE
from surgseg_ros.nodes.benchmark.arguments import AUTO
from surgseg_ros.nodes.benchmark.arguments import AUTO_SHARE
from surgseg_ros.nodes.benchmark.arguments import PAIR_WAIT_MS
from surgseg_ros.nodes.benchmark.bare_network import BareNetwork
from surgseg_ros.nodes.benchmark.bare_network import BareTimes
from surgseg_ros.nodes.benchmark.camera import make_pictures
from surgseg_ros.nodes.benchmark.figures import compare
from surgseg_ros.nodes.benchmark.figures import summarize_network
from surgseg_ros.nodes.benchmark.measured_node import MeasuredNode
from surgseg_ros.nodes.benchmark.measured_node import PICTURES
from surgseg_ros.nodes.benchmark.measured_node import WARM_UP_PAIRS
from surgseg_ros.nodes.benchmark.process import BenchmarkError
from surgseg_ros.nodes.benchmark.process import Processes
from surgseg_ros.nodes.benchmark.progress import say
from surgseg_ros.nodes.benchmark.receiver import Receiver
from surgseg_ros.nodes.demo.program import demo_environment

OURS, PLAIN = 'benchmark', 'benchmark_plain'


class NodeBenchmark:
    """
    Start the processes, let the camera send, collect the figures.

    :param arguments: as :func:`surgseg_ros.nodes.benchmark.arguments.parse_arguments` returns them
    """

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._arguments = arguments
        self._environment = demo_environment(os.environ)
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
            self._processes = Processes(Path(folder), self._environment)
            self._receiver = Receiver((OURS, PLAIN))
            try:
                self._measure_all()
            except KeyboardInterrupt:
                self._is_interrupted = True
            finally:
                self._processes.stop_all()
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
        self._network = node.describe_network()
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
                if not measured.measure(pairs, self._rate_hz, title):
                    self._is_interrupted = True
                    return
            self._measure_network(bare)

    def _total_pairs(self) -> int:
        if self._arguments.frames is not None:
            return int(self._arguments.frames)
        return max(math.ceil(self._arguments.seconds * self._rate_hz), 1)

    def _prepare_pictures(self) -> None:
        width, height = self._arguments.size
        say(f'Preparing pictures of {width}x{height}')
        np.save(self._processes.folder / PICTURES, make_pictures(width, height))

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
        return MeasuredNode(
            title,
            namespace,
            module,
            parameters,
            self._processes,
            self._receiver,
            self._arguments.transport,
            has_diagnostics=namespace == OURS,
        )

    def _start_bare_network(self) -> BareNetwork:
        say('Starting the network alone')
        segmenter = {
            **self._network_arguments(),
            'branch': self._fixed_branch(),
            # Those that the node has chosen, whatever a second choice would be.
            'backend': self._network['backend'],
            'precision': self._network['precision'],
        }
        bare = BareNetwork(
            segmenter,
            self._processes.folder / PICTURES,
            self._arguments.bare_seconds,
            self._environment,
            self._processes.folder / 'benchmark.network.log',
        )
        self._processes.add(bare)
        return bare

    def _choose_rate(self, node: MeasuredNode) -> None:
        if self._arguments.rate != AUTO:
            self._rate_hz = self._arguments.rate
            return
        say('Probing what the node can follow')
        self._rate_hz = float(f'{AUTO_SHARE * node.probe_capacity_hz():.3g}')

    def _measure_network(self, bare: BareNetwork) -> None:
        say('Measuring the network alone')
        self._bare_times.append(bare.measure())

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
