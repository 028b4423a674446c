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
What the launch files of this package have in common.

It is here because launch files cannot import each other. Only they may import this module: it
needs ``launch``, which comes with a ROS 2 installation and is not on PyPI.
"""

from collections.abc import Mapping
import os
from typing import Any

from ament_index_python.packages import get_package_share_directory
from launch.actions import DeclareLaunchArgument
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

PACKAGE = 'surgseg_ros'
BRANCHES = ['', 'main', 'auxiliary', 'auto']
LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'fatal']

PASSED_ON = ('namespace', 'checkpoint', 'branch', 'device', 'log_level', 'rviz')
"""Arguments of segmentation.launch.py that the launch files which include it have too."""


def share_path(*names: str) -> str:
    """Return the path of a file or folder that the package has installed."""
    return os.path.join(get_package_share_directory(PACKAGE), *names)


def declare_flag(name: str, default: bool, description: str) -> DeclareLaunchArgument:
    """Declare an argument that is true or false."""
    return DeclareLaunchArgument(
        name,
        default_value=str(default).lower(),
        choices=['true', 'false'],
        description=description,
    )


def declare_passed_on() -> list[DeclareLaunchArgument]:
    """Declare the arguments :data:`PASSED_ON`, all but the namespace."""
    return [
        DeclareLaunchArgument(
            'checkpoint',
            default_value='',
            description='Weights: a file, a folder or the name of a shipped checkpoint; '
            'empty: the default ones',
        ),
        DeclareLaunchArgument(
            'branch',
            default_value='',
            choices=BRANCHES,
            description='Output of the network: main (exact), auxiliary (coarser) or auto; '
            'empty: main',
        ),
        DeclareLaunchArgument(
            'device',
            default_value='',
            description='cpu, cuda, cuda:<index>; empty: CUDA if possible',
        ),
        DeclareLaunchArgument(
            'log_level',
            default_value='info',
            choices=LOG_LEVELS,
            description='Least severe messages that the nodes print',
        ),
        declare_flag('rviz', False, 'Show both overlays in RViz'),
    ]


def include_segmentation(arguments: Mapping[str, str] | None = None) -> IncludeLaunchDescription:
    """
    Include segmentation.launch.py; it sets the environment of the actions after it, too.

    :param arguments: beside those of :data:`PASSED_ON`
    """
    passed_on = {name: LaunchConfiguration(name) for name in PASSED_ON}
    return IncludeLaunchDescription(
        PythonLaunchDescriptionSource(share_path('launch', 'segmentation.launch.py')),
        launch_arguments={**(arguments or {}), **passed_on}.items(),
    )


def value_of(argument: str, value_type: Any) -> ParameterValue:
    """
    Return the value of a launch argument, for a parameter.

    :param value_type: such as ``list[str]``; ``None``: whatever YAML makes of the text
    """
    return ParameterValue(LaunchConfiguration(argument), value_type=value_type)


def make_node(executable: str, parameters: list[Any], **options: Any) -> Node:
    """
    Describe a node of this package, with the namespace and the log level of the launch file.

    :param parameters: files and values; of those of the same name the last one counts
    :param options: more arguments of :class:`launch_ros.actions.Node`
    """
    return Node(
        package=PACKAGE,
        executable=executable,
        namespace=LaunchConfiguration('namespace'),
        output='screen',
        parameters=parameters,
        arguments=['--ros-args', '--log-level', LaunchConfiguration('log_level')],
        **options,
    )
