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
Segment the images of a stereo endoscope: the launch file of the robot computer.

Cameras publish ``<namespace>/left/image_raw`` and ``<namespace>/right/image_raw``, or wherever the
rig of ``config/rigs.yaml`` does; results come under ``<namespace>/segmentation``.
"""

import os

from launch import LaunchContext
from launch import LaunchDescription
from launch import LaunchDescriptionEntity
from launch.actions import DeclareLaunchArgument
from launch.actions import OpaqueFunction
from launch.actions import SetEnvironmentVariable
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterFile

from surgseg_ros.nodes.cameras.rigs import EYES
from surgseg_ros.nodes.cameras.rigs import load_rigs
from surgseg_ros.nodes.cameras.rigs import RAW
from surgseg_ros.nodes.common.launch_files import BRANCHES
from surgseg_ros.nodes.common.launch_files import declare_flag
from surgseg_ros.nodes.common.launch_files import LOG_LEVELS
from surgseg_ros.nodes.common.launch_files import make_node
from surgseg_ros.nodes.common.launch_files import share_path
from surgseg_ros.nodes.common.launch_files import value_of
from surgseg_ros.nodes.common.process_environment import large_image_variables
from surgseg_ros.nodes.common.process_environment import malloc_variables

RESPAWN_DELAY_S = 2.0
RVIZ_NAMESPACE = '/endoscope'
RVIZ_OUTPUTS = ('overlay', 'color', 'markers', 'camera_info')
"""Topics of each eye of the segmentation node in segmentation.rviz, the last for the color."""
RVIZ_TRACKS = ('left/overlay', 'right/overlay', 'stereo/markers')
"""Topics of the tracking node there."""


def generate_launch_description() -> LaunchDescription:
    """Describe segmentation and tracking node, their environment and, if wanted, RViz."""
    rigs = load_rigs()

    use_large_image_profile = LaunchConfiguration('use_large_image_profile')
    tune_malloc = LaunchConfiguration('tune_malloc')

    declare_namespace_cmd = DeclareLaunchArgument(
        'namespace',
        default_value='',
        description='Namespace of the camera topics and of the node, such as jhu_daVinci',
    )
    declare_rig_cmd = DeclareLaunchArgument(
        'rig',
        default_value='',
        choices=['', *rigs],
        description='Cameras to listen to, whatever the namespace, from config/rigs.yaml; '
        'empty: left/image_raw and right/image_raw in the namespace',
    )
    declare_params_file_cmd = DeclareLaunchArgument(
        'params_file',
        default_value=share_path('config', 'segmentation.yaml'),
        description='YAML file with the parameters of the segmentation node',
    )
    declare_tracking_cmd = declare_flag(
        'tracking', True, 'Start the tracking node too: instruments keep their ids'
    )
    declare_tracking_params_file_cmd = DeclareLaunchArgument(
        'tracking_params_file',
        default_value=share_path('config', 'tracking.yaml'),
        description='YAML file with the parameters of the tracking node',
    )
    declare_checkpoint_cmd = DeclareLaunchArgument(
        'checkpoint',
        default_value='',
        description='Weights: a file, a folder or the name of a shipped checkpoint; '
        'empty: as in params_file',
    )
    declare_branch_cmd = DeclareLaunchArgument(
        'branch',
        default_value='',
        choices=BRANCHES,
        description='Output of the network: main is exact, auxiliary is faster and coarser, auto '
        'the best that keeps deadline_ms; empty: as in params_file',
    )
    declare_device_cmd = DeclareLaunchArgument(
        'device',
        default_value='',
        description='cpu, cuda, cuda:<index> or auto; empty: as in params_file',
    )
    declare_eyes_cmd = DeclareLaunchArgument(
        'eyes',
        default_value='',
        description="Cameras: '[left, right]', or '[left]' for a mono rig; "
        'empty: those of the rig, else as in params_file',
    )
    declare_image_transport_cmd = DeclareLaunchArgument(
        'image_transport',
        default_value='',
        choices=['', 'raw', 'compressed'],
        description='compressed: JPEG or PNG from <eye>/image_raw/compressed; '
        'empty: that of the rig, else as in params_file',
    )
    declare_crop_cmd = DeclareLaunchArgument(
        'crop',
        default_value='',
        description='Part of the image that the network sees: none, auto (without the black '
        "border) or '[x, y, width, height]' in px; empty: as in params_file",
    )
    declare_autostart_cmd = declare_flag(
        'autostart', True, 'Configure and activate the node; false: do so by ros2 lifecycle'
    )
    declare_respawn_cmd = declare_flag(
        'respawn',
        False,
        f'Start the node again {RESPAWN_DELAY_S:g} s after it ended, however it did; '
        'with autostart it comes back active',
    )
    declare_use_sim_time_cmd = declare_flag(
        'use_sim_time', False, 'Take the time from /clock, for bags and simulators that publish it'
    )
    declare_use_large_image_profile_cmd = declare_flag(
        'use_large_image_profile',
        True,
        'Give Fast DDS shared memory for whole images, unless '
        'FASTDDS_DEFAULT_PROFILES_FILE is set; the camera driver needs it too',
    )
    declare_tune_malloc_cmd = declare_flag(
        'tune_malloc',
        True,
        'Let glibc keep the buffers of images (MALLOC_* variables), half the cost of a frame',
    )
    declare_log_level_cmd = DeclareLaunchArgument(
        'log_level',
        default_value='info',
        choices=LOG_LEVELS,
        description='Least severe messages that the node prints',
    )
    declare_rviz_cmd = declare_flag(
        'rviz', False, 'Show overlays, class colors and markers in RViz'
    )

    set_profile_cmds = [
        SetEnvironmentVariable(name, value, condition=IfCondition(use_large_image_profile))
        for name, value in large_image_variables(os.environ).items()
    ]
    set_malloc_cmds = [
        SetEnvironmentVariable(name, value, condition=IfCondition(tune_malloc))
        for name, value in malloc_variables(os.environ).items()
    ]
    start_segmentation_cmd = OpaqueFunction(function=_start_segmentation)
    start_tracking_cmd = make_node(
        'tracking_node',
        [
            ParameterFile(LaunchConfiguration('tracking_params_file')),
            {'use_sim_time': value_of('use_sim_time', bool)},
        ],
        condition=IfCondition(LaunchConfiguration('tracking')),
    )
    start_rviz_cmd = OpaqueFunction(
        function=_start_rviz, condition=IfCondition(LaunchConfiguration('rviz'))
    )

    return LaunchDescription(
        [
            declare_namespace_cmd,
            declare_rig_cmd,
            declare_params_file_cmd,
            declare_tracking_cmd,
            declare_tracking_params_file_cmd,
            declare_checkpoint_cmd,
            declare_branch_cmd,
            declare_device_cmd,
            declare_eyes_cmd,
            declare_image_transport_cmd,
            declare_crop_cmd,
            declare_autostart_cmd,
            declare_respawn_cmd,
            declare_use_sim_time_cmd,
            declare_use_large_image_profile_cmd,
            declare_tune_malloc_cmd,
            declare_log_level_cmd,
            declare_rviz_cmd,
            SetEnvironmentVariable('RCUTILS_LOGGING_BUFFERED_STREAM', '1'),
            *set_profile_cmds,
            *set_malloc_cmds,
            start_segmentation_cmd,
            start_tracking_cmd,
            start_rviz_cmd,
        ]
    )


def _start_segmentation(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """Start the node; the rig overrides the parameter file, given arguments override both."""
    types = {
        'checkpoint': str,
        'branch': str,
        'device': str,
        'eyes': list[str],
        'image_transport': str,
        'crop': None,  # text or four numbers
    }
    given = {
        name: value_of(name, value_type)
        for name, value_type in types.items()
        if LaunchConfiguration(name).perform(context)
    }
    flags = {name: value_of(name, bool) for name in ('autostart', 'use_sim_time')}
    return [
        make_node(
            'segmentation_node',
            [
                ParameterFile(LaunchConfiguration('params_file')),
                _rig_parameters(context),
                flags,
                given,
            ],
            remappings=_rig_remappings(context),
            respawn=LaunchConfiguration('respawn').perform(context) == 'true',
            respawn_delay=RESPAWN_DELAY_S,
        )
    ]


def _start_rviz(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """Start RViz; its configuration names the topics of the demo."""
    inputs = {f'{eye}/image_raw': f'{eye}/image_raw' for eye in EYES}
    inputs.update(_rig_remappings(context))
    outputs = [f'segmentation/{eye}/{name}' for eye in EYES for name in RVIZ_OUTPUTS]
    outputs += [f'tracking/{name}' for name in RVIZ_TRACKS]
    # A rule with a relative target follows the namespace of the node.
    topics = {**inputs, **{name: name for name in outputs}}
    return [
        Node(
            package='rviz2',
            executable='rviz2',
            namespace=LaunchConfiguration('namespace'),
            arguments=['-d', share_path('config', 'segmentation.rviz')],
            remappings=[(f'{RVIZ_NAMESPACE}/{name}', topic) for name, topic in topics.items()],
        )
    ]


def _rig_remappings(context: LaunchContext) -> list[tuple[str, str]]:
    name = LaunchConfiguration('rig').perform(context)
    return load_rigs()[name].remappings() if name else []


def _rig_parameters(context: LaunchContext) -> dict[str, str | list[str]]:
    """Return the parameters without which the node would wait in vain for images of the rig."""
    name = LaunchConfiguration('rig').perform(context)
    if not name:
        return {}
    rig = load_rigs()[name]
    mono = {} if len(rig.eyes) == len(EYES) else {'eyes': list(rig.eyes)}
    transport = {} if rig.image_transport == RAW else {'image_transport': rig.image_transport}
    return {**mono, **transport}
