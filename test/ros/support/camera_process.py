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
A stereo camera in a process of its own, the way a camera driver sends: best effort, on time.

:class:`CameraProcess` starts it for a test.
"""

import argparse
from collections.abc import Sequence
import itertools
import json
import os
from pathlib import Path
import signal
import sys
import time

from node_process import LoggedProcess
from node_process import wait_until
import rclpy
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile
from rclpy.qos import ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from targets import draw_target
from targets import make_image
from targets import paint

EYES = ('left', 'right')
PICTURES = 4
MATCH_TIMEOUT_S = 60.0
END_TIMEOUT_S = 30.0


class CameraProcess(LoggedProcess):
    """
    A camera that sends images of a target for some seconds and then ends.

    :param namespace: of the segmentation node
    :param size: (width, height) of the images in px
    :param seconds: how long it sends
    :param folder: for its record
    :param rate_hz: pairs of images a second
    :param own_session: keep it from the Ctrl-C of the terminal
    """

    def __init__(
        self,
        namespace: str,
        size: tuple[int, int],
        seconds: float,
        folder: Path,
        rate_hz: float = 30.0,
        own_session: bool = False,
    ) -> None:
        self._seconds = seconds
        self._record = folder / 'camera.json'
        self._record.unlink(missing_ok=True)
        command = [sys.executable, '-m', 'camera_process', '--namespace', namespace]
        command += ['--width', str(size[0]), '--height', str(size[1])]
        command += ['--seconds', str(seconds), '--rate', str(rate_hz)]
        command += ['--record', str(self._record)]
        super().__init__(command, folder / 'camera.log', _environment(), own_session)

    def wait_for_stamps(self) -> list[int]:
        """Wait until it has ended and return the stamps (ns) that it sent to each eye."""
        wait_until(
            lambda: not self.is_running(),
            self._seconds + MATCH_TIMEOUT_S + END_TIMEOUT_S,
            'the end of the camera',
        )
        assert self._process.returncode == 0, self.output
        return json.loads(self._record.read_text(encoding='utf-8'))

    def stop(self) -> list[int]:
        """End it early and return the stamps that it sent."""
        if self.is_running():
            self._process.terminate()
        return self.wait_for_stamps()


def _environment() -> dict[str, str]:
    """Return the variable by which this module is found."""
    folders = [str(Path(__file__).parent), os.environ.get('PYTHONPATH', '')]
    return {'PYTHONPATH': os.pathsep.join(filter(None, folders))}


def main(arguments: Sequence[str] | None = None) -> None:
    """Send images until the time is over or a signal comes, then write down their stamps."""
    options = parse_arguments(arguments)
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    node = rclpy.create_node('camera', namespace=options.namespace)
    publishers = [
        node.create_publisher(
            Image,
            f'{eye}/image_raw',
            QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT),
        )
        for eye in EYES
    ]
    wait_until(
        lambda: all(publisher.get_subscription_count() for publisher in publishers),
        MATCH_TIMEOUT_S,
        'the segmentation node',
    )
    stamps = send(node, publishers, make_pictures(options.width, options.height), options)
    Path(options.record).write_text(json.dumps(stamps), encoding='utf-8')
    node.destroy_node()
    rclpy.shutdown()


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Send images of a target to both eyes.')
    parser.add_argument('--namespace', required=True)
    parser.add_argument('--width', type=int, required=True, help='px')
    parser.add_argument('--height', type=int, required=True, help='px')
    parser.add_argument('--seconds', type=float, required=True, help='how long to send')
    parser.add_argument('--rate', type=float, default=30.0, help='pairs a second')
    parser.add_argument('--record', required=True, help='file for the stamps that were sent')
    return parser.parse_args(arguments)


def make_pictures(width: int, height: int) -> list[Image]:
    """Make images of a target that moves, so that no camera looks frozen."""
    centers = [(width * (3 + i) / 10, height / 2) for i in range(PICTURES)]
    axes = (width / 8, height / 12)
    masks = [draw_target(width, height, center, axes, 20) for center in centers]
    return [make_image(paint(mask), Header(frame_id='camera')) for mask in masks]


def send(
    node: Node,
    publishers: Sequence[Publisher],
    pictures: Sequence[Image],
    options: argparse.Namespace,
) -> list[int]:
    """Send pairs of images with one stamp on time; a late pair delays those after it."""
    stamps: list[int] = []
    # A signal may come between the images of a pair, so that it only asks for the end.
    stop = install_stop_flag()
    due = time.monotonic()
    end = due + options.seconds
    for picture in itertools.cycle(pictures):
        if stop or due >= end:
            return stamps
        time.sleep(max(0.0, due - time.monotonic()))
        now = node.get_clock().now()
        picture.header.stamp = now.to_msg()
        for publisher in publishers:
            publisher.publish(picture)
        stamps.append(now.nanoseconds)
        due = max(due + 1.0 / options.rate, time.monotonic())
    return stamps


def install_stop_flag() -> list[int]:
    """Return a list that is no longer empty once SIGINT or SIGTERM has come."""
    received: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda signal_number, frame: received.append(signal_number))
    return received


if __name__ == '__main__':
    main()
