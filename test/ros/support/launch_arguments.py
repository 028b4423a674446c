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
Print what launch files declare, where ROS 2 launch is not installed: its modules are stand-ins.

A program, because the stand-ins must not stay in the process of the tests.
"""

from pathlib import Path
import runpy
import sys
from typing import NamedTuple
from unittest.mock import MagicMock

CHECKOUT = Path(__file__).resolve().parents[3]
MODULES = (
    *('launch', 'launch.actions', 'launch.conditions', 'launch.launch_description_sources'),
    *('launch.substitutions', 'launch_ros', 'launch_ros.actions'),
    *('launch_ros.parameter_descriptions', 'ament_index_python', 'ament_index_python.packages'),
)


class Argument(NamedTuple):
    """Takes the place of ``DeclareLaunchArgument``."""

    name: str
    default_value: str | None = None
    description: str | None = None
    choices: list[str] | None = None

    def __str__(self) -> str:
        settings = [
            f'{key}={value!r}'.replace(str(CHECKOUT), '<share>')
            for key, value in (('default_value', self.default_value), ('choices', self.choices))
            if value is not None
        ]
        return f'{self.name}: {", ".join(settings) or "required"}\n    {self.description}'


def main() -> None:
    """Print the arguments of every launch file of the checkout in their order."""
    sys.modules.update({name: MagicMock() for name in MODULES})
    sys.modules['launch'].LaunchDescription = list
    sys.modules['launch.actions'].DeclareLaunchArgument = Argument
    packages = sys.modules['ament_index_python.packages']
    packages.get_package_share_directory = lambda package: str(CHECKOUT)
    for path in sorted((CHECKOUT / 'launch').glob('*.launch.py')):
        print(path.name)
        for entity in runpy.run_path(str(path))['generate_launch_description']():
            if isinstance(entity, Argument):
                print(f'  {entity}')


if __name__ == '__main__':
    main()
