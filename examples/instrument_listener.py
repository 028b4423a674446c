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

"""Print where the instruments of the left image are: the smallest complete subscriber."""

import signal
import threading

import rclpy
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.signals import SignalHandlerOptions
from surgseg_ros.msg import InstrumentArray


class InstrumentListener(Node):
    """Print one line an instrument; pixels of the full image, the stamp of the image."""

    def __init__(self) -> None:
        super().__init__('instrument_listener')
        # Depth 1: only the newest message waits; reliable, as the publisher is.
        topic, newest = 'segmentation/left/instruments', QoSProfile(depth=1)
        self.create_subscription(InstrumentArray, topic, self._print, newest)
        self.get_logger().info(f'waiting for {self.resolve_topic_name(topic)}')

    def _print(self, msg: InstrumentArray) -> None:
        stamp = f'{msg.header.stamp.sec}.{msg.header.stamp.nanosec:09d}'
        for tool in msg.instruments:
            tip = f'({tool.tip.x:.1f}, {tool.tip.y:.1f})' if tool.tip_valid else 'not seen'
            center = f'({tool.centroid.x:.1f}, {tool.centroid.y:.1f})'
            print(f'{stamp} {tool.class_name}: centroid {center} px, tip {tip}', flush=True)


def main() -> None:
    """Run until SIGINT or SIGTERM; the context outlives the last callback."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    node = InstrumentListener()
    while not stop.is_set():
        rclpy.spin_once(node, timeout_sec=0.1)
    node.destroy_node()
    rclpy.shutdown()


if __name__ == '__main__':
    main()
