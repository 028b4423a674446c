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

"""The camera of one eye: where its images arrive, are checked and left to the workers."""

import time
from typing import Any

from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.lifecycle import LifecycleNode
from rclpy.qos import HistoryPolicy
from rclpy.qos import QoSProfile
from rclpy.qos import ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.subscription import Subscription
from sensor_msgs.msg import CameraInfo
from sensor_msgs.msg import CompressedImage
from sensor_msgs.msg import Image

from surgseg_ros.decoding.encodings import ImageFormatError
from surgseg_ros.nodes.common.parameters import ParameterTable
from surgseg_ros.nodes.common.qos_conflicts import explain_refused_publisher
from surgseg_ros.nodes.common.qos_conflicts import has_refused_publisher
from surgseg_ros.nodes.common.qos_conflicts import RefusedPeers
from surgseg_ros.nodes.segmentation.eye_outputs import EyeOutputs
from surgseg_ros.nodes.segmentation.frames import ArrivedFrame
from surgseg_ros.nodes.segmentation.frames import NANOSECONDS
from surgseg_ros.nodes.segmentation.parameters import COMPRESSED
from surgseg_ros.nodes.segmentation.pipeline import FramePipeline

MAX_BYTES_A_PIXEL = 8
"""Those of rgba16, the largest encoding that is read."""


class CameraInput:
    """
    Subscribe to the images and the calibration of one eye; its silence counts from here.

    Sensor data QoS, depth 1 (REP-2003): a newer image replaces one that was not taken yet.

    :param node: owns the subscriptions
    :param eye: ``'left'`` or ``'right'``
    :param parameters: read once: ``image_transport``, ``reliability``; read anew for every image:
        ``max_image_pixels``
    :param pipeline: gets the images
    :param outputs: gets the calibration
    """

    def __init__(
        self,
        node: LifecycleNode,
        eye: str,
        parameters: ParameterTable,
        pipeline: FramePipeline,
        outputs: EyeOutputs,
    ) -> None:
        self._node = node
        self._clock = node.get_clock()
        self._eye = eye
        self._parameters = parameters
        self._slots = pipeline.slots
        self._statistics = pipeline.statistics[eye]
        self._dropped = pipeline.dropped
        self._interval = pipeline.interval
        self._outputs = outputs
        self._statistics.expect_images()
        self._refused = RefusedPeers(node, has_refused_publisher)
        reliability = ReliabilityPolicy[parameters['reliability'].upper()]
        is_compressed = parameters['image_transport'] == COMPRESSED
        self._images = self._subscribe(
            CompressedImage if is_compressed else Image,
            f'{eye}/image_raw/compressed' if is_compressed else f'{eye}/image_raw',
            self.receive,
            reliability,
        )
        self._calibration = self._subscribe(
            CameraInfo,
            f'{eye}/camera_info',
            self._remember_calibration,
            ReliabilityPolicy.BEST_EFFORT,
        )

    @property
    def topic(self) -> str:
        """Return the full name of the image topic."""
        return self._images.topic_name

    @property
    def refused(self) -> dict[str, str]:
        """Return an explanation for each topic with a publisher whose QoS does not fit."""
        return self._refused.present((self._images, self._calibration))

    def count_publishers(self) -> int:
        """Return the number of publishers on the image topic."""
        return self._node.count_publishers(self.topic)

    def destroy(self) -> None:
        """Destroy the subscriptions."""
        self._node.destroy_subscription(self._images)
        self._node.destroy_subscription(self._calibration)

    def receive(self, msg: Image | CompressedImage) -> None:
        """Leave an image in the slot of the eye, unless it must not even wait; returns at once."""
        self._statistics.record_image()
        try:
            _check_stamp(msg)
            _check_load(msg, self._parameters['max_image_pixels'])
        except ImageFormatError as error:
            self._dropped.refuse(self._eye, error.cause, error)
            return
        arrived = ArrivedFrame(msg, self._clock.now(), time.monotonic())
        self._interval.note(self._eye, arrived.received_s)
        self._slots.put(self._eye, arrived)

    def _remember_calibration(self, msg: CameraInfo) -> None:
        self._outputs.camera_info = msg

    def _subscribe(
        self, message_type: type, name: str, callback: Any, reliability: ReliabilityPolicy
    ) -> Subscription:
        topic = self._node.resolve_topic_name(name)

        def note_refusal(event: Any) -> None:
            explanation = explain_refused_publisher(topic, event.last_policy_kind)
            self._refused.note(topic, explanation)

        def note_loss(event: Any) -> None:
            if message_type is not CameraInfo:
                self._statistics.record_loss(event.total_count_change)

        return self._node.create_subscription(
            message_type,
            name,
            callback,
            QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=1, reliability=reliability),
            event_callbacks=SubscriptionEventCallbacks(
                incompatible_qos=note_refusal, message_lost=note_loss
            ),
            qos_overriding_options=QoSOverridingOptions.with_default_policies(),
        )


def _check_stamp(msg: Image | CompressedImage) -> None:
    stamp = msg.header.stamp
    if stamp.sec < 0 or stamp.nanosec >= NANOSECONDS:
        raise ImageFormatError(
            'stamp',
            f'the stamp is no time: {stamp.sec} s, {stamp.nanosec} ns; '
            'nanoseconds go from 0 to 999999999',
        )


def _check_load(msg: Image | CompressedImage, max_pixels: int) -> None:
    """Refuse at once what must not even wait in the slot."""
    if len(msg.data) > max_pixels * MAX_BYTES_A_PIXEL:
        raise ImageFormatError(
            'too_large',
            f'the image has {len(msg.data)} bytes, more than {MAX_BYTES_A_PIXEL} for each of '
            f'max_image_pixels ({max_pixels})',
        )
