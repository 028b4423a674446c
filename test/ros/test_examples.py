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

"""The examples that the documents quote, beside the real nodes they are written for."""

from collections.abc import Iterator
from contextlib import suppress
import itertools
from pathlib import Path
import signal

from builtin_interfaces.msg import Time
from geometry_msgs.msg import PointStamped
from node_process import NodeProcess
from node_process import wait_until
import numpy as np
import pytest
from rig import HANDSHAKE_PERIOD_S
from rig import HANDSHAKE_TRIES
from rig import next_header
from rig import parameters_for
from rig import Rig
from station import MATCH_TIMEOUT_S
from targets import centroid_of
from targets import draw_rectangle
from targets import draw_target
from targets import make_image
from targets import paint

EXAMPLES = Path(__file__).resolve().parents[2] / 'examples'
WIDTH, HEIGHT = 320, 240
FRAME_S = 1 / 30
START_S = 1_800_000_000  # later than all headers of the rig
TRACKER = 'tool_tracker_subscriber.py'
CENTROID = 'tool_tracker/centroid'


class ExampleProcess(NodeProcess):
    """An example in a process of its own; its module is a file name in ``examples/``."""

    def _program(self) -> list[str]:
        return [str(EXAMPLES / self.module)]


@pytest.fixture
def start_example(module_station, tmp_path) -> Iterator:
    """Return ``start_example(name)``; the example hears the segmentation node of the module."""
    processes = []

    def start(name):
        output = tmp_path / f'{name}_{len(processes)}.log'
        process = ExampleProcess(name, {}, module_station.namespace, output)
        processes.append(process)
        process.wait_for_output('waiting for')
        return process

    try:
        yield start
        for process in processes:
            if process.is_running():
                process.stop()
        # The next test must not hear this one's.
        wait_until(
            lambda: (
                not module_station.node.count_publishers(f'{module_station.namespace}/{CENTROID}')
            ),
            MATCH_TIMEOUT_S,
            'the end of the publishers',
        )
    finally:
        for process in processes:
            process.kill()


@pytest.fixture(scope='module')
def rig(module_station, start_module_node, target_checkpoint) -> Rig:
    start_module_node('segmentation_node', parameters_for(target_checkpoint))
    return Rig(module_station)


class Camera:
    """
    A left camera with stamps of 30 Hz, and what the tracker answers.

    :param rig: a running segmentation node
    """

    _starts_s = itertools.count(START_S, 1000)

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._start_s = next(self._starts_s)
        self._frames = 0
        self.centroids = rig.station.listen(PointStamped, CENTROID)
        self.tips = rig.station.listen(PointStamped, 'tool_tracker/tip')

    def send(self, mask: np.ndarray):
        """Publish the image of a mask, wait for the segmentation and return the header."""
        header = next_header('/left frame')
        nanoseconds = round(self._frames * FRAME_S * 1e9)
        header.stamp = Time(sec=self._start_s + nanoseconds // 10**9, nanosec=nanoseconds % 10**9)
        self._frames += 1
        self._rig.cameras['left'].publish(make_image(paint(mask), header))
        self._rig.instruments['left'].wait_for_header(header)
        return header

    def skip(self, seconds: float) -> None:
        """Let time pass without an image."""
        self._frames += round(seconds / FRAME_S)

    def rewind(self) -> None:
        """Go back before the first stamp, as a bag does that is played again."""
        self._frames = -30

    def shake_hands(self) -> None:
        """Send images until the tracker answers, then let it lose what it saw."""
        mask = draw_rectangle(WIDTH, HEIGHT, (0, 110), (160, 20))
        for _ in range(HANDSHAKE_TRIES):
            header = self.send(mask)
            with suppress(AssertionError):
                self.centroids.wait_for_count(1, HANDSHAKE_PERIOD_S)
                self.tips.wait_for_count(1, HANDSHAKE_PERIOD_S)
                break
        self.centroids.wait_for_header(header)
        self.tips.wait_for_header(header)
        self.skip(2.0)


def ellipse(center, axes=(30, 12)):
    return draw_target(WIDTH, HEIGHT, center, axes, 20)


def test_the_tracker_follows_a_moving_target_with_the_headers_of_its_images(rig, start_example):
    start_example(TRACKER)
    camera = Camera(rig)
    camera.shake_hands()
    tips_before = len(camera.tips.messages)
    large = ellipse((250, 180), (40, 25))
    for step in range(20):
        # It begins as the largest target and stays the followed one beside a larger one.
        mask = ellipse((60 + 5 * step, 50 + 2 * step))
        header = camera.send(mask | large if step > 2 else mask)
        point = camera.centroids.wait_for_header(header).point
        assert (point.x, point.y) == pytest.approx(centroid_of(mask), abs=1.5)
        assert point.z == 0.0
    assert len(camera.tips.messages) == tips_before


def test_the_tracker_publishes_only_tips_that_are_valid(rig, start_example):
    start_example(TRACKER)
    camera = Camera(rig)
    camera.shake_hands()
    inside = camera.send(draw_rectangle(WIDTH, HEIGHT, (20, 100), (100, 20)))
    camera.centroids.wait_for_header(inside)
    from_left = camera.send(draw_rectangle(WIDTH, HEIGHT, (0, 100), (120, 20)))
    tip = camera.tips.wait_for_header(from_left).point
    assert tip.x == pytest.approx(119, abs=1)
    assert 99 <= tip.y <= 120
    assert all(message.header != inside for message in camera.tips.messages)


def test_the_tracker_starts_anew_after_a_gap_and_when_a_bag_starts_again(rig, start_example):
    start_example(TRACKER)
    camera = Camera(rig)
    camera.shake_hands()
    camera.centroids.wait_for_header(camera.send(ellipse((60, 60))))
    far = ellipse((260, 190))
    too_far = camera.send(far)
    camera.skip(1.0)
    for begin_anew in (lambda: None, camera.rewind):
        begin_anew()
        point = camera.centroids.wait_for_header(camera.send(far)).point
        assert (point.x, point.y) == pytest.approx(centroid_of(far), abs=0.5)
        far = ellipse((60, 60))
    assert all(message.header != too_far for message in camera.centroids.messages)


@pytest.mark.parametrize('signal_number', [signal.SIGINT, signal.SIGTERM])
def test_the_listener_prints_what_is_seen_and_ends_cleanly(rig, start_example, signal_number):
    process = start_example('instrument_listener.py')
    mask = ellipse((120, 80))
    x, y = centroid_of(mask)
    line = f'instrument: centroid ({x:.1f}, {y:.1f}) px, tip not seen'
    for _ in range(HANDSHAKE_TRIES):
        header = rig.send('left', mask)
        with suppress(AssertionError):
            stamp = f'{header.stamp.sec}.{header.stamp.nanosec:09d}'
            process.wait_for_output(f'{stamp} {line}', HANDSHAKE_PERIOD_S)
            break
    assert line in process.output
    process.stop(signal_number)


@pytest.mark.parametrize('signal_number', [signal.SIGINT, signal.SIGTERM])
def test_signals_end_the_tracker_cleanly(start_example, signal_number):
    start_example(TRACKER).stop(signal_number)
