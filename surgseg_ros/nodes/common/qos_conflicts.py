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

"""Topics whose two ends ask for different qualities of service: who, why, and the remedy."""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any
from typing import Literal

from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import qos_check_compatible
from rclpy.qos import qos_policy_name_from_kind
from rclpy.qos import QoSCompatibility
from rclpy.qos import QoSPolicyKind
from rclpy.subscription import Subscription
from rclpy.topic_endpoint_info import TopicEndpointInfo

_SUBSCRIBER_REMEDIES = {
    QoSPolicyKind.RELIABILITY: 'this node asks for RELIABLE, the camera offers BEST_EFFORT; '
    'start this node with reliability:=best_effort',
    QoSPolicyKind.DURABILITY: 'this node asks for TRANSIENT_LOCAL, the camera offers VOLATILE; '
    'remove the durability from qos_overrides',
}
_PUBLISHER_REMEDIES = {
    QoSPolicyKind.RELIABILITY: 'it asks for RELIABLE, this node was told to offer BEST_EFFORT; '
    'remove the reliability from qos_overrides, or subscribe best effort',
    QoSPolicyKind.DURABILITY: 'it asks for TRANSIENT_LOCAL, this node offers VOLATILE; '
    'subscribe volatile, the data is never older than one frame',
}


def explain_refused_publisher(topic: str, policy: QoSPolicyKind) -> str:
    """
    Say why the images of a camera are not heard, and what to change.

    :param topic: full name of the topic
    :param policy: the quality of service that does not fit
    """
    return _explain(f'a publisher on {topic} is not heard', topic, policy, _SUBSCRIBER_REMEDIES)


def explain_refused_subscriber(topic: str, policy: QoSPolicyKind) -> str:
    """
    Say why a subscriber of an output hears nothing, and what to change.

    :param topic: full name of the topic
    :param policy: the quality of service that does not fit
    """
    return _explain(f'a subscriber of {topic} hears nothing', topic, policy, _PUBLISHER_REMEDIES)


def _explain(
    fact: str, topic: str, policy: QoSPolicyKind, remedies: Mapping[QoSPolicyKind, str]
) -> str:
    kind = QoSPolicyKind(policy)  # an event carries its number
    remedy = remedies.get(kind, 'let both ends use the same')
    return (
        f'{fact}: its {qos_policy_name_from_kind(kind)} does not fit: {remedy} '
        f'(ros2 topic info -v {topic})'
    )


class RefusedPeers:
    """
    Remember whom the topics of a node cannot hear or reach, for as long as they are there.

    :param node: looks at the graph
    :param is_refused: whether an endpoint of the node has such a peer now
    """

    def __init__(self, node: Node, is_refused: Callable[[Node, Any], bool]) -> None:
        self._node = node
        self._is_refused = is_refused
        self._explanations: dict[str, str] = {}

    def note(self, topic: str, explanation: str) -> None:
        """Note that such a peer came, as an event tells."""
        self._explanations[topic] = explanation

    def present(self, endpoints: Iterable[Publisher | Subscription]) -> dict[str, str]:
        """Return the explanations by topic of those that are still there, as the graph tells."""
        for endpoint in endpoints:
            topic = endpoint.topic_name
            if topic in self._explanations and not self._is_refused(self._node, endpoint):
                del self._explanations[topic]
        return dict(self._explanations)


def has_refused_publisher(node: Node, subscription: Subscription) -> bool:
    """Tell whether a publisher is there now that a subscription of a node cannot hear."""
    return _has_conflict(node, subscription.topic_name, own_side='subscriptions')


def has_refused_subscriber(node: Node, publisher: Publisher) -> bool:
    """Tell whether a subscriber is there now that cannot hear a publisher of a node."""
    return _has_conflict(node, publisher.topic_name, own_side='publishers')


def _has_conflict(
    node: Node, topic: str, own_side: Literal['publishers', 'subscriptions']
) -> bool:
    """Tell whether an endpoint of a node does not fit one of the other side of a topic."""
    # Both ends as the graph knows them: an endpoint itself reports no deadline as one of 0 s.
    publishers = node.get_publishers_info_by_topic(topic)
    subscriptions = node.get_subscriptions_info_by_topic(topic)
    if own_side == 'publishers':
        publishers = [info for info in publishers if _belongs_to(node, info)]
    else:
        subscriptions = [info for info in subscriptions if _belongs_to(node, info)]
    return any(
        qos_check_compatible(offered.qos_profile, requested.qos_profile)[0]
        == QoSCompatibility.ERROR
        for offered in publishers
        for requested in subscriptions
    )


def _belongs_to(node: Node, info: TopicEndpointInfo) -> bool:
    return (info.node_name, info.node_namespace) == (node.get_name(), node.get_namespace())
