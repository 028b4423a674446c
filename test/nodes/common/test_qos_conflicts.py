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

import pytest

rclpy = pytest.importorskip('rclpy')

from rclpy.qos import DurabilityPolicy  # noqa: E402
from rclpy.qos import QoSPolicyKind  # noqa: E402
from rclpy.qos import QoSProfile  # noqa: E402
from rclpy.qos import ReliabilityPolicy  # noqa: E402
from std_msgs.msg import Header  # noqa: E402

from surgseg_ros.nodes.common.qos_conflicts import explain_refused_publisher  # noqa: E402
from surgseg_ros.nodes.common.qos_conflicts import explain_refused_subscriber  # noqa: E402
from surgseg_ros.nodes.common.qos_conflicts import has_refused_publisher  # noqa: E402
from surgseg_ros.nodes.common.qos_conflicts import has_refused_subscriber  # noqa: E402
from surgseg_ros.nodes.common.qos_conflicts import RefusedPeers  # noqa: E402


def test_a_best_effort_camera_and_a_reliable_node():
    text = explain_refused_publisher('/left/image_raw', QoSPolicyKind.RELIABILITY)
    assert text.startswith('a publisher on /left/image_raw is not heard: its RELIABILITY')
    assert 'reliability:=best_effort' in text


def test_a_subscriber_that_wants_latched_images():
    text = explain_refused_subscriber('/s/left/label_image', QoSPolicyKind.DURABILITY)
    assert 'subscriber of /s/left/label_image hears nothing: its DURABILITY' in text
    assert 'subscribe volatile' in text


def test_any_other_policy_is_named_too():
    assert 'DEADLINE' in explain_refused_publisher('/t', QoSPolicyKind.DEADLINE)
    # Events carry the number of the policy.
    assert 'LIVELINESS' in explain_refused_subscriber('/t', int(QoSPolicyKind.LIVELINESS))


class Endpoint:
    topic_name = '/left/image_raw'


def test_a_refusal_is_told_for_as_long_as_the_peer_is_there():
    there = [True]
    peers = RefusedPeers('node', lambda node, endpoint: there[0])
    assert peers.present([Endpoint()]) == {}
    peers.note('/left/image_raw', 'not heard')
    assert peers.present([Endpoint()]) == {'/left/image_raw': 'not heard'}
    there[0] = False
    assert peers.present([Endpoint()]) == {}
    there[0] = True
    assert peers.present([Endpoint()]) == {}


LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
BEST_EFFORT = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
FITTING = QoSProfile(depth=1)


def _make_nodes(context):
    return [rclpy.create_node(name, context=context) for name in ('ours', 'other')]


def _publish(node, qos):
    return node.create_publisher(Header, 'topic', qos)


def _subscribe(node, qos):
    return node.create_subscription(Header, 'topic', print, qos)


def test_a_subscriber_that_fits_is_not_refused_beside_one_that_does_not(context):
    ours, other = _make_nodes(context)
    publisher = _publish(ours, FITTING)
    _subscribe(other, FITTING)
    assert not has_refused_subscriber(ours, publisher)
    refused = _subscribe(other, LATCHED)
    assert has_refused_subscriber(ours, publisher)
    other.destroy_subscription(refused)
    assert not has_refused_subscriber(ours, publisher)


def test_a_publisher_that_fits_is_not_refused_beside_one_that_does_not(context):
    ours, other = _make_nodes(context)
    subscription = _subscribe(ours, FITTING)
    _publish(other, FITTING)
    assert not has_refused_publisher(ours, subscription)
    refused = _publish(other, BEST_EFFORT)
    assert has_refused_publisher(ours, subscription)
    # What others cannot hear of others is not our business.
    ours.destroy_subscription(subscription)
    kept = _subscribe(ours, BEST_EFFORT)
    _subscribe(other, FITTING)
    assert not has_refused_publisher(ours, kept)
    other.destroy_publisher(refused)
