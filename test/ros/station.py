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
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile
from rclpy.qos import ReliabilityPolicy

MATCH_TIMEOUT_S = 30.0
MESSAGE_TIMEOUT_S = 20.0
QUEUE_DEPTH = 100


class MessageLog:
    """All messages of one topic, in the order of arrival."""

    def __init__(self) -> None:
        self._messages: list[Any] = []
        self._arrivals_ns: list[int] = []
        self._arrived = threading.Condition()

    def append(self, message: Any) -> None:
        with self._arrived:
            self._messages.append(message)
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

    def wait_for_count(self, count: int, timeout_s: float = MESSAGE_TIMEOUT_S) -> list[Any]:
        """Wait for a number of messages and return all."""
        return self.wait_for(lambda messages: len(messages) >= count, timeout_s)

    def wait_for_header(self, header: Any, timeout_s: float = MESSAGE_TIMEOUT_S) -> Any:
        """Wait for the message with this header and return it."""
        messages = self.wait_for(
            lambda messages: any(message.header == header for message in messages), timeout_s
        )
        return next(message for message in messages if message.header == header)


class Station:
    """
    A ROS node of the test with an executor thread.

    Topics are relative to a namespace of its own; :attr:`namespace` is for the nodes under test.

    :param context: initialized context
    :param namespace: unique
    """

    def __init__(self, context: rclpy.Context, namespace: str) -> None:
        self.namespace = namespace
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
        """Call a service and return the response."""
        client = self.node.create_client(service_type, name)
        assert client.wait_for_service(MATCH_TIMEOUT_S), f'no service {name}'
        future = client.call_async(request)
        wait_until(future.done, MESSAGE_TIMEOUT_S, f'the answer of {name}')
        self.node.destroy_client(client)
        return future.result()


def _qos(reliable: bool) -> QoSProfile:
    policy = ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT
    return QoSProfile(depth=QUEUE_DEPTH, reliability=policy)
