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

from launch import LaunchContext
from launch import LaunchDescription
from launch import LaunchDescriptionEntity
from launch.actions import DeclareLaunchArgument
from launch.actions import OpaqueFunction
from launch.actions import Shutdown
from launch.substitutions import LaunchConfiguration
from launch_ros.parameter_descriptions import ParameterFile

from surgseg_ros.nodes.common.launch_files import declare_flag
from surgseg_ros.nodes.common.launch_files import declare_passed_on
from surgseg_ros.nodes.common.launch_files import include_segmentation
from surgseg_ros.nodes.common.launch_files import make_node
from surgseg_ros.nodes.common.launch_files import share_path
from surgseg_ros.nodes.common.launch_files import value_of
from surgseg_ros.nodes.demo.defaults import NAMESPACE


def generate_launch_description() -> LaunchDescription:
    """Describe the player and the segmentation; everything ends with the recording."""
    declare_left_cmd = DeclareLaunchArgument(
        'left', description='Video, image folder, image or rosbag2 recording of the left camera'
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
    declare_loop_cmd = declare_flag(
        'loop', False, 'Start again at the end instead of shutting down'
    )
    declare_left_camera_info_cmd = DeclareLaunchArgument(
        'left_camera_info',
        default_value='',
        description='Calibration file of the left camera; empty: no camera_info',
    )
    declare_right_camera_info_cmd = DeclareLaunchArgument(
        'right_camera_info',
        default_value='',
        description='Calibration file of the right camera; empty: no camera_info',
    )
    declare_namespace_cmd = DeclareLaunchArgument(
        'namespace', default_value=NAMESPACE, description='Namespace of all nodes and topics'
    )

    texts = ('left', 'right', 'layout', 'left_camera_info', 'right_camera_info')
    start_player_cmd = make_node(
        'video_publisher_node',
        [
            ParameterFile(share_path('config', 'video.yaml')),
            {name: value_of(name, str) for name in texts},
            {
                'rate_hz': value_of('rate', float),
                'loop': value_of('loop', bool),
                # Otherwise the recording may be over before the network is loaded.
                'wait_for_subscribers': True,
            },
        ],
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
            *declare_passed_on(),
            # First, because it sets the environment that the player needs as well.
            OpaqueFunction(function=_include_segmentation),
            start_player_cmd,
        ]
    )


def _include_segmentation(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """Start the segmentation of the eyes that the recording has."""
    layout = LaunchConfiguration('layout').perform(context)
    right = LaunchConfiguration('right').perform(context)
    eyes = '[left]' if layout == 'mono' and not right else '[left, right]'
    return [include_segmentation({'eyes': eyes})]
