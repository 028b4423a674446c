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

"""A node under the camera: what it is shown, when it has answered, what was measured."""

from collections.abc import Callable
from collections.abc import Mapping
import json
from pathlib import Path
import time
from typing import Any

import numpy as np
from tqdm import tqdm

from surgseg_ros.benchmark.cpu_use import ForeignLoad
from surgseg_ros.benchmark.process import process_cpu_s
from surgseg_ros.nodes.benchmark.camera import EYES
from surgseg_ros.nodes.benchmark.figures import COUNTERS
from surgseg_ros.nodes.benchmark.figures import Phase
from surgseg_ros.nodes.benchmark.figures import rate
from surgseg_ros.nodes.benchmark.figures import summarize_node
from surgseg_ros.nodes.benchmark.process import BenchmarkError
from surgseg_ros.nodes.benchmark.process import check_running
from surgseg_ros.nodes.benchmark.process import memory_mb
from surgseg_ros.nodes.benchmark.process import Processes
from surgseg_ros.nodes.benchmark.progress import display_period_s
from surgseg_ros.nodes.benchmark.progress import say
from surgseg_ros.nodes.benchmark.receiver import Receiver
from surgseg_ros.nodes.common.child_process import ChildProcess

PICTURES = 'pictures.npy'
"""File of the camera's pictures in the folder of the processes."""

POLL_S = 0.05
START_LIMIT_S = 180.0
DRAIN_LIMIT_S = 180.0
SILENCE_S = 1.0
START_RATE_HZ = 10.0
PROBE_RATE_HZ = 30.0
PROBE_S = 4.0
PROBE_ANSWERS = 8
WARM_UP_PAIRS = 5


class MeasuredNode:
    """
    Start a node, wait for its first labels, then show it pairs of images.

    :param title: for people
    :param namespace: of the node
    :param module: name below ``surgseg_ros.nodes``
    :param parameters: of the node
    :param processes: where it and its cameras are started
    :param receiver: hears its answers
    :param transport: of the images, ``'raw'`` or ``'compressed'``
    :param has_diagnostics: it reports its counters, as the segmentation node does
    :raises BenchmarkError: if it answers nothing
    """

    def __init__(
        self,
        title: str,
        namespace: str,
        module: str,
        parameters: Mapping[str, Any],
        processes: Processes,
        receiver: Receiver,
        transport: str,
        has_diagnostics: bool,
    ) -> None:
        say(f'Starting the {title}')
        self.title = title
        self.phases: list[Phase] = []
        self._namespace = namespace
        self._processes = processes
        self._receiver = receiver
        self._transport = transport
        self._has_diagnostics = has_diagnostics
        self._memory_mb: dict[str, float] = {}
        command = ['--ros-args', '-r', f'__ns:=/{namespace}']
        for name, value in parameters.items():
            command += ['-p', f'{name}:={json.dumps(value)}']
        start_ns = time.time_ns()
        self._child = processes.start(module, command)
        camera, record = self._start_camera(START_RATE_HZ)
        self._wait(START_LIMIT_S, self._has_begun, 'no image is answered')
        heard = receiver.heard(namespace)
        self._start_s = (heard.labels[EYES[0]][0].receipt_ns - start_ns) / 1e9
        camera.stop()
        self._drain(_read_stamps(camera, record)[-1])

    def summarize(self) -> dict[str, Any]:
        """Return all figures of at least one phase."""
        return {
            **summarize_node(self.phases),
            'start_s': self._start_s,
            'rss_mb': self._memory_mb['now'],
            'peak_rss_mb': self._memory_mb['peak'],
        }

    def describe_network(self) -> dict[str, str]:
        """Return what the node says of its network."""
        names = ('checkpoint', 'model', 'branch', 'backend', 'precision', 'device', 'input_size')
        values = self._receiver.status(self._namespace, 'model')[1]
        return {name: values[name] for name in names if name in values}

    def probe_capacity_hz(self) -> float:
        """Return how many pairs a second the node answers under a camera of ``PROBE_RATE_HZ``."""
        before = self._receiver.heard(self._namespace)
        camera, record = self._start_camera(PROBE_RATE_HZ)
        start = time.monotonic()
        target = self._count_answers(EYES[1]) + PROBE_ANSWERS
        self._wait(
            START_LIMIT_S,
            lambda: time.monotonic() > start + PROBE_S and self._count_answers(EYES[1]) >= target,
            'images are no longer answered',
        )
        camera.stop()
        self._drain(_read_stamps(camera, record)[-1])
        heard = self._receiver.heard(self._namespace, before)
        capacity_hz = rate([[arrival.receipt_ns for arrival in heard.labels[EYES[1]]]])
        assert capacity_hz is not None
        return capacity_hz

    def measure(self, pairs: int, rate_hz: float, title: str) -> bool:
        """
        Measure one phase.

        :param pairs: of images whose answers are timed
        :param rate_hz: pairs a second
        :param title: of the progress bar
        :return: whether all pairs were shown; ``False``: Ctrl-C came before
        :raises BenchmarkError: if the node or the camera fails
        """
        before = self._receiver.heard(self._namespace)
        counts = self._read_counts()
        pid = self._child.process.pid
        used_s = process_cpu_s(pid)
        with ForeignLoad([pid]) as foreign:
            stamps, is_complete = self._send_pairs(pairs + WARM_UP_PAIRS, rate_hz, title)
        if not stamps:
            return is_complete
        gained = {
            eye: {name: count - counts[eye][name] for name, count in after.items()}
            for eye, after in self._read_counts().items()
        }
        heard = self._receiver.heard(self._namespace, before).only(set(stamps))
        self._memory_mb = memory_mb(self._child)
        used_s = process_cpu_s(pid) - used_s
        self.phases.append(Phase(stamps, WARM_UP_PAIRS, heard, gained, used_s, foreign.cores))
        return is_complete

    def _has_begun(self) -> bool:
        """
        Tell whether the node has answered its first image.

        :raises BenchmarkError: if it rejects the images instead
        """
        values = self._receiver.status(self._namespace, EYES[0])[1]
        if values.get('rejected', '0') != '0':
            raise BenchmarkError(
                f'the {self.title} rejects the images: {values["last_error"]}. '
                + self._child.quote_log()
            )
        return self._count_answers(EYES[0]) > 0

    def _start_camera(self, rate_hz: float, pairs: int = 0) -> tuple[ChildProcess, Path]:
        record = self._processes.new_file('stamps.json')
        command = ['--namespace', self._namespace, '--transport', self._transport]
        command += ['--pictures', str(self._processes.folder / PICTURES)]
        command += ['--rate', str(rate_hz), '--pairs', str(pairs), '--record', str(record)]
        return self._processes.start('benchmark.camera', command), record

    def _send_pairs(self, pairs: int, rate_hz: float, title: str) -> tuple[list[int], bool]:
        """Show pairs and wait for the results; return the pairs' stamps (ns), and if all came."""
        camera, record = self._start_camera(rate_hz, pairs)
        is_complete = True
        try:
            self._follow(camera, record, pairs, rate_hz, title)
        except KeyboardInterrupt:
            is_complete = False
            say('Stopping early; what was measured so far is kept.')
            camera.stop()
        stamps = _read_stamps(camera, record)
        if stamps:
            self._drain(stamps[-1])
        camera.stop()
        return stamps, is_complete

    def _follow(
        self, camera: ChildProcess, record: Path, pairs: int, rate_hz: float, title: str
    ) -> None:
        """Show the progress until the camera has sent everything."""
        start = self._count_answers(EYES[0])
        limit = time.monotonic() + START_LIMIT_S + 2.0 * pairs / rate_hz
        duration_s = pairs / rate_hz
        with tqdm(total=pairs, desc=title, unit='pair', mininterval=display_period_s()) as bar:
            while not record.exists():
                check_running(self._child)
                check_running(camera)
                if time.monotonic() > limit:
                    raise BenchmarkError(
                        f'the camera needs more than twice the {duration_s:.0f} s that its rate '
                        'allows; the computer is overloaded. ' + camera.quote_log()
                    )
                time.sleep(POLL_S)
                bar.update(self._count_answers(EYES[0]) - start - bar.n)

    def _drain(self, last_ns: int) -> None:
        """
        Wait until the node has answered all that it ever will.

        :param last_ns: stamp of the last image
        """
        is_at_rest = self._is_idle if self._has_diagnostics else self._is_silent
        self._wait(DRAIN_LIMIT_S, lambda: is_at_rest(last_ns), 'it does not rest')

    def _is_idle(self, last_ns: int) -> bool:
        """Tell whether the node has reported, well after the last image, that nothing waits."""
        for eye in EYES:
            arrival_ns, values = self._receiver.status(self._namespace, eye)
            if arrival_ns < last_ns + 1e9 * SILENCE_S or values.get('pending') != '0':
                return False
        # The last label image, which is larger, may take a little longer than the report.
        return time.time_ns() > arrival_ns + 1e9 * POLL_S

    def _is_silent(self, last_ns: int) -> bool:
        """Tell whether the next label image would have come; for nodes without diagnostics."""
        heard = self._receiver.heard(self._namespace)
        receipts = sorted(
            arrival.receipt_ns for log in heard.labels.values() for arrival in log[-PROBE_ANSWERS:]
        )
        gap_ns = max(np.diff(receipts), default=0)
        patience_ns = 1e9 * SILENCE_S + 2.0 * gap_ns
        return time.time_ns() > max(heard.newest_ns, last_ns) + patience_ns

    def _read_counts(self) -> dict[str, dict[str, int]]:
        """Return the present counters of the node by eye, nothing where it has none."""
        if not self._has_diagnostics:
            return {}
        statuses = {eye: self._receiver.status(self._namespace, eye)[1] for eye in EYES}
        return {
            eye: {name: int(values[name]) for name in COUNTERS} for eye, values in statuses.items()
        }

    def _count_answers(self, eye: str) -> int:
        return self._receiver.count(self._namespace, eye)

    def _wait(self, limit_s: float, condition: Callable[[], object], problem: str) -> None:
        limit = time.monotonic() + limit_s
        while not condition():
            check_running(self._child)
            error = self._receiver.status(self._namespace, 'model')[1].get('error')
            if error is not None:
                raise BenchmarkError(f'the {self.title} failed: {error}')
            if time.monotonic() > limit:
                raise BenchmarkError(
                    f'the {self.title}: {problem} within {limit_s:.0f} s. '
                    + self._child.quote_log()
                )
            time.sleep(POLL_S)


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
