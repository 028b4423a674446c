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

"""The topics that config/segmentation.rviz shows are those of running nodes."""

from pathlib import Path

from node_process import wait_until
from rig import parameters_for
import yaml

CONFIGURATION = Path(__file__).resolve().parents[2] / 'config' / 'segmentation.rviz'
NAMESPACE = '/endoscope'
TYPES = {
    'rviz_default_plugins/Image': 'sensor_msgs/msg/Image',
    'rviz_default_plugins/Camera': 'sensor_msgs/msg/Image',
    'rviz_default_plugins/MarkerArray': 'visualization_msgs/msg/MarkerArray',
}
TIMEOUT_S = 30.0


def shown_topics():
    content = yaml.safe_load(CONFIGURATION.read_text(encoding='utf-8'))
    for display in content['Visualization Manager']['Displays']:
        topic = display['Topic']['Value']
        yield topic, TYPES[display['Class']]
        if display['Class'].endswith('/Camera'):
            yield f'{topic.rpartition("/")[0]}/camera_info', 'sensor_msgs/msg/CameraInfo'


def test_the_nodes_have_every_topic_that_rviz_shows(start_node, station, target_checkpoint):
    process = start_node('segmentation_node', parameters_for(target_checkpoint))
    tracking = start_node('tracking_node')
    process.wait_for_output('waiting for images')
    tracking.wait_for_output('tracking the instruments')
    nodes = [(name, station.namespace) for name in ('segmentation', 'tracking')]
    wait_until(
        lambda: set(nodes) <= set(station.node.get_node_names_and_namespaces()),
        TIMEOUT_S,
        'the nodes',
    )

    def of_the_nodes():
        topics = [
            topic
            for node in nodes
            for topic in (
                *station.node.get_publisher_names_and_types_by_node(*node),
                *station.node.get_subscriber_names_and_types_by_node(*node),
            )
        ]
        return {(topic, type_) for topic, types in topics for type_ in types}

    wanted = {
        (topic.replace(NAMESPACE, station.namespace, 1), type_) for topic, type_ in shown_topics()
    }
    wait_until(
        lambda: wanted <= of_the_nodes(),
        TIMEOUT_S,
        f'these topics: {sorted(wanted - of_the_nodes())}',
    )
