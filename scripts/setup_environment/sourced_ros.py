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


"""A ROS 2 installation that the calling shell has sourced."""

from dataclasses import dataclass
import importlib.util
import os
from pathlib import Path
import subprocess
import sys
import sysconfig

from setup_environment.reporting import SetupError
from setup_environment.reporting import warn

_RUNTIME_MODULES = (
    *('numpy', 'cv2', 'PIL', 'yaml', 'tabulate', 'tqdm', 'torch', 'torchvision', 'safetensors'),
)
_OPTIONAL_MODULES = {
    'the simulator and `make demo`': ('mujoco', 'OpenGL', 'rosbags'),
    'plots and `surgseg benchmark`': ('matplotlib', 'psutil'),
    '`make test`': ('pytest', 'pytest_timeout', 'xdist', 'hypothesis', 'ruff', 'mypy'),
}


@dataclass(frozen=True)
class SourcedRos:
    """
    A sourced ROS 2.

    :param distribution: its name, such as ``jazzy``; empty if the environment does not tell
    :param prefixes: the installation prefixes of ``AMENT_PREFIX_PATH``, in its order
    """

    distribution: str
    prefixes: tuple[str, ...]


def find_sourced_ros(checkout: Path) -> SourcedRos | None:
    """
    Return the ROS 2 that the calling shell has sourced, None if there is none.

    :param checkout: root directory of the checkout, whose own environment does not count
    :raises SetupError: if a ROS 2 is sourced but this Python cannot use it
    """
    distribution = os.environ.get('ROS_DISTRO', '')
    entries = os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep)
    prefixes = tuple(
        entry for entry in entries if entry and not Path(entry).is_relative_to(checkout)
    )
    has_rclpy = any(
        (Path(prefix) / 'share' / 'rclpy' / 'package.xml').is_file() for prefix in prefixes
    )
    if not distribution and not has_rclpy:
        return None
    if not _can_import_rclpy():
        raise SetupError(
            f"ROS 2 '{distribution or prefixes[0]}' is sourced, but {sys.executable} (Python "
            f'{sysconfig.get_python_version()}) cannot import its rclpy. Put the Python of ROS '
            'first on PATH (usually /usr/bin), or start a shell that has not sourced ROS to build '
            'a private environment'
        )
    return SourcedRos(distribution, prefixes)


def check_python_packages(checkout: Path) -> None:
    """
    Check the Python packages that rosdep and pip have to provide beside ROS.

    :raises SetupError: if one is missing that the nodes need; the others are warnings
    """
    remedy = (
        '\n    rosdep install --from-paths . --ignore-src -y'
        f'\n    python3 -m pip install -r {checkout / "requirements" / "beside-ros.txt"}'
        '\n(pip refuses on a Python managed by the distribution; then make an environment first:'
        '\n`python3 -m venv --system-site-packages ~/surgseg && source ~/surgseg/bin/activate`)'
    )
    missing = _find_missing(_RUNTIME_MODULES)
    if missing:
        raise SetupError(
            f'missing Python modules: {", ".join(missing)}. Install them with:{remedy}'
        )
    for purpose, modules in _OPTIONAL_MODULES.items():
        missing = _find_missing(modules)
        if missing:
            warn(f'missing Python modules for {purpose}: {", ".join(missing)}. Remedy:{remedy}')


def _find_missing(modules: tuple[str, ...]) -> list[str]:
    return [module for module in modules if importlib.util.find_spec(module) is None]


def _can_import_rclpy() -> bool:
    command = [sys.executable, '-c', 'import rclpy']
    return subprocess.run(command, check=False, capture_output=True).returncode == 0
