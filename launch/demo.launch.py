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
Simulator, segmentation, tracking and recorder, on one computer and without a camera.

After ``duration`` seconds the results are in the folder ``output`` and everything shuts down.
``python -m surgseg_ros.nodes.demo`` does the same where launch is not installed.
"""

import os

from ament_index_python.packages import get_package_share_directory
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument
from launch.actions import IncludeLaunchDescription
from launch.actions import Shutdown
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterFile
from launch_ros.parameter_descriptions import ParameterValue

from surgseg_ros.nodes.demo.defaults import CPU_CAMERA
from surgseg_ros.nodes.demo.defaults import CUDA_CAMERA
from surgseg_ros.nodes.demo.defaults import NAMESPACE
from surgseg_ros.nodes.demo.defaults import UNSEEN_SEED

PASSED_ON = ('namespace', 'checkpoint', 'branch', 'device', 'log_level', 'rviz')
"""Arguments of segmentation.launch.py that are arguments of this one too."""


def generate_launch_description() -> LaunchDescription:
    """Describe the nodes; the end of one is the end of all."""
    share = get_package_share_directory('surgseg_ros')
    config = os.path.join(share, 'config')

    namespace = LaunchConfiguration('namespace')
    log_level = LaunchConfiguration('log_level')

    declare_namespace_cmd = DeclareLaunchArgument(
        'namespace', default_value=NAMESPACE, description='Namespace of all nodes and topics'
    )
    declare_duration_cmd = DeclareLaunchArgument(
        'duration',
        default_value='20.0',
        description='Seconds to measure before everything shuts down; 0: until Ctrl-C',
    )
    declare_output_cmd = DeclareLaunchArgument(
        'output', default_value='demo_output', description='Folder for the results'
    )
    declare_rate_cmd = DeclareLaunchArgument(
        'rate',
        default_value=str(CPU_CAMERA.rate_hz),
        description=f'Images of each eye a second (Hz); {CUDA_CAMERA.rate_hz:g} with a GPU',
    )
    declare_width_cmd = DeclareLaunchArgument(
        'width',
        default_value=str(CPU_CAMERA.width),
        description=f'Width of an image (px); {CUDA_CAMERA.width} with a GPU',
    )
    declare_height_cmd = DeclareLaunchArgument(
        'height',
        default_value=str(CPU_CAMERA.height),
        description=f'Height of an image (px); {CUDA_CAMERA.height} with a GPU',
    )
    declare_seed_cmd = DeclareLaunchArgument(
        'seed',
        default_value=str(UNSEEN_SEED),
        description='Seed of the scene; the shipped weights have seen those below 1000000 only',
    )
    declare_randomize_cmd = DeclareLaunchArgument(
        'randomize',
        default_value='false',
        choices=['true', 'false'],
        description='Draw tissue, instruments, light and disturbances from the ranges of training',
    )
    declare_truth_task_cmd = DeclareLaunchArgument(
        'truth_task',
        default_value='parts',
        choices=['binary', 'parts', 'types'],
        description='Classes of the ground truth: the task of the checkpoint',
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

    # First, because it sets the environment that the nodes below need as well.
    start_segmentation_cmd = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(os.path.join(share, 'launch', 'segmentation.launch.py')),
        launch_arguments={name: LaunchConfiguration(name) for name in PASSED_ON}.items(),
    )
    start_recorder_cmd = Node(
        package='surgseg_ros',
        executable='demo_recorder_node',
        namespace=namespace,
        output='screen',
        parameters=[
            ParameterFile(os.path.join(config, 'recorder.yaml')),
            {
                'output_directory': ParameterValue(LaunchConfiguration('output'), value_type=str),
                'duration_s': ParameterValue(LaunchConfiguration('duration'), value_type=float),
            },
        ],
        arguments=['--ros-args', '--log-level', log_level],
        on_exit=Shutdown(reason='the recording is complete'),
    )
    start_simulator_cmd = Node(
        package='surgseg_ros',
        executable='endoscope_simulator_node',
        namespace=namespace,
        output='screen',
        parameters=[
            ParameterFile(os.path.join(config, 'simulator.yaml')),
            {
                'seed': ParameterValue(LaunchConfiguration('seed'), value_type=int),
                'width': ParameterValue(LaunchConfiguration('width'), value_type=int),
                'height': ParameterValue(LaunchConfiguration('height'), value_type=int),
                'rate_hz': ParameterValue(LaunchConfiguration('rate'), value_type=float),
                'randomize': ParameterValue(LaunchConfiguration('randomize'), value_type=bool),
                'truth_task': ParameterValue(LaunchConfiguration('truth_task'), value_type=str),
            },
        ],
        arguments=['--ros-args', '--log-level', log_level],
        on_exit=Shutdown(reason='the simulator ended'),
    )

    return LaunchDescription(
        [
            declare_namespace_cmd,
            declare_duration_cmd,
            declare_output_cmd,
            declare_rate_cmd,
            declare_width_cmd,
            declare_height_cmd,
            declare_seed_cmd,
            declare_randomize_cmd,
            declare_truth_task_cmd,
            declare_checkpoint_cmd,
            declare_branch_cmd,
            declare_device_cmd,
            declare_log_level_cmd,
            declare_rviz_cmd,
            start_segmentation_cmd,
            start_recorder_cmd,
            start_simulator_cmd,
        ]
    )
