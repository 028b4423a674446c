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

"""The network alone, as the node benchmark sees it: a process that measures when it is asked."""

from collections.abc import Mapping
from dataclasses import dataclass
import json
from pathlib import Path
from typing import Any

from surgseg_ros.nodes.benchmark.process import BenchmarkError
from surgseg_ros.nodes.benchmark.process import check_running
from surgseg_ros.nodes.common.child_process import ChildProcess


@dataclass(frozen=True)
class BareTimes:
    """
    What a stereo pair takes without ROS, as one batch.

    :param network_s: the network alone, one entry a run (s)
    :param segment_s: from images to label images, one entry a run (s)
    """

    network_s: list[float]
    segment_s: list[float]


class BareNetwork:
    """
    Start the process and ask it.

    :param segmenter: keyword arguments of the ``Segmenter``
    :param pictures: file of :func:`surgseg_ros.nodes.benchmark.camera.make_pictures`
    :param seconds: time of one measurement
    :param environment: of the process
    :param log: file for its errors
    """

    def __init__(
        self,
        segmenter: Mapping[str, Any],
        pictures: Path,
        seconds: float,
        environment: Mapping[str, str],
        log: Path,
    ) -> None:
        arguments = ['--segmenter', json.dumps(dict(segmenter)), '--pictures', str(pictures)]
        arguments += ['--seconds', str(seconds)]
        self._child = ChildProcess(
            'benchmark.network', arguments, environment, log, has_pipes=True
        )
        self.description: dict[str, str] = self._read()
        """``'backend'``, ``'precision'`` and ``'device'`` that the network runs with."""

    def measure(self) -> BareTimes:
        """
        Measure once.

        :raises BenchmarkError: if the process has failed
        """
        stdin = self._child.process.stdin
        assert stdin is not None
        try:
            print(file=stdin, flush=True)
        except BrokenPipeError:
            self._child.process.wait()
        return BareTimes(**self._read())

    def stop(self) -> None:
        """End the process."""
        self._child.stop()

    def kill(self) -> None:
        """End the process at once."""
        self._child.kill()

    def _read(self) -> dict[str, Any]:
        """Return the next answer; libraries that print in between are not listened to."""
        assert self._child.process.stdout is not None
        for line in self._child.process.stdout:
            if line.startswith('{'):
                return dict(json.loads(line))
        self._child.process.wait()
        check_running(self._child)
        raise BenchmarkError(f'benchmark.network fell silent. {self._child.quote_log()}')
