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
Convert a network in a process of its own, beside the one that goes on segmenting.

Tracing a network for another backend takes seconds of Python, which would stall every other thread
of the process, and torch must not run in two threads meanwhile. The result is left in the cache.
"""

from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import dataclass
import json
import os
import subprocess
import sys

import torch

from surgseg_ros.inference.backends import EngineBuilder
from surgseg_ros.inference.checkpoints import load_checkpoint
from surgseg_ros.inference.deployable import DeployableNetwork
from surgseg_ros.inference.deployable import fold_batch_norms
from surgseg_ros.inference.engine import BackendError
from surgseg_ros.inference.engine import Shape

NICENESS = 5
"""The present frames are more urgent than the backend of later ones."""


@dataclass(frozen=True)
class Conversion:
    """
    What is to be converted.

    :param checkpoint: path of the file or folder
    :param branch: output of the network
    :param threshold: see :class:`DeployableNetwork`
    :param backend: one whose conversions are files
    :param precision: number format
    :param shape: number of images, height, width
    """

    checkpoint: str
    branch: str
    threshold: float
    backend: str
    precision: str
    shape: Shape

    def start(self) -> 'subprocess.Popen[str]':
        """Start the process."""
        return subprocess.Popen(
            [sys.executable, '-m', __name__, json.dumps(asdict(self))],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self) -> None:
        """Convert the network and build its engine once, which leaves the files in the cache."""
        model, info = load_checkpoint(self.checkpoint)
        fold_batch_norms(model)
        network = DeployableNetwork.from_checkpoint(model, info, self.branch, self.threshold)
        builder = EngineBuilder(network, torch.device('cpu'), threads=1)
        builder.build(self.backend, self.shape, self.precision)


def finish(process: 'subprocess.Popen[str]') -> None:
    """
    Wait for the end of a process.

    :raises BackendError: with the last line that it wrote, if it failed
    """
    _, errors = process.communicate()
    if process.returncode != 0:
        lines = errors.strip().splitlines() or [f'exit code {process.returncode}']
        raise BackendError(f'the conversion failed: {lines[-1]}')


def main(arguments: Sequence[str]) -> None:
    """Convert what the only argument describes as JSON."""
    os.nice(NICENESS)
    torch.set_num_threads(1)
    values = json.loads(arguments[0])
    Conversion(**{**values, 'shape': tuple(values['shape'])}).run()


if __name__ == '__main__':
    main(sys.argv[1:])
