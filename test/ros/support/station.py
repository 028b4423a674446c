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

"""The test's own end of the topics: publishers, and logs of what arrives."""

from collections.abc import Callable
import threading
import time
from typing import Any

from node_process import wait_until
from rcl_interfaces.srv import GetParameters
import rclpy
from rclpy.client import Client
from rclpy.executors import SingleThreadedExecutor
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile
from rclpy.qos import ReliabilityPolicy
from rclpy.subscription import MessageInfo

MATCH_TIMEOUT_S = 60.0
MESSAGE_TIMEOUT_S = 60.0
REPEAT_S = 2.0
QUEUE_DEPTH = 100


class MessageLog:
    """All messages of one topic, in the order of arrival."""

    def __init__(self) -> None:
        self._messages: list[Any] = []
        self._written_ns: list[int] = []
        self._arrivals_ns: list[int] = []
        self._arrived = threading.Condition()

    def append(self, message: Any, info: MessageInfo) -> None:
        with self._arrived:
            self._messages.append(message)
            self._written_ns.append(info['source_timestamp'])
            self._arrivals_ns.append(time.time_ns())
            self._arrived.notify_all()

    @property
    def messages(self) -> list[Any]:
        """Return a copy of the messages so far."""
        with self._arrived:
            return list(self._messages)

    @property
    def arrivals_ns(self) -> list[int]:
        """Return when each of the messages came, by the system clock as ROS time is."""
        with self._arrived:
            return list(self._arrivals_ns)

    def wait_for(
        self, condition: Callable[[list[Any]], object], timeout_s: float = MESSAGE_TIMEOUT_S
    ) -> list[Any]:
        """
        Wait until the messages fulfill a condition, and return them.

        :raises AssertionError: if they do not in time
        """
        with self._arrived:
            fulfilled = self._arrived.wait_for(lambda: condition(self._messages), timeout_s)
            assert fulfilled, f'waited {timeout_s} s in vain; {len(self._messages)} messages came'
            return list(self._messages)

    def wait_for_news(
        self, condition: Callable[[Any], object], timeout_s: float = MESSAGE_TIMEOUT_S
    ) -> tuple[Any, int]:
        """
        Wait for a message that was written after this call and fulfills a condition.

        Arrival after this call is not enough: topics overtake each other on the way.

        :return: the message, and when it was written (ns, system clock)
        """
        called_ns = time.time_ns()
        start = len(self.messages)

        def find(messages: list[Any]) -> list[tuple[Any, int]]:
            news = zip(messages[start:], self._written_ns[start:], strict=True)
            return [(msg, ns) for msg, ns in news if ns > called_ns and condition(msg)]

        return find(self.wait_for(find, timeout_s))[0]

    def wait_for_count(self, count: int, timeout_s: float = MESSAGE_TIMEOUT_S) -> list[Any]:
        """Wait for a number of messages and return all."""
        return self.wait_for(lambda messages: len(messages) >= count, timeout_s)

    def wait_for_header(self, header: Any, timeout_s: float = MESSAGE_TIMEOUT_S) -> Any:
        """Wait for the message with this header and return it."""
        found: list[Any] = []
        seen = 0

        def find(messages: list[Any]) -> list[Any]:
            nonlocal seen
            found.extend(msg for msg in messages[seen:] if msg.header == header)
            seen = len(messages)
            return found

        self.wait_for(find, timeout_s)
        return found[0]


class Station:
    """
    A ROS node of the test with an executor thread.

    Topics are relative to a namespace of its own; :attr:`namespace` is for the nodes under test.

    :param context: initialized context
    :param namespace: unique
    """

    def __init__(self, context: rclpy.Context, namespace: str) -> None:
        self.namespace = namespace
        self._clients: dict[tuple[type, str], Client] = {}
        self._acquaintances: set[tuple[str, ...]] = set()
        self.node = rclpy.create_node('station', context=context, namespace=namespace)
        self._executor = SingleThreadedExecutor(context=context)
        self._executor.add_node(self.node)
        self._thread = threading.Thread(target=self._executor.spin, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._executor.shutdown()
        self._thread.join()
        self.node.destroy_node()

    def listen(
        self, message_type: type, topic: str, reliable: bool = True, qos: QoSProfile | None = None
    ) -> MessageLog:
        """Subscribe to a topic and wait until a publisher is matched."""
        log = MessageLog()
        subscription = self.node.create_subscription(
            message_type, topic, log.append, qos or _qos(reliable)
        )
        wait_until(
            lambda: self.node.count_publishers(subscription.topic_name) > 0,
            MATCH_TIMEOUT_S,
            f'a publisher of {topic}',
        )
        return log

    def advertise(self, message_type: type, topic: str, reliable: bool = True) -> Publisher:
        """Create a publisher and wait until a subscription is matched."""
        publisher = self.node.create_publisher(message_type, topic, _qos(reliable))
        wait_until(
            lambda: publisher.get_subscription_count() > 0,
            MATCH_TIMEOUT_S,
            f'a subscription to {topic}',
        )
        return publisher

    def call(self, service_type: type, name: str, request: Any) -> Any:
        """
        Call a service that may be called twice, until it answers, and return the response.

        A server that does not know the client yet throws its response away.
        """
        client = self._client(service_type, name)
        return self._repeat(client, request, name)

    def call_once(self, service_type: type, name: str, request: Any) -> Any:
        """Call a service exactly once and return the response."""
        client = self._client(service_type, name)
        wait_until(client.service_is_ready, MATCH_TIMEOUT_S, f'the service {name}')
        self._introduce(name)
        answered = threading.Event()
        future = client.call_async(request)
        future.add_done_callback(lambda _: answered.set())
        assert answered.wait(MESSAGE_TIMEOUT_S), f'no answer of {name}'
        return future.result()

    def _introduce(self, name: str) -> None:
        """
        Wait until the node of a service knows all clients of this one.

        A node learns of another's endpoints in the order in which they were created: when it
        answers a newer client, it knows the older ones.
        """
        node_name = name.rpartition('/')[0]
        events = self.node.get_publishers_info_by_topic(f'{node_name}/transition_event')
        acquaintance = name, *(str(event.endpoint_gid) for event in events)
        if acquaintance in self._acquaintances:
            return
        self._acquaintances.add(acquaintance)
        service = f'{node_name}/get_parameters'
        probe = self.node.create_client(GetParameters, service)
        self._repeat(probe, GetParameters.Request(), service)
        self.node.destroy_client(probe)

    def _repeat(self, client: Client, request: Any, name: str) -> Any:
        # Not wait_for_service() of rclpy, which looks four times a second.
        wait_until(client.service_is_ready, MATCH_TIMEOUT_S, f'the service {name}')
        answered = threading.Event()
        answers: list[Any] = []

        def note(future: Any) -> None:
            answers.append(future.result())
            answered.set()

        for _ in range(int(MESSAGE_TIMEOUT_S / REPEAT_S)):
            client.call_async(request).add_done_callback(note)
            if answered.wait(REPEAT_S):
                return answers[0]
        raise AssertionError(f'no answer of {name}')

    def _client(self, service_type: type, name: str) -> Client:
        """Return the client of a service, which is kept: a new one has to be discovered first."""
        key = service_type, name
        if key not in self._clients:
            self._clients[key] = self.node.create_client(service_type, name)
        return self._clients[key]


def _qos(reliable: bool) -> QoSProfile:
    policy = ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT
    return QoSProfile(depth=QUEUE_DEPTH, reliability=policy)
