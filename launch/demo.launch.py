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

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument
from launch.actions import Shutdown
from launch_ros.parameter_descriptions import ParameterFile

from surgseg_ros.nodes.common.launch_files import declare_flag
from surgseg_ros.nodes.common.launch_files import declare_passed_on
from surgseg_ros.nodes.common.launch_files import include_segmentation
from surgseg_ros.nodes.common.launch_files import make_node
from surgseg_ros.nodes.common.launch_files import share_path
from surgseg_ros.nodes.common.launch_files import value_of
from surgseg_ros.nodes.demo.defaults import CPU_CAMERA
from surgseg_ros.nodes.demo.defaults import CUDA_CAMERA
from surgseg_ros.nodes.demo.defaults import NAMESPACE
from surgseg_ros.nodes.demo.defaults import UNSEEN_SEED


def generate_launch_description() -> LaunchDescription:
    """Describe the nodes; the end of one is the end of all."""
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
    declare_randomize_cmd = declare_flag(
        'randomize',
        False,
        'Draw tissue, instruments, light and disturbances from the ranges of training',
    )
    declare_truth_task_cmd = DeclareLaunchArgument(
        'truth_task',
        default_value='parts',
        choices=['binary', 'parts', 'types'],
        description='Classes of the ground truth: the task of the checkpoint',
    )

    # First, because it sets the environment that the nodes below need as well.
    start_segmentation_cmd = include_segmentation()
    start_recorder_cmd = make_node(
        'demo_recorder_node',
        [
            ParameterFile(share_path('config', 'recorder.yaml')),
            {
                'output_directory': value_of('output', str),
                'duration_s': value_of('duration', float),
            },
        ],
        on_exit=Shutdown(reason='the recording is complete'),
    )
    start_simulator_cmd = make_node(
        'endoscope_simulator_node',
        [
            ParameterFile(share_path('config', 'simulator.yaml')),
            {
                'seed': value_of('seed', int),
                'width': value_of('width', int),
                'height': value_of('height', int),
                'rate_hz': value_of('rate', float),
                'randomize': value_of('randomize', bool),
                'truth_task': value_of('truth_task', str),
            },
        ],
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
            *declare_passed_on(),
            start_segmentation_cmd,
            start_recorder_cmd,
            start_simulator_cmd,
        ]
    )
