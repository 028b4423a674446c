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

"""The topics of one camera, as a driver publishes them."""

import cv2
import numpy as np
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import HistoryPolicy
from rclpy.qos import QoSProfile
from rclpy.qos import ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import CameraInfo
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from surgseg_ros.nodes.messages.images import array_to_image

QUEUE_DEPTH = 10
LAST_DELIVERY_S = 2.0


class CameraPublisher:
    """
    Publish the images of one eye, with its calibration if there is one.

    :param node: owns the publishers
    :param eye: ``'left'`` or ``'right'``
    :param encoding: ``'rgb8'`` or ``'bgr8'``
    :param frame_id: of all messages
    :param camera_info: calibration, ``None`` for none
    """

    def __init__(
        self, node: Node, eye: str, encoding: str, frame_id: str, camera_info: CameraInfo | None
    ) -> None:
        self._encoding = encoding
        self._frame_id = frame_id
        self._camera_info = camera_info
        self._images = create_reliable_publisher(node, Image, f'{eye}/image_raw', QUEUE_DEPTH)
        self._infos = None
        if camera_info is not None:
            self._infos = create_reliable_publisher(
                node, CameraInfo, f'{eye}/camera_info', QUEUE_DEPTH
            )

    def publish(self, image: np.ndarray, stamp: object) -> None:
        """
        Publish an image.

        :param image: (H, W, 3) uint8 RGB
        :param stamp: ``builtin_interfaces/Time``
        """
        header = Header(stamp=stamp, frame_id=self._frame_id)
        if self._encoding == 'bgr8':
            image = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
        self._images.publish(array_to_image(image, self._encoding, header))
        if self._infos is not None and self._camera_info is not None:
            self._camera_info.header = header
            self._infos.publish(self._camera_info)

    def has_subscribers(self) -> bool:
        """Tell whether somebody subscribes to the images."""
        return self._images.get_subscription_count() > 0

    def wait_until_delivered(self) -> None:
        """Wait until reliable subscribers have the last image, at most a little."""
        self._images.wait_for_all_acked(Duration(seconds=LAST_DELIVERY_S))


def create_reliable_publisher(node: Node, message_type: type, topic: str, depth: int) -> Publisher:
    """
    Create a reliable publisher as drivers have it, its QoS open to ``qos_overrides``.

    :param depth: messages kept for a slow subscriber
    """
    return node.create_publisher(
        message_type,
        topic,
        QoSProfile(
            history=HistoryPolicy.KEEP_LAST,
            depth=depth,
            reliability=ReliabilityPolicy.RELIABLE,
        ),
        qos_overriding_options=QoSOverridingOptions.with_default_policies(),
    )
