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

"""Segment a recording: a video file, a folder of images, or one of each eye."""

import os

from ament_index_python.packages import get_package_share_directory
from launch import LaunchContext
from launch import LaunchDescription
from launch import LaunchDescriptionEntity
from launch.actions import DeclareLaunchArgument
from launch.actions import IncludeLaunchDescription
from launch.actions import OpaqueFunction
from launch.actions import Shutdown
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterFile
from launch_ros.parameter_descriptions import ParameterValue

from surgseg_ros.nodes.demo.defaults import NAMESPACE

PASSED_ON = ('namespace', 'checkpoint', 'branch', 'device', 'log_level', 'rviz')
"""Arguments of segmentation.launch.py that are arguments of this one too."""


def generate_launch_description() -> LaunchDescription:
    """Describe the player and the segmentation; everything ends with the recording."""
    share = get_package_share_directory('surgseg_ros')

    declare_left_cmd = DeclareLaunchArgument(
        'left', description='Video file, folder of images or image of the left camera'
    )
    declare_right_cmd = DeclareLaunchArgument(
        'right', default_value='', description='The same for the right camera; empty: none'
    )
    declare_layout_cmd = DeclareLaunchArgument(
        'layout',
        default_value='mono',
        choices=['mono', 'side_by_side', 'top_bottom'],
        description='What a frame of the left recording holds: one eye, or both, left eye first',
    )
    declare_rate_cmd = DeclareLaunchArgument(
        'rate', default_value='0.0', description='Frames a second (Hz); 0: the rate of the file'
    )
    declare_loop_cmd = DeclareLaunchArgument(
        'loop',
        default_value='false',
        choices=['true', 'false'],
        description='Start again at the end instead of shutting down',
    )
    declare_left_camera_info_cmd = DeclareLaunchArgument(
        'left_camera_info',
        default_value='',
        description='Calibration YAML of the left camera; empty: no camera_info',
    )
    declare_right_camera_info_cmd = DeclareLaunchArgument(
        'right_camera_info',
        default_value='',
        description='Calibration YAML of the right camera; empty: no camera_info',
    )
    declare_namespace_cmd = DeclareLaunchArgument(
        'namespace', default_value=NAMESPACE, description='Namespace of all nodes and topics'
    )
    declare_checkpoint_cmd = DeclareLaunchArgument(
        'checkpoint',
        default_value='',
        description='Weights: a file, a folder or the name of a shipped checkpoint; '
        'empty: the default ones',
    )
    declare_branch_cmd = DeclareLaunchArgument(
        'branch',
        default_value='',
        choices=['', 'main', 'auxiliary', 'auto'],
        description='Output of the network: main (exact), auxiliary (coarser) or auto; '
        'empty: main',
    )
    declare_device_cmd = DeclareLaunchArgument(
        'device', default_value='', description='cpu, cuda, cuda:<index>; empty: CUDA if possible'
    )
    declare_log_level_cmd = DeclareLaunchArgument(
        'log_level',
        default_value='info',
        choices=['debug', 'info', 'warn', 'error', 'fatal'],
        description='Least severe messages that the nodes print',
    )
    declare_rviz_cmd = DeclareLaunchArgument(
        'rviz',
        default_value='false',
        choices=['true', 'false'],
        description='Show both overlays in RViz',
    )

    texts = ('left', 'right', 'layout', 'left_camera_info', 'right_camera_info')
    start_player_cmd = Node(
        package='surgseg_ros',
        executable='video_publisher_node',
        namespace=LaunchConfiguration('namespace'),
        output='screen',
        parameters=[
            ParameterFile(os.path.join(share, 'config', 'video.yaml')),
            {name: ParameterValue(LaunchConfiguration(name), value_type=str) for name in texts},
            {
                'rate_hz': ParameterValue(LaunchConfiguration('rate'), value_type=float),
                'loop': ParameterValue(LaunchConfiguration('loop'), value_type=bool),
                # Otherwise the recording may be over before the network is loaded.
                'wait_for_subscribers': True,
            },
        ],
        arguments=['--ros-args', '--log-level', LaunchConfiguration('log_level')],
        on_exit=Shutdown(reason='the recording has ended'),
    )

    return LaunchDescription(
        [
            declare_left_cmd,
            declare_right_cmd,
            declare_layout_cmd,
            declare_rate_cmd,
            declare_loop_cmd,
            declare_left_camera_info_cmd,
            declare_right_camera_info_cmd,
            declare_namespace_cmd,
            declare_checkpoint_cmd,
            declare_branch_cmd,
            declare_device_cmd,
            declare_log_level_cmd,
            declare_rviz_cmd,
            # First, because it sets the environment that the player needs as well.
            OpaqueFunction(function=_include_segmentation),
            start_player_cmd,
        ]
    )


def _include_segmentation(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """Start the segmentation of the eyes that the recording has."""
    share = get_package_share_directory('surgseg_ros')
    layout = LaunchConfiguration('layout').perform(context)
    right = LaunchConfiguration('right').perform(context)
    return [
        IncludeLaunchDescription(
            PythonLaunchDescriptionSource(os.path.join(share, 'launch', 'segmentation.launch.py')),
            launch_arguments={
                'eyes': '[left]' if layout == 'mono' and not right else '[left, right]',
                **{name: LaunchConfiguration(name) for name in PASSED_ON},
            }.items(),
        )
    ]
