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

"""The outputs of both eyes together, below ``~/stereo/``."""

from functools import partial

from geometry_msgs.msg import PoseArray
from rclpy.lifecycle import LifecycleNode
from visualization_msgs.msg import MarkerArray

from surgseg_ros.data.label_sets import LabelSet
from surgseg_ros.msg import StereoInstrumentArray
from surgseg_ros.nodes.common.managed_publishers import INSTRUMENTS_DEPTH
from surgseg_ros.nodes.common.managed_publishers import ManagedPublishers
from surgseg_ros.nodes.messages.instrument_markers import color_of
from surgseg_ros.nodes.messages.stereo import make_pose_array
from surgseg_ros.nodes.messages.stereo_markers import make_stereo_markers


class StereoOutputs:
    """
    Publish instruments in space always, markers and poses while somebody subscribes.

    :param node: owns the publishers
    """

    def __init__(self, node: LifecycleNode) -> None:
        self._publishers = ManagedPublishers(node, '~/stereo')
        self._instruments = self._publishers.create(
            StereoInstrumentArray, 'instruments', INSTRUMENTS_DEPTH
        )
        self._markers = self._publishers.create(MarkerArray, 'markers')
        self._poses = self._publishers.create(PoseArray, 'poses', INSTRUMENTS_DEPTH)

    @property
    def refused(self) -> dict[str, str]:
        """Return an explanation for each topic with a subscriber whose QoS does not fit."""
        return self._publishers.refused

    def destroy(self) -> None:
        """Destroy all publishers."""
        self._publishers.destroy()

    def publish(self, array: StereoInstrumentArray, label_set: LabelSet) -> None:
        """Publish the instruments of a pair of images, and what is made of them on demand."""
        self._instruments.publish(array)
        if self._poses.get_subscription_count() > 0:
            self._poses.publish(make_pose_array(array))
        if self._markers.get_subscription_count() > 0:
            self._markers.publish(
                make_stereo_markers(array, partial(color_of, label_set=label_set))
            )
