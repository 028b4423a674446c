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
The live demo: simulator, segmentation, tracking and recorder, each in a process of its own.

Run ``python -m surgseg_ros.nodes.demo --help``, or ``make demo``. With ROS 2 launch installed,
``ros2 launch surgseg_ros demo.launch.py`` does the same.
"""

import argparse
from collections.abc import Mapping
from collections.abc import Sequence
import json
import os
from pathlib import Path
import sys
import time
from typing import Any

from tqdm import tqdm

from surgseg_ros.nodes.common.argument_types import positive_count
from surgseg_ros.nodes.common.argument_types import positive_number
from surgseg_ros.nodes.common.child_process import ChildProcess
from surgseg_ros.nodes.common.process_environment import large_image_variables
from surgseg_ros.nodes.common.process_environment import malloc_variables
from surgseg_ros.nodes.common.running import raise_interrupt_on_signals
from surgseg_ros.nodes.demo.defaults import CameraFormat
from surgseg_ros.nodes.demo.defaults import CPU_CAMERA
from surgseg_ros.nodes.demo.defaults import CUDA_CAMERA
from surgseg_ros.nodes.demo.defaults import NAMESPACE
from surgseg_ros.nodes.demo.defaults import UNSEEN_SEED
from surgseg_ros.nodes.demo.summary import format_summary

POLL_S = 0.1
START_LIMIT_S = 180.0
END_LIMIT_S = 60.0

RECORDER = 'demo_recorder_node'
SEGMENTATION = 'segmentation_node'
SIMULATOR = 'endoscope_simulator_node'
TRACKING = 'tracking_node'
STOP_ORDER = (RECORDER, TRACKING, SEGMENTATION, SIMULATOR)


class DemoError(RuntimeError):
    """The demo cannot go on; the message names cause and remedy."""


class Demo:
    """
    Start the nodes, follow the recording, stop the nodes.

    :param arguments: as :func:`parse_arguments` returns them
    """

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._arguments = arguments
        self._folder: Path = arguments.output
        self._summary_path = self._folder / 'summary.json'
        self._nodes: dict[str, ChildProcess] = {}

    def run(self) -> dict[str, Any]:
        """
        Run the demo until the recorder is done or Ctrl-C.

        :return: the summary of the recorder
        :raises DemoError: if a node fails or nothing was recorded
        """
        self._prepare_folder()
        try:
            # The segmentation takes longest to start, and is silent until the simulator sends.
            self._start(SEGMENTATION, self._segmentation_parameters())
            self._start(TRACKING, {})
            self._start(RECORDER, self._recorder_parameters())
            self._start(SIMULATOR, self._simulator_parameters())
            self._follow()
        except KeyboardInterrupt:
            print('\nStopping early; what was recorded so far is kept.', file=sys.stderr)
        finally:
            self._stop_nodes()
        return self._read_summary() or self._fail_without_summary()

    def _start(self, executable: str, parameters: Mapping[str, Any]) -> None:
        arguments = ['--ros-args', '-r', f'__ns:=/{NAMESPACE}']
        for name, value in parameters.items():
            arguments += ['-p', f'{name}:={json.dumps(value)}']
        log = self._folder / 'logs' / f'{executable}.log'
        environment = demo_environment(os.environ)
        self._nodes[executable] = ChildProcess(executable, arguments, environment, log)

    def _segmentation_parameters(self) -> dict[str, Any]:
        arguments = self._arguments
        given = {'checkpoint': arguments.checkpoint} if arguments.checkpoint else {}
        return {'branch': arguments.branch, 'device': arguments.device, **given}

    def _recorder_parameters(self) -> dict[str, Any]:
        return {
            'output_directory': str(self._folder),
            'duration_s': self._arguments.duration,
        }

    def _simulator_parameters(self) -> dict[str, Any]:
        arguments = self._arguments
        camera = choose_camera(arguments)
        return {
            'seed': arguments.seed,
            'width': camera.width,
            'height': camera.height,
            'rate_hz': camera.rate_hz,
            'randomize': arguments.randomize,
            'truth_task': read_task(arguments.checkpoint),
        }

    def _prepare_folder(self) -> None:
        try:
            (self._folder / 'logs').mkdir(parents=True, exist_ok=True)
            self._summary_path.unlink(missing_ok=True)
        except OSError as error:
            raise DemoError(
                f"cannot write to '{self._folder}': {error}; choose another folder with --output"
            ) from error

    def _follow(self) -> None:
        """Show the progress until the recorder ends by itself."""
        start = time.monotonic()
        summary = self._wait_for_recording(start)
        duration = self._arguments.duration
        limit = time.monotonic() + duration + END_LIMIT_S
        with tqdm(
            total=duration,
            desc='Recording',
            bar_format='{desc}: {percentage:3.0f}%|{bar}| {n:.0f}/{total:.0f} s{postfix}',
            mininterval=_display_period_s(),
        ) as bar:
            while self._nodes[RECORDER].exit_code is None:
                bar.set_postfix_str(_progress_line(summary), refresh=False)
                bar.update(min(summary['duration_s'], duration) - bar.n)
                if time.monotonic() > limit:
                    log = self._nodes[SIMULATOR].quote_log()
                    raise DemoError(f'the images stopped coming. {log}')
                time.sleep(POLL_S)
                self._check_nodes()
                summary = self._read_summary() or summary
            self._check_nodes()
            bar.update(duration - bar.n)

    def _wait_for_recording(self, start: float) -> dict[str, Any]:
        with tqdm(
            desc='Starting the nodes',
            bar_format='{desc}: {elapsed}',
            mininterval=_display_period_s(),
        ) as bar:
            while (summary := self._read_summary()) is None:
                if time.monotonic() - start > START_LIMIT_S:
                    raise DemoError(
                        f'no image was segmented within {START_LIMIT_S:.0f} s. '
                        + self._nodes[SEGMENTATION].quote_log()
                    )
                time.sleep(POLL_S)
                bar.update()
                self._check_nodes()
        return summary

    def _check_nodes(self) -> None:
        for node in self._nodes.values():
            done = node.module == RECORDER and node.exit_code == 0
            if node.exit_code is not None and not done:
                raise DemoError(node.describe_exit())

    def _stop_nodes(self) -> None:
        """
        Stop the recorder first: it finishes its files while everything else is alive.

        One more Ctrl-C ends this patience.
        """
        nodes = [self._nodes[name] for name in STOP_ORDER if name in self._nodes]
        try:
            for node in nodes:
                node.stop()
        except KeyboardInterrupt:
            for node in nodes:
                node.kill()

    def _read_summary(self) -> dict[str, Any] | None:
        if not self._summary_path.exists():
            return None
        return json.loads(self._summary_path.read_text(encoding='utf-8'))

    def _fail_without_summary(self) -> dict[str, Any]:
        raise DemoError(
            'stopped before the first image was segmented, so nothing was recorded; '
            f"run it again, or look into '{self._folder / 'logs'}'"
        )


def demo_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """
    Return the environment of the demo's nodes.

    They hear only each other: a domain of their own, on this computer. Whatever the user has set
    stays as it is.
    """
    private = {
        # 1 to 101 are free of the ports that Linux hands out to others.
        'ROS_DOMAIN_ID': str(1 + os.getpid() % 101),
        'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST',
        'PYTHONUNBUFFERED': '1',
    }
    return {
        **private,
        **large_image_variables(environment),
        **malloc_variables(environment),
        **environment,
    }


def _display_period_s() -> float:
    """Return how often a progress bar is drawn; a log file wants few lines."""
    return 0.2 if sys.stderr.isatty() else 5.0


def _progress_line(summary: Mapping[str, Any]) -> str:
    latency = summary['latency_ms']['p50']
    dice = summary['dice']['binary']
    return ', '.join(
        [
            f'{summary["frames_processed"]} frames',
            f'{summary["frames_dropped"]} dropped',
            'latency ...' if latency is None else f'latency {latency:.0f} ms',
            'Dice ...' if dice is None else f'Dice {dice:.3f}',
        ]
    )


def parse_arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog='python -m surgseg_ros.nodes.demo',
        description='Watch the system work: a simulated stereo endoscope, the segmentation '
        'node, the tracking node and a recorder run as separate ROS 2 processes. Pictures, a '
        'video, a table, a bag and a summary with latency and Dice are left in the output folder.',
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    camera = 'default: {} on the CPU, {} with CUDA'
    parser.add_argument(
        '--duration', type=positive_number, default=20.0, help='seconds to measure', metavar='S'
    )
    parser.add_argument(
        '--output', type=Path, default=Path('demo_output'), help='folder for the results'
    )
    parser.add_argument(
        '--rate',
        type=positive_number,
        default=None,
        help='images of each eye a second; '
        + camera.format(CPU_CAMERA.rate_hz, CUDA_CAMERA.rate_hz),
        metavar='HZ',
    )
    parser.add_argument(
        '--width',
        type=positive_count,
        default=None,
        help='of an image, px; ' + camera.format(CPU_CAMERA.width, CUDA_CAMERA.width),
        metavar='PX',
    )
    parser.add_argument(
        '--height',
        type=positive_count,
        default=None,
        help='of an image, px; ' + camera.format(CPU_CAMERA.height, CUDA_CAMERA.height),
        metavar='PX',
    )
    parser.add_argument(
        '--seed',
        type=int,
        default=UNSEEN_SEED,
        help='of the simulated scene; the shipped weights have seen scenes below 1000000 only',
    )
    parser.add_argument(
        '--randomize',
        action='store_true',
        help='draw tissue, instruments, light and disturbances from the ranges used in training',
    )
    parser.add_argument(
        '--checkpoint',
        help='weights: a file, a folder or the name of a shipped checkpoint; '
        'default: the shipped ones',
    )
    parser.add_argument(
        '--branch',
        choices=('main', 'auxiliary'),
        default='main',
        help='output of the network: main is exact, auxiliary is faster and coarser',
    )
    parser.add_argument(
        '--device', default='auto', help='cpu, cuda, cuda:<index>, or auto: CUDA if there is one'
    )
    return parser.parse_args(argv)


def choose_camera(arguments: argparse.Namespace) -> CameraFormat:
    """
    Return the camera asked for; what was left open follows from the device.

    :param arguments: as :func:`parse_arguments` returns them
    """
    # Imported late: the segmentation node is starting already, and torch takes seconds.
    import torch

    on_cpu = arguments.device == 'cpu' or not torch.cuda.is_available()
    camera = CPU_CAMERA if on_cpu else CUDA_CAMERA
    return CameraFormat(
        arguments.width or camera.width,
        arguments.height or camera.height,
        arguments.rate or camera.rate_hz,
    )


def read_task(checkpoint: str | None) -> str:
    """
    Return the task that a checkpoint solves.

    :param checkpoint: file or name, ``None`` for the shipped one
    :raises DemoError: if it cannot be read
    """
    # Imported late, as torch above.
    from surgseg_ros.inference.checkpoints import CheckpointError
    from surgseg_ros.inference.checkpoints import DEFAULT_CHECKPOINT
    from surgseg_ros.inference.checkpoints import read_info
    from surgseg_ros.inference.checkpoints import resolve_checkpoint

    try:
        return read_info(resolve_checkpoint(checkpoint or DEFAULT_CHECKPOINT)).task
    except CheckpointError as error:
        raise DemoError(str(error)) from error


def _print_results(summary: Mapping[str, Any], folder: Path) -> None:
    print(f'\n{format_summary(summary)}\n\nIn {folder.resolve()}:')
    for name, what in (
        ('overlay.jpg', 'both eyes: image, predicted labels, true labels, overlay'),
        ('overlay.mp4', 'the recording in real time'),
        ('instruments.csv', 'every instrument: centroid, covariance, axis, tip, area'),
        ('bag', 'all messages: ros2 bag info, ros2 bag play'),
        ('summary.json', 'the numbers above'),
        ('logs', 'what the nodes said'),
    ):
        if (folder / name).exists():
            print(f'  {name:<16} {what}')


def main(argv: Sequence[str] | None = None) -> int:
    """
    Run the demo.

    :return: exit code: 0 if frames were processed, also when stopped early; else 1
    """
    arguments = parse_arguments(argv)
    raise_interrupt_on_signals()
    try:
        summary = Demo(arguments).run()
    except DemoError as error:
        print(f'The demo failed: {error}', file=sys.stderr)
        return 1
    _print_results(summary, arguments.output)
    return 0 if summary['frames_processed'] else 1
