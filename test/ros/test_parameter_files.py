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

"""The parameter files: every parameter that a node declares, with its default and a comment."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from rcl_interfaces.msg import ParameterType
from rcl_interfaces.srv import GetParameters
from rcl_interfaces.srv import ListParameters
import yaml

CONFIG = Path(__file__).resolve().parents[2] / 'config'
NODES = {
    'segmentation.yaml': ('segmentation_node', 'segmentation', {'autostart': False}),
    'tracking.yaml': ('tracking_node', 'tracking', {}),
    'simulator.yaml': ('endoscope_simulator_node', 'endoscope_simulator', {'width': 64}),
    'video.yaml': ('video_publisher_node', 'video_publisher', {'left': '{image}', 'loop': True}),
    'recorder.yaml': ('demo_recorder_node', 'demo_recorder', {'output_directory': '{folder}'}),
}
EVERY_NODE_HAS = ('use_sim_time', 'start_type_description_service')
OVERRIDES = 'qos_overrides.'
VALUE_FIELDS = {
    ParameterType.PARAMETER_BOOL: 'bool_value',
    ParameterType.PARAMETER_INTEGER: 'integer_value',
    ParameterType.PARAMETER_DOUBLE: 'double_value',
    ParameterType.PARAMETER_STRING: 'string_value',
    ParameterType.PARAMETER_INTEGER_ARRAY: 'integer_array_value',
    ParameterType.PARAMETER_DOUBLE_ARRAY: 'double_array_value',
    ParameterType.PARAMETER_STRING_ARRAY: 'string_array_value',
}


def read_file(name):
    """Return the node's name and its parameters."""
    ((node, content),) = yaml.safe_load((CONFIG / name).read_text(encoding='utf-8')).items()
    return node, content['ros__parameters']


def to_python(value):
    value = getattr(value, VALUE_FIELDS[value.type])
    return value if isinstance(value, bool | int | float | str) else list(value)


def ask_parameters(station, node):
    """Return all parameters of a running node."""
    service = f'{station.namespace}/{node}'
    listing = station.call(ListParameters, f'{service}/list_parameters', ListParameters.Request())
    names = [
        name
        for name in listing.result.names
        if name not in EVERY_NODE_HAS and not name.startswith(OVERRIDES)
    ]
    answer = station.call(
        GetParameters, f'{service}/get_parameters', GetParameters.Request(names=names)
    )
    return dict(zip(names, map(to_python, answer.values), strict=True))


@pytest.mark.parametrize('name', NODES)
def test_a_file_holds_exactly_what_the_node_declares(name, station, start_node, tmp_path):
    executable, node, needed = NODES[name]
    assert cv2.imwrite(str(tmp_path / 'image.png'), np.zeros((24, 32, 3), np.uint8))
    places = {'image': tmp_path / 'image.png', 'folder': tmp_path / 'results'}
    given = {
        key: value.format(**places) if isinstance(value, str) else value
        for key, value in needed.items()
    }
    start_node(executable, given)
    declared = ask_parameters(station, node)
    wildcard, documented = read_file(name)
    assert wildcard == f'/**/{node}'
    assert set(documented) == set(declared)
    for key, value in documented.items():
        assert type(value) is type(declared[key]), key
        if key not in needed:
            assert value == declared[key], key


@pytest.mark.parametrize('name', NODES)
def test_every_parameter_has_a_comment(name):
    lines = (CONFIG / name).read_text(encoding='utf-8').splitlines()
    for key in read_file(name)[1]:
        line = next(i for i, line in enumerate(lines) if line.strip().startswith(f'{key}:'))
        assert lines[line - 1].strip().startswith('#'), key
