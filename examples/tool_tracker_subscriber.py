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

"""Follow one instrument of the left image: a subscriber to start your own tracker from."""

import math
import signal
import threading

from geometry_msgs.msg import Point
from geometry_msgs.msg import PointStamped
import numpy as np
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.signals import SignalHandlerOptions
from surgseg_ros.msg import Instrument
from surgseg_ros.msg import InstrumentArray

MOTION_PX_S = 400.0  # standard deviation of the distance that an instrument moves in a second
GATE = 13.8  # squared Mahalanobis distance; chi-square, 2 degrees of freedom, 99.9 %
LOST_AFTER_S = 0.5


class ToolTracker(Node):
    """Publish the filtered centroid and the tip of one instrument, in px of the left image."""

    def __init__(self) -> None:
        super().__init__('tool_tracker')
        self._position, self._covariance = np.zeros(2), np.eye(2)
        self._seen_s = -math.inf
        self._centroids = self.create_publisher(PointStamped, '~/centroid', 1)
        self._tips = self.create_publisher(PointStamped, '~/tip', 1)
        # Depth 1: only the newest message waits; reliable, as the publisher is.
        newest = QoSProfile(depth=1)
        topic = 'segmentation/left/instruments'
        self.create_subscription(InstrumentArray, topic, self._follow, newest)
        self.get_logger().info(f'waiting for {self.resolve_topic_name(topic)}')

    def _follow(self, msg: InstrumentArray) -> None:
        """Predict to the stamp of the image, take the nearest instrument, update."""
        now_s = msg.header.stamp.sec + 1e-9 * msg.header.stamp.nanosec
        gap_s = now_s - self._seen_s
        known = [tool for tool in msg.instruments if tool.centroid_covariance[0] >= 0.0]
        # A gap that is negative comes from a bag that starts again.
        if not 0.0 <= gap_s <= LOST_AFTER_S:
            self._covariance = np.eye(2) * 1e6  # px^2, the first instrument is the largest
            gap_s, known = 0.0, known[:1]
            self._position = _centroid(known[0]) if known else self._position
        predicted = self._covariance + np.eye(2) * (MOTION_PX_S * gap_s) ** 2
        tool = min(known, key=lambda tool: self._distance(tool, predicted), default=None)
        if tool is None or self._distance(tool, predicted) > GATE:
            return
        gain = predicted @ np.linalg.inv(predicted + _noise(tool))
        self._position = self._position + gain @ (_centroid(tool) - self._position)
        self._covariance = predicted - gain @ predicted
        self._seen_s = now_s
        x, y = self._position.tolist()
        self._centroids.publish(PointStamped(header=msg.header, point=Point(x=x, y=y)))
        if tool.tip_valid:
            tip = Point(x=tool.tip.x, y=tool.tip.y)
            self._tips.publish(PointStamped(header=msg.header, point=tip))

    def _distance(self, tool: Instrument, predicted: np.ndarray) -> float:
        error = _centroid(tool) - self._position
        return float(error @ np.linalg.solve(predicted + _noise(tool), error))


def _centroid(tool: Instrument) -> np.ndarray:
    return np.array([tool.centroid.x, tool.centroid.y])


def _noise(tool: Instrument) -> np.ndarray:
    xx, xy, yy = tool.centroid_covariance
    return np.array([[xx, xy], [xy, yy]])


def main() -> None:
    """Run until SIGINT or SIGTERM; the context outlives the last callback."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    node = ToolTracker()
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    while not stop.is_set():
        executor.spin_once(timeout_sec=0.1)
    executor.shutdown()
    node.destroy_node()
    rclpy.shutdown()


if __name__ == '__main__':
    main()
