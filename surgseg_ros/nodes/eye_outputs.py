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

"""The publishers of one eye: always labels and instruments, other images while wanted."""

from rclpy.lifecycle import LifecycleNode
from rclpy.lifecycle import LifecyclePublisher
from rclpy.qos import HistoryPolicy
from rclpy.qos import QoSProfile
from rclpy.qos import ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import Image

from surgseg_ros.msg import InstrumentArray

IMAGE_DEPTH = 1
INSTRUMENTS_DEPTH = 10


class EyeOutputs:
    """
    Create the lifecycle publishers of one eye under ``~/<eye>/``.

    They are reliable (REP-2003) and accept QoS overrides.

    :param node: owns the publishers
    :param eye: ``'left'`` or ``'right'``
    """

    def __init__(self, node: LifecycleNode, eye: str) -> None:
        self._node = node
        self._eye = eye
        self.label_image = self._create(Image, 'label_image', IMAGE_DEPTH)
        self.instruments = self._create(InstrumentArray, 'instruments', INSTRUMENTS_DEPTH)
        self.overlay = self._create(Image, 'overlay', IMAGE_DEPTH)
        self.confidence = self._create(Image, 'confidence', IMAGE_DEPTH)

    def destroy(self) -> None:
        """Destroy all publishers."""
        for publisher in (self.label_image, self.instruments, self.overlay, self.confidence):
            self._node.destroy_lifecycle_publisher(publisher)

    def _create(self, message_type: type, name: str, depth: int) -> LifecyclePublisher:
        return self._node.create_lifecycle_publisher(
            message_type,
            f'~/{self._eye}/{name}',
            QoSProfile(
                history=HistoryPolicy.KEEP_LAST,
                depth=depth,
                reliability=ReliabilityPolicy.RELIABLE,
            ),
            qos_overriding_options=QoSOverridingOptions.with_default_policies(),
        )
