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

"""The configuration files that are not parameters: Fast DDS profile and RViz."""

from pathlib import Path
import xml.etree.ElementTree as ET

import yaml

CONFIG = Path(__file__).resolve().parents[1] / 'config'
DDS = {'dds': 'http://www.eprosima.com'}
LARGEST_IMAGE_BYTES = 1920 * 1080 * 3


def profile():
    return ET.parse(CONFIG / 'fastdds_large_images.xml').getroot()


def test_the_profile_gives_shared_memory_for_several_of_the_largest_images():
    transports = profile().findall('.//dds:transport_descriptor', DDS)
    shared = next(t for t in transports if t.findtext('dds:type', namespaces=DDS) == 'SHM')
    size = int(shared.findtext('dds:segment_size', namespaces=DDS))
    assert size >= 8 * LARGEST_IMAGE_BYTES
    message = int(shared.findtext('dds:maxMessageSize', namespaces=DDS))
    assert LARGEST_IMAGE_BYTES < message < size


def test_the_profile_is_the_default_and_uses_every_transport_it_describes():
    root = profile()
    participant = root.find('.//dds:participant', DDS)
    assert participant.get('is_default_profile') == 'true'
    described = [
        element.text
        for element in root.findall('.//dds:transport_descriptor/dds:transport_id', DDS)
    ]
    used = [
        element.text for element in root.findall('.//dds:userTransports/dds:transport_id', DDS)
    ]
    assert described == used
    kinds = [element.text for element in root.findall('.//dds:transport_descriptor/dds:type', DDS)]
    assert sorted(kinds) == ['SHM', 'UDPv4']
    assert root.findtext('.//dds:useBuiltinTransports', namespaces=DDS) == 'false'


def test_rviz_shows_overlays_classes_and_markers():
    content = yaml.safe_load((CONFIG / 'segmentation.rviz').read_text(encoding='utf-8'))
    shown = {
        display['Topic']['Value']: display['Topic']['Reliability Policy']
        for display in content['Visualization Manager']['Displays']
        if display['Enabled']
    }
    assert shown == {
        '/endoscope/segmentation/left/overlay': 'Reliable',
        '/endoscope/segmentation/right/overlay': 'Reliable',
        '/endoscope/tracking/left/overlay': 'Reliable',
        '/endoscope/tracking/stereo/markers': 'Reliable',
        '/endoscope/segmentation/left/color': 'Reliable',
    }
