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
What users type and set, compared with ``test/golden``: command lines, parameters, arguments.

The topics and services of running nodes are compared in ``test/ros``. After an intended change
``make test PYTEST_ARGS=--update-golden`` writes the files anew, for the review to see.
"""

import configparser
from importlib import import_module
from importlib.util import find_spec
import os
from pathlib import Path
import subprocess
import sys
from typing import Any

import pytest
import yaml

from surgseg_ros import cli

CHECKOUT = Path(__file__).resolve().parents[1]
GOLDEN = CHECKOUT / 'test' / 'golden'
COMMANDS = [module.__name__.rpartition('.')[2].replace('_', '-') for module in cli.COMMANDS]
PROGRAMS = ('demo', 'benchmark', 'benchmark.messages')
PARAMETER_TABLES = {
    'segmentation': 'segmentation.parameters',
    'tracking': 'tracking.parameters',
    'endoscope_simulator': 'cameras.endoscope_simulator',
    'video_publisher': 'cameras.video_publisher',
    'demo_recorder': 'demo.recorder',
}
WIDE = '5000'
"""Columns in which nothing breaks a line, in any version of argparse."""

needs_ros = pytest.mark.skipif(find_spec('rclpy') is None, reason='needs rclpy')


@pytest.fixture
def terminal(monkeypatch):
    """Let help be printed in lines of any length, without colors."""
    monkeypatch.setenv('COLUMNS', WIDE)
    monkeypatch.setenv('NO_COLOR', '1')


@pytest.mark.parametrize('command', ['', *COMMANDS])
def test_help_of_surgseg(command, terminal, capsys, check_golden):
    with pytest.raises(SystemExit) as end:
        cli.main([*command.split(), '--help'])
    assert end.value.code == 0
    name = f'surgseg_{command}'.replace('-', '_').rstrip('_')
    check_golden(f'help/{name}.txt', capsys.readouterr().out)


@needs_ros
@pytest.mark.parametrize('program', PROGRAMS)
def test_help_of_programs(program, terminal, check_golden):
    command = [sys.executable, '-m', f'surgseg_ros.nodes.{program}', '--help']
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    check_golden(f'help/nodes_{program.replace(".", "_")}.txt', printed)


def test_help_is_of_commands_that_exist():
    names = {f'surgseg_{command}'.replace('-', '_') for command in COMMANDS}
    names |= {'surgseg', *(f'nodes_{program}'.replace('.', '_') for program in PROGRAMS)}
    assert {path.stem for path in (GOLDEN / 'help').iterdir()} == names


def test_names_of_executables(check_golden):
    parser = configparser.ConfigParser()
    parser.read(CHECKOUT / 'setup.cfg', encoding='utf-8')
    lines = parser['options.entry_points']['console_scripts'].strip().splitlines()
    check_golden('executables.txt', ''.join(f'{line.split("=")[0].strip()}\n' for line in lines))


def describe(parameter: Any) -> dict[str, Any]:
    """Return what ``ros2 param describe`` and ``ros2 param get`` tell of a parameter."""
    from rclpy.parameter import Parameter

    descriptor = parameter.descriptor()
    (bounds,) = [*descriptor.floating_point_range, *descriptor.integer_range] or (None,)
    return {
        'type': Parameter(parameter.name, value=parameter.default).type_.name.lower(),
        'default': parameter.default,
        'description': descriptor.description,
        **({'range': [bounds.from_value, bounds.to_value]} if bounds else {}),
        'constraints': descriptor.additional_constraints,
        'read_only': descriptor.read_only,
        'dynamic_typing': descriptor.dynamic_typing,
    }


@needs_ros
@pytest.mark.parametrize('node', PARAMETER_TABLES)
def test_parameters_of_nodes(node, check_golden):
    table = import_module(f'surgseg_ros.nodes.{PARAMETER_TABLES[node]}').PARAMETERS
    content = {parameter.name: describe(parameter) for parameter in table}
    check_golden(
        f'parameters/{node}.yaml', yaml.safe_dump(content, sort_keys=False, width=int(WIDE))
    )


def test_arguments_of_launch_files(check_golden):
    command = [sys.executable, '-m', 'launch_arguments']
    environment = {**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)}
    printed = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    check_golden('launch_arguments.txt', printed.stdout)
