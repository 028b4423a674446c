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

"""
What the nodes have in the graph: topics and services with types and QoS.

They are those of ``test/golden``, and the SROS 2 policy permits them, name by name, and nothing
more.
"""

from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
import xml.etree.ElementTree as ET

import cv2
from graph import describe_interface
from graph import endpoints
from graph import VISION_TOPICS
from node_process import wait_until
import numpy as np
import pytest
from rig import parameters_for
from sensor_msgs.msg import Image

from surgseg_ros.nodes.messages import vision

POLICY = Path(__file__).resolve().parents[2] / 'config' / 'sros2_policy.xml'
DISCOVERY_TIMEOUT_S = 30.0
CALIBRATION = """
image_width: 64
image_height: 48
camera_matrix: {rows: 3, cols: 3, data: [60, 0, 32, 0, 60, 24, 0, 0, 1]}
distortion_model: plumb_bob
distortion_coefficients: {rows: 1, cols: 5, data: [0, 0, 0, 0, 0]}
rectification_matrix: {rows: 3, cols: 3, data: [1, 0, 0, 0, 1, 0, 0, 0, 1]}
projection_matrix: {rows: 3, cols: 4, data: [60, 0, 32, 0, 0, 60, 24, 0, 0, 0, 1, 0]}
"""

Rule = tuple[str, str]
"""What is permitted, such as ``publish``, and the full name that it holds for."""


def profiles() -> list[tuple[str, ET.Element]]:
    """Return enclave and profile of every node."""
    return [
        (enclave.get('path', ''), profile)
        for enclave in ET.parse(POLICY).getroot().iterfind('enclaves/enclave')
        for profile in enclave.iterfind('profiles/profile')
    ]


def rules_of(profile: ET.Element) -> Iterator[Rule]:
    """Yield the rules of a profile, names resolved as sros2 does."""
    namespace, node = profile.get('ns', '').rstrip('/'), profile.get('node', '')
    for group in profile:
        ((access, verdict),) = group.items()
        assert verdict == 'ALLOW'
        for name in [expression.text or '' for expression in group]:
            if name.startswith('/'):
                yield access, name
            elif name.startswith('~'):
                yield access, f'{namespace}/{node}{name[1:]}'
            else:
                yield access, f'{namespace}/{name}'


def permitted_here(node: str) -> set[Rule]:
    """Return the rules of a node without those for what this ROS 2 does not have."""
    (profile,) = [profile for _, profile in profiles() if profile.get('node') == node]
    rules = set(rules_of(profile))
    if not vision.AVAILABLE:
        rules = {rule for rule in rules if rule[1].rsplit('/', 1)[-1] not in VISION_TOPICS}
    if find_spec('rclpy.type_description_service') is None:
        rules.discard(('reply', f'/{node}/get_type_description'))
    return rules


@pytest.fixture
def check(station, start_node, check_golden):
    """Return a function that compares policy and golden file of a node with some in the graph."""

    def check(node: str, ready: str, *runs: dict[str, object]) -> None:
        namespaces = [f'{station.namespace}/run_{number}' for number in range(len(runs))]
        processes = [
            start_node(f'{node}_node', {'use_sim_time': True, **parameters}, namespace)
            for namespace, parameters in zip(namespaces, runs, strict=True)
        ]
        for process in processes:
            process.wait_for_output(ready)

        def in_graph() -> set[Rule]:
            return {
                (access, name.removeprefix(namespace))
                for namespace in namespaces
                for access, name, _ in endpoints(station.node, node, namespace)
            }

        permitted = permitted_here(node)
        with suppress(AssertionError):  # That of the sets says more.
            wait_until(lambda: in_graph() == permitted, DISCOVERY_TIMEOUT_S, 'the graph')
        assert in_graph() == permitted
        check_golden(f'topics/{node}.txt', describe_interface(station, node, *namespaces))

    return check


def test_the_segmentation_node_has_what_its_policy_permits(check, target_checkpoint):
    transports = [
        parameters_for(target_checkpoint, image_transport=transport)
        for transport in ('raw', 'compressed')
    ]
    check('segmentation', 'waiting for images', *transports)


def test_the_tracking_node_has_what_its_policy_permits(check, station):
    # The overlays of the segmentation are heard only while somebody looks at those with ids.
    for eye in ('left', 'right'):
        topic = f'{station.namespace}/run_0/tracking/{eye}/overlay'
        station.node.create_subscription(Image, topic, lambda msg: None, 1)
    check('tracking', 'tracking the instruments', {})


def test_the_simulator_has_what_its_policy_permits(check):
    pytest.importorskip('mujoco')
    check('endoscope_simulator', 'simulating', {'width': 64, 'height': 48})


def test_the_video_publisher_has_what_its_policy_permits(check, tmp_path):
    image, calibration = tmp_path / 'image.png', tmp_path / 'calibration.yaml'
    assert cv2.imwrite(str(image), np.zeros((48, 64, 3), np.uint8))
    calibration.write_text(CALIBRATION, encoding='utf-8')
    given = {
        f'{eye}{suffix}': str(path)
        for eye in ('left', 'right')
        for suffix, path in (('', image), ('_camera_info', calibration))
    }
    check('video_publisher', 'playing', given)


def test_the_policy_has_the_format_of_sros2():
    root = ET.parse(POLICY).getroot()
    assert (root.tag, root.get('version')) == ('policy', '0.2.0')
    for path, profile in profiles():
        assert path == f'/surgseg/{profile.get("node")}'
        assert profile.get('ns') == '/'
        rules = list(rules_of(profile))
        assert len(rules) == len(set(rules))
