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

"""Environment variables that image processes need, for the launch files and the demo."""

from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from ament_index_python.packages import get_package_share_directory

FAST_DDS_VARIABLE = 'FASTDDS_DEFAULT_PROFILES_FILE'
OLD_FAST_DDS_VARIABLE = 'FASTRTPS_DEFAULT_PROFILES_FILE'
KILTED_RCLPY_MAJOR = 9

# An image buffer is otherwise mapped and given back for every message, and each of its pages
# faulted in anew. glibc accepts thresholds up to 32 MiB.
MALLOC_VARIABLES = {
    'MALLOC_MMAP_THRESHOLD_': str(32 * 2**20),
    'MALLOC_TRIM_THRESHOLD_': str(2**30),
    'MALLOC_TOP_PAD_': str(64 * 2**20),
}


def large_image_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """
    Return the variable that makes Fast DDS use the profile for large images.

    :param environment: the present environment
    :return: variables to add; none if the user has chosen a profile
    """
    if FAST_DDS_VARIABLE in environment or OLD_FAST_DDS_VARIABLE in environment:
        return {}
    profile = Path(get_package_share_directory('surgseg_ros'), 'config/fastdds_large_images.xml')
    return {_fast_dds_variable(): str(profile)}


def malloc_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """
    Return the variables that keep glibc from giving image buffers back to the system.

    :param environment: the present environment
    :return: variables to add; none that the user has set
    """
    return {name: value for name, value in MALLOC_VARIABLES.items() if name not in environment}


def _fast_dds_variable() -> str:
    """Return the name that this ROS 2 knows; Fast DDS 3, new in Kilted, has renamed it."""
    major = int(metadata.version('rclpy').split('.', maxsplit=1)[0])
    return FAST_DDS_VARIABLE if major >= KILTED_RCLPY_MAJOR else OLD_FAST_DDS_VARIABLE
