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

"""The receiver of the node benchmark: notes when every answer came, and what it says."""

from collections.abc import Collection
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
import threading
import time
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import QoSProfile
from rclpy.qos import ReliabilityPolicy
from sensor_msgs.msg import Image

from surgseg_ros.msg import InstrumentArray
from surgseg_ros.nodes.benchmark.camera import EYES

QUEUE_DEPTH = 100
NANOSECONDS = 1_000_000_000
PARTS = ('queue', 'preprocess', 'inference', 'postprocess')


@dataclass(frozen=True)
class Arrival:
    """
    A label image that came.

    :param stamp_ns: of the image it answers
    :param receipt_ns: when it came, by the clock of the stamps
    """

    stamp_ns: int
    receipt_ns: int


@dataclass(frozen=True)
class TimedArrival(Arrival):
    """
    An instrument message that came.

    :param received_ns: when the node got the image
    :param published_ns: when the node published the message
    :param parts_ns: where the time in between went, the ``PARTS``
    :param dropped: frames dropped since the message before
    :param branch: of the network, empty where the node does not tell
    """

    received_ns: int
    published_ns: int
    parts_ns: tuple[int, ...]
    dropped: int
    branch: str

    @property
    def node_ns(self) -> int:
        """Return the time between reception and publication."""
        return self.published_ns - self.received_ns


@dataclass(frozen=True)
class Heard:
    """
    What came from a node between two moments, by eye.

    :param labels: label images
    :param instruments: instrument messages
    """

    labels: dict[str, list[Arrival]]
    instruments: dict[str, list[TimedArrival]]

    @property
    def newest_ns(self) -> int:
        """Return when the last label image came, 0 for never."""
        return max((log[-1].receipt_ns for log in self.labels.values() if log), default=0)

    def only(self, stamps_ns: Collection[int]) -> 'Heard':
        """Return the answers to images with certain stamps."""
        return Heard(
            {eye: [a for a in log if a.stamp_ns in stamps_ns] for eye, log in self.labels.items()},
            {
                eye: [a for a in log if a.stamp_ns in stamps_ns]
                for eye, log in self.instruments.items()
            },
        )


class Receiver:
    """
    Subscribe to the answers of nodes, each in a namespace of its own, and to the diagnostics.

    :param namespaces: of the nodes, which are all named ``segmentation``
    """

    def __init__(self, namespaces: tuple[str, ...]) -> None:
        self._context = rclpy.Context()
        rclpy.init(context=self._context)
        self._node = rclpy.create_node('benchmark_receiver', context=self._context)
        self._lock = threading.Lock()
        self._labels: dict[tuple[str, str], list[Arrival]] = {}
        self._instruments: dict[tuple[str, str], list[TimedArrival]] = {}
        self._statuses: dict[str, tuple[int, dict[str, str]]] = {}
        for namespace in namespaces:
            for eye in EYES:
                self._listen(namespace, eye)
        self._node.create_subscription(
            DiagnosticArray, '/diagnostics', self._note_diagnostics, QUEUE_DEPTH
        )
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        self._thread = threading.Thread(target=self._executor.spin, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._executor.shutdown()
        self._thread.join()
        self._node.destroy_node()
        rclpy.shutdown(context=self._context)

    def heard(self, namespace: str, since: Heard | None = None) -> Heard:
        """
        Return what came from a node.

        :param since: an earlier result of this node, whose content is left out
        """
        with self._lock:
            labels = {eye: list(self._labels[namespace, eye]) for eye in EYES}
            instruments = {eye: list(self._instruments[namespace, eye]) for eye in EYES}
        if since is None:
            return Heard(labels, instruments)
        return Heard(
            {eye: log[len(since.labels[eye]) :] for eye, log in labels.items()},
            {eye: log[len(since.instruments[eye]) :] for eye, log in instruments.items()},
        )

    def count(self, namespace: str, eye: str) -> int:
        """Return how many label images of an eye came from a node."""
        with self._lock:
            return len(self._labels[namespace, eye])

    def status(self, namespace: str, part: str) -> tuple[int, dict[str, str]]:
        """
        Return the newest diagnostics of the segmentation node.

        :param part: ``'model'``, ``'stereo'`` or an eye
        :return: when they came (ns), 0 for never, and their values; an error that the node
            reports is the value ``'error'``
        """
        with self._lock:
            arrival, values = self._statuses.get(f'{namespace}/segmentation: {part}', (0, {}))
            return arrival, dict(values)

    def _listen(self, namespace: str, eye: str) -> None:
        labels = self._labels[namespace, eye] = []
        instruments = self._instruments[namespace, eye] = []
        qos = QoSProfile(depth=QUEUE_DEPTH, reliability=ReliabilityPolicy.RELIABLE)
        topic = f'/{namespace}/segmentation/{eye}'
        self._node.create_subscription(
            Image, f'{topic}/label_image', partial(self._note_labels, labels), qos
        )
        self._node.create_subscription(
            InstrumentArray,
            f'{topic}/instruments',
            partial(self._note_instruments, instruments),
            qos,
        )

    def _note_labels(self, log: list[Arrival], msg: Image) -> None:
        arrival = Arrival(_nanoseconds(msg.header.stamp), time.time_ns())
        with self._lock:
            log.append(arrival)

    def _note_instruments(self, log: list[TimedArrival], msg: InstrumentArray) -> None:
        now = time.time_ns()
        arrival = TimedArrival(
            _nanoseconds(msg.header.stamp),
            now,
            _nanoseconds(msg.timing.received),
            _nanoseconds(msg.timing.published),
            tuple(_nanoseconds(getattr(msg.timing, part)) for part in PARTS),
            msg.frames_dropped,
            getattr(msg, 'branch', ''),
        )
        with self._lock:
            log.append(arrival)

    def _note_diagnostics(self, msg: DiagnosticArray) -> None:
        now = time.time_ns()
        with self._lock:
            for status in msg.status:
                values = {item.key: item.value for item in status.values}
                self._statuses[status.name] = now, _with_error(values, status)


def _with_error(values: Mapping[str, str], status: Any) -> dict[str, str]:
    is_error = status.level == type(status).ERROR
    return {**values, 'error': status.message} if is_error else dict(values)


def _nanoseconds(time_msg: Any) -> int:
    """Return a time or a duration."""
    return int(time_msg.sec) * NANOSECONDS + int(time_msg.nanosec)
