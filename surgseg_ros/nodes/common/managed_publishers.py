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

"""Lifecycle publishers below one name, and who refuses to listen to them."""

from typing import Any

from rclpy.event_handler import PublisherEventCallbacks
from rclpy.lifecycle import LifecycleNode
from rclpy.lifecycle import LifecyclePublisher
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy
from rclpy.qos import HistoryPolicy
from rclpy.qos import QoSProfile
from rclpy.qos import ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions

from surgseg_ros.nodes.common.qos_conflicts import explain_refused_subscriber
from surgseg_ros.nodes.common.qos_conflicts import has_refused_subscriber
from surgseg_ros.nodes.common.qos_conflicts import RefusedPeers

INSTRUMENTS_DEPTH = 10
"""Of what trackers want every message of."""
IMAGE_DEPTH = 1
"""Of all that is for people, or too large to wait in a queue."""


class ManagedPublishers:
    """
    Create reliable publishers (REP-2003) that accept QoS overrides.

    :param node: owns them
    :param prefix: of their names, such as ``~/left``
    """

    def __init__(self, node: LifecycleNode, prefix: str) -> None:
        self._node = node
        self._prefix = prefix
        self._managed: list[LifecyclePublisher] = []
        self._latched: list[Publisher[Any]] = []
        self._refused = RefusedPeers(node, has_refused_subscriber)

    def create(
        self, message_type: type, name: str, depth: int = IMAGE_DEPTH
    ) -> LifecyclePublisher:
        """Create a publisher that speaks while the node is active."""
        publisher: LifecyclePublisher = self._node.create_lifecycle_publisher(
            message_type,
            f'{self._prefix}/{name}',
            QoSProfile(
                history=HistoryPolicy.KEEP_LAST,
                depth=depth,
                reliability=ReliabilityPolicy.RELIABLE,
            ),
            event_callbacks=self._event_callbacks(name),
            qos_overriding_options=QoSOverridingOptions.with_default_policies(),
        )
        self._managed.append(publisher)
        return publisher

    def create_latched(self, message_type: type, name: str) -> Publisher:
        """Create a publisher that is not managed and whose last message late joiners get."""
        publisher: Publisher[Any] = self._node.create_publisher(
            message_type,
            f'{self._prefix}/{name}',
            QoSProfile(
                history=HistoryPolicy.KEEP_LAST,
                depth=1,
                reliability=ReliabilityPolicy.RELIABLE,
                durability=DurabilityPolicy.TRANSIENT_LOCAL,
            ),
            event_callbacks=self._event_callbacks(name),
            qos_overriding_options=QoSOverridingOptions.with_default_policies(),
        )
        self._latched.append(publisher)
        return publisher

    def destroy(self) -> None:
        """Destroy all publishers."""
        for publisher in self._managed:
            self._node.destroy_lifecycle_publisher(publisher)
        for latched in self._latched:
            self._node.destroy_publisher(latched)

    @property
    def refused(self) -> dict[str, str]:
        """Return an explanation for each topic with a subscriber whose QoS does not fit."""
        return self._refused.present([*self._managed, *self._latched])

    def _event_callbacks(self, name: str) -> PublisherEventCallbacks:
        topic = self._node.resolve_topic_name(f'{self._prefix}/{name}')

        def note_refusal(event: Any) -> None:
            explanation = explain_refused_subscriber(topic, event.last_policy_kind)
            self._refused.note(topic, explanation)

        return PublisherEventCallbacks(incompatible_qos=note_refusal)
