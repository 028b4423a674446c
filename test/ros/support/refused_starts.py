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
Start every executable many times with parameters that it must refuse, on a busy computer.

Each start must end with exit status 1 and print its message alone, in one line. ``make refusals``
runs it; ``REFUSALS_ARGS='--starts 20 --only video_publisher_node'`` for less. Ctrl-C ends it.
"""

import argparse
from collections import Counter
from collections.abc import Iterator
from collections.abc import Sequence
from concurrent.futures import as_completed
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import field
import itertools
import os
from pathlib import Path
import re
import subprocess
import sys
from tempfile import TemporaryDirectory

import cv2
from node_process import NodeProcess
import numpy as np
from own_domain import own_domain_variables
from tqdm import tqdm

from surgseg_ros.nodes.common.process_environment import large_image_variables

END_TIMEOUT_S = 300.0
BUSY_PROGRAM = 'while True: pass'
LINE = re.compile(r'\[FATAL\] \[\d+\.\d+\] \[surgseg_ros\]: (?P<message>[^\n]+)\n')


@dataclass(frozen=True)
class Refusal:
    """
    A start that must fail.

    :param executable: module in ``surgseg_ros.nodes``
    :param parameters: of the node; ``{folder}`` in a text is a folder with ``images/0.png``
    :param message: part of what the node must say
    """

    executable: str
    parameters: dict[str, object]
    message: str

    def start(self, folder: Path, output: Path) -> NodeProcess:
        """
        Start the node.

        :param folder: for ``{folder}``, see :func:`write_files`
        :param output: file for what it prints
        """
        values = {
            name: value.format(folder=folder) if isinstance(value, str) else value
            for name, value in self.parameters.items()
        }
        return NodeProcess(self.executable, values, '/refused', output)

    def is_said_by(self, output: str) -> bool:
        """Tell whether the output is the message in one line and nothing else."""
        line = LINE.fullmatch(output)
        return line is not None and self.message in line['message']


REFUSALS = (
    Refusal('segmentation_node', {'threads': -1}, 'threads'),
    Refusal('segmentation_node', {'threads': 'many'}, 'threads'),
    Refusal('segmentation_node', {'checkpoint_sha256': 'abc'}, 'is no SHA-256'),
    Refusal('segmentation_node', {'eyes': ['middle']}, "'eyes' cannot be 'middle'"),
    Refusal('segmentation_node', {'branch': 'side'}, "'branch' cannot be 'side'"),
    Refusal('tracking_node', {'coast_s': -1.0}, 'coast_s'),
    Refusal('tracking_node', {'coast_s': 'long'}, "'coast_s' must be a number"),
    Refusal('tracking_node', {'sources': ['up']}, "'sources' cannot be 'up'"),
    Refusal('endoscope_simulator_node', {'width': 1}, 'width'),
    Refusal('endoscope_simulator_node', {'width': 'wide'}, 'width'),
    Refusal('endoscope_simulator_node', {'tissue': 'stone'}, "'tissue' cannot be 'stone'"),
    Refusal('video_publisher_node', {'rate_hz': -1.0}, 'rate_hz'),
    Refusal('video_publisher_node', {'loop': 'always'}, 'loop'),
    Refusal('video_publisher_node', {'left': '/nowhere/clip.mp4'}, '/nowhere/clip.mp4'),
    Refusal(
        'video_publisher_node',
        {'left': '{folder}/images', 'left_camera_info': '/nowhere.yaml'},
        '/nowhere.yaml',
    ),
    Refusal('demo_recorder_node', {'video_rate_hz': 0}, 'video_rate_hz'),
    Refusal('demo_recorder_node', {'eyes': 'left'}, 'eyes'),
    Refusal(
        'demo_recorder_node', {'output_directory': '/proc/demo'}, "cannot write to '/proc/demo'"
    ),
)
EXECUTABLES = tuple(dict.fromkeys(refusal.executable for refusal in REFUSALS))


@dataclass
class Tally:
    """Count how the starts of one executable ended."""

    codes: Counter[int | str] = field(default_factory=Counter)
    unexpected: list[str] = field(default_factory=list)

    def add(self, refusal: Refusal, code: int | str, output: str) -> None:
        """Count a start by its exit status, or by what happened instead of an end."""
        self.codes[code] += 1
        if not refusal.is_said_by(output):
            self.unexpected.append(f'{refusal}, exit status {code}, printed:\n{output}')

    @property
    def is_right(self) -> bool:
        """Tell whether every start ended as it must."""
        return not self.unexpected and set(self.codes) <= {1}

    def row(self, executable: str) -> str:
        """Return a row of the table."""
        others = ', '.join(f'{code}: {n}' for code, n in self.codes.items() if code != 1) or '0'
        return (
            f'{executable:<25} | {self.codes.total():>6} | {self.codes[1]:>13} | {others:>10} | '
            f'{len(self.unexpected):>17}'
        )


TABLE_HEAD = (
    f'{"executable":<25} | {"starts":>6} | {"exit status 1":>13} | {"others":>10} | '
    f'{"unexpected output":>17}'
)


def write_files(folder: Path) -> None:
    """Write the files that :data:`REFUSALS` name."""
    images = folder / 'images'
    images.mkdir()
    cv2.imwrite(str(images / '0.png'), np.zeros((64, 96, 3), np.uint8))


def set_environment() -> None:
    """Let the nodes join a DDS domain of their own on this computer."""
    os.environ |= large_image_variables(os.environ)
    os.environ |= own_domain_variables()


@contextmanager
def busy_processes(count: int) -> Iterator[None]:
    """Keep so many cores busy."""
    command = [sys.executable, '-c', BUSY_PROGRAM]
    processes = [subprocess.Popen(command) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def run_once(refusal: Refusal, folder: Path, number: int) -> tuple[int | str, str]:
    """Start a node and return its exit status, or ``'hung'``, and what it printed."""
    process = refusal.start(folder, folder / f'{number}.log')
    try:
        return process.wait_for_exit(END_TIMEOUT_S), process.output
    except AssertionError:
        return 'hung', process.output
    finally:
        process.kill()


def count_ends(
    executables: Sequence[str], starts: int, at_once: int, folder: Path
) -> dict[str, Tally]:
    """
    Start every executable with each of its refusals in turn.

    :param starts: of each executable
    :param at_once: processes at the same time
    """
    cases = [
        refusal
        for executable in executables
        for refusal in itertools.islice(
            itertools.cycle([r for r in REFUSALS if r.executable == executable]), starts
        )
    ]
    tallies = {executable: Tally() for executable in executables}
    with ThreadPoolExecutor(at_once) as pool:
        futures = {
            pool.submit(run_once, refusal, folder, number): refusal
            for number, refusal in enumerate(cases)
        }
        try:
            for future in tqdm(as_completed(futures), total=len(cases), unit='start'):
                refusal = futures[future]
                tallies[refusal.executable].add(refusal, *future.result())
        except KeyboardInterrupt:
            pool.shutdown(cancel_futures=True)
    return tallies


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Start every executable with parameters that it must refuse while other '
        'processes keep the cores busy; exit with 1 unless each start ended with exit status 1 '
        'and its message alone.'
    )
    parser.add_argument('--starts', type=int, default=200, help='of each executable (200)')
    parser.add_argument('--busy', type=int, default=2, help='other busy processes (2)')
    parser.add_argument('--at-once', type=int, default=2, help='starts at the same time (2)')
    parser.add_argument('--only', nargs='+', choices=EXECUTABLES, default=EXECUTABLES)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Start the executables, print the table and return the exit status."""
    options = parse_arguments(arguments)
    set_environment()
    with TemporaryDirectory() as name, busy_processes(options.busy):
        folder = Path(name)
        write_files(folder)
        tallies = count_ends(options.only, options.starts, options.at_once, folder)
    print(TABLE_HEAD)
    for executable, tally in tallies.items():
        print(tally.row(executable))
    for text in itertools.chain.from_iterable(tally.unexpected for tally in tallies.values()):
        print(f'unexpected output: {text}')
    return 0 if all(tally.is_right for tally in tallies.values()) else 1


if __name__ == '__main__':
    sys.exit(main())
