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
The stereo camera of the node benchmark, a process of its own that sends as drivers do.

All messages are made before the first is sent, so that it takes little of the computer that is
measured. Both eyes of a pair carry the same stamp, the time of sending.
"""

import argparse
from collections.abc import Sequence
import itertools
import json
from pathlib import Path
import signal
import sys
import time

import numpy as np
import rclpy
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile
from rclpy.qos import ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import CompressedImage
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from surgseg_ros.benchmark.picture import draw_picture
from surgseg_ros.data.whole_files import write_whole_text
from surgseg_ros.nodes.messages.compressed_images import array_to_compressed
from surgseg_ros.nodes.messages.images import array_to_image

EYES = ('left', 'right')
PAIRS = 6
MOTION, DISPARITY = 0.01, 0.03
"""From pair to pair and between the eyes, fractions of the width."""

QUEUE_DEPTH = 10
JPEG_QUALITY = 90
POLL_S = 0.02
MATCH_LIMIT_S = 180.0
MATCH_EXTRA_S = 0.5


def make_pictures(width: int, height: int, pairs: int = PAIRS) -> np.ndarray:
    """
    Make what the camera sees: the drawn picture of the network benchmark, which moves.

    :param width: px
    :param height: px
    :return: (pairs, 2, H, W, 3) uint8 RGB
    """
    motion, disparity = (max(round(share * width), 1) for share in (MOTION, DISPARITY))
    views = [
        [draw_picture((width, height), pair * motion + eye * disparity) for eye in range(2)]
        for pair in range(pairs)
    ]
    return np.array(views)


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Send until all pairs are sent or a signal comes, write down the stamps, wait for a signal.

    :return: exit code: 0 success, 1 nobody subscribed to both eyes
    """
    options = _parse(arguments)
    stop = _install_stop_flag()
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    node = rclpy.create_node('benchmark_camera', namespace=options.namespace)
    publishers = _advertise(node, options.transport)
    messages = _make_messages(np.load(options.pictures), options.transport)
    is_matched = _wait_for_subscribers(publishers, stop)
    stamps = _send(node, publishers, messages, options, stop) if is_matched else []
    # Whoever started this program reads the file as soon as it is there.
    write_whole_text(Path(options.record), json.dumps(stamps))
    # With its publisher an image may vanish that a slow node has not taken yet.
    while is_matched and not stop:
        time.sleep(POLL_S)
    node.destroy_node()
    rclpy.shutdown()
    return 0 if is_matched or stop else 1


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Send stereo images to one node.')
    parser.add_argument('--namespace', required=True, help='of the node')
    parser.add_argument('--pictures', required=True, help='.npy file of make_pictures()')
    parser.add_argument('--transport', choices=('raw', 'compressed'), default='raw')
    parser.add_argument('--rate', type=float, required=True, help='pairs a second')
    parser.add_argument('--pairs', type=int, default=0, help='0: until a signal comes')
    parser.add_argument('--record', required=True, help='file for the stamps that were sent (ns)')
    return parser.parse_args(arguments)


def _install_stop_flag() -> list[int]:
    """Return a list that is no longer empty once a signal has asked for the end."""
    received: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda signal_number, frame: received.append(signal_number))
    return received


def _advertise(node: Node, transport: str) -> list[Publisher]:
    """Create reliable publishers, which every subscription can hear."""
    is_compressed = transport == 'compressed'
    qos = QoSProfile(depth=QUEUE_DEPTH, reliability=ReliabilityPolicy.RELIABLE)
    suffix = '/compressed' if is_compressed else ''
    message_type = CompressedImage if is_compressed else Image
    return [node.create_publisher(message_type, f'{eye}/image_raw{suffix}', qos) for eye in EYES]


def _make_messages(pictures: np.ndarray, transport: str) -> list[list[Image | CompressedImage]]:
    """Make the messages of all pairs, each a list of one for each eye."""
    return [
        [
            _make_message(picture, transport, Header(frame_id=eye))
            for eye, picture in zip(EYES, pair, strict=True)
        ]
        for pair in pictures
    ]


def _make_message(picture: np.ndarray, transport: str, header: Header) -> Image | CompressedImage:
    if transport == 'compressed':
        return array_to_compressed(picture, header, JPEG_QUALITY)
    return array_to_image(picture, 'rgb8', header)


def _wait_for_subscribers(publishers: Sequence[Publisher], stop: Sequence[int]) -> bool:
    limit = time.monotonic() + MATCH_LIMIT_S
    while not all(publisher.get_subscription_count() for publisher in publishers):
        if stop or time.monotonic() > limit:
            return False
        time.sleep(POLL_S)
    # The other end learns of the match a little later; until then images are lost.
    time.sleep(MATCH_EXTRA_S)
    return True


def _send(
    node: Node,
    publishers: Sequence[Publisher],
    messages: Sequence[Sequence[Image | CompressedImage]],
    options: argparse.Namespace,
    stop: Sequence[int],
) -> list[int]:
    """Send pairs on time; a late pair delays those after it."""
    stamps: list[int] = []
    due = time.monotonic()
    for pair in itertools.cycle(messages):
        time.sleep(max(0.0, due - time.monotonic()))
        if stop:
            return stamps
        now = node.get_clock().now()
        for publisher, message in zip(publishers, pair, strict=True):
            message.header.stamp = now.to_msg()
            publisher.publish(message)
        stamps.append(now.nanoseconds)
        if len(stamps) == options.pairs:
            return stamps
        due = max(due + 1.0 / options.rate, time.monotonic())
    return stamps


if __name__ == '__main__':
    sys.exit(main())
