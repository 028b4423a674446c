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

pytest.importorskip('rclpy')

from rclpy.qos import QoSPolicyKind

from surgseg_ros.nodes.qos_conflicts import explain_refused_publisher
from surgseg_ros.nodes.qos_conflicts import explain_refused_subscriber


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
