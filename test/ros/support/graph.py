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

"""What a running node has in the ROS graph, as other nodes see it."""

from collections.abc import Callable
from collections.abc import Iterator

from rcl_interfaces.srv import GetParameters
from rcl_interfaces.srv import ListParameters
from rclpy.node import Node
from rclpy.parameter import parameter_value_to_python
from station import Station

EVERY_NODE_HAS = {
    *('parameter_events', 'rosout', 'describe_parameters', 'get_parameter_types'),
    *('get_parameters', 'get_type_description', 'list_parameters', 'set_parameters'),
    'set_parameters_atomically',
}
VISION_TOPICS = ('label_info', 'detections')
"""Topics that are there only where ``vision_msgs`` is installed."""

Endpoint = tuple[str, str, str]
"""What a node does with a name, such as ``publish``, the full name, its type."""


def endpoints(observer: Node, node: str, namespace: str) -> set[Endpoint]:
    """Return what a node has in the graph, nothing while the node is not in it."""
    if (node, namespace) not in observer.get_node_names_and_namespaces():
        return set()
    questions: dict[str, Callable[[str, str], list[tuple[str, list[str]]]]] = {
        'publish': observer.get_publisher_names_and_types_by_node,
        'subscribe': observer.get_subscriber_names_and_types_by_node,
        'reply': observer.get_service_names_and_types_by_node,
        'request': observer.get_client_names_and_types_by_node,
    }
    return {
        (access, name, kind)
        for access, ask in questions.items()
        for name, kinds in ask(node, namespace)
        for kind in kinds
    }


def describe_interface(station: Station, node: str, *namespaces: str) -> str:
    """
    Return a line for each topic and service of a node, with QoS, and for what overrides QoS.

    :param node: its name
    :param namespaces: one for each process that runs it; names are told as in the root namespace
    """
    lines = {
        line.replace(namespace, '')
        for namespace in namespaces
        for describe in (_describe_endpoints, _describe_overrides)
        for line in describe(station, node, namespace)
    }
    return ''.join(f'{line}\n' for line in sorted(lines))


def _describe_endpoints(station: Station, node: str, namespace: str) -> Iterator[str]:
    for access, name, kind in endpoints(station.node, node, namespace):
        if name.rsplit('/', 1)[-1] not in {*EVERY_NODE_HAS, *VISION_TOPICS}:
            qos = _qos_of(station.node, (access, name), (node, namespace))
            yield ' '.join([access, name, kind, *sorted(qos)])


def _qos_of(observer: Node, topic: tuple[str, str], node: tuple[str, str]) -> set[str]:
    access, name = topic
    infos = {
        'publish': observer.get_publishers_info_by_topic,
        'subscribe': observer.get_subscriptions_info_by_topic,
    }
    return {
        f'{info.qos_profile.reliability.name} {info.qos_profile.durability.name}'.lower()
        for info in (infos[access](name) if access in infos else ())
        if (info.node_name, info.node_namespace) == node
    }


def _describe_overrides(station: Station, node: str, namespace: str) -> Iterator[str]:
    service = f'{namespace}/{node}'
    every = ListParameters.Request(prefixes=['qos_overrides'])
    listing = station.call(ListParameters, f'{service}/list_parameters', every)
    names = [
        name
        for name in listing.result.names
        if not any(f'/{topic}.' in name for topic in VISION_TOPICS)
    ]
    chosen = GetParameters.Request(names=names)
    values = station.call(GetParameters, f'{service}/get_parameters', chosen).values
    overridable: dict[str, list[str]] = {}
    for name, value in zip(names, values, strict=True):
        endpoint, _, policy = name.rpartition('.')
        text = f'{policy} {parameter_value_to_python(value)}'
        overridable.setdefault(endpoint, []).append(text)
    for endpoint, policies in overridable.items():
        yield f'parameters {endpoint}: {", ".join(sorted(policies))}'
