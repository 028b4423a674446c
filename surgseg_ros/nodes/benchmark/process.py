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

"""Processes of the node benchmark: started and stopped, what they cost, whether they still run."""

from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from surgseg_ros.benchmark.process import peak_resident_bytes
from surgseg_ros.benchmark.process import resident_bytes
from surgseg_ros.nodes.common.child_process import ChildProcess


class BenchmarkError(RuntimeError):
    """The benchmark cannot go on; the message names cause and remedy."""


def check_running(child: ChildProcess) -> None:
    """
    Refuse to go on without a process.

    :raises BenchmarkError: if it has ended
    """
    if child.exit_code is not None:
        raise BenchmarkError(child.describe_exit())


def memory_mb(child: ChildProcess) -> dict[str, float]:
    """Return the resident memory of a process, ``'now'`` and at its ``'peak'`` (MiB)."""
    pid = child.process.pid
    return {'now': resident_bytes(pid) / 2**20, 'peak': peak_resident_bytes(pid) / 2**20}


class Stoppable(Protocol):
    """A process, or what holds one."""

    def stop(self) -> None:
        """End it."""

    def kill(self) -> None:
        """End it at once."""


class Processes:
    """
    All processes of one benchmark.

    :param folder: for their files
    :param environment: of each
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.environment = environment
        self._children: list[Stoppable] = []

    def start(self, module: str, command: Sequence[str]) -> ChildProcess:
        """
        Start a process.

        :param module: name below ``surgseg_ros.nodes``
        :param command: its arguments
        """
        child = ChildProcess(module, command, self.environment, self.new_file(f'{module}.log'))
        self.add(child)
        return child

    def add(self, child: Stoppable) -> None:
        """Stop this with the others."""
        self._children.append(child)

    def new_file(self, name: str) -> Path:
        """Return the path of a file for the process that is started next."""
        return self.folder / f'{len(self._children)}_{name}'

    def stop_all(self) -> None:
        """Stop everything that was started; one more Ctrl-C ends this patience."""
        try:
            for child in reversed(self._children):
                child.stop()
        except KeyboardInterrupt:
            for child in self._children:
                child.kill()
