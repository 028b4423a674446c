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


"""Repair of the CMake exports that ROS wheels carry."""

from pathlib import Path
import re

_BUILD_MACHINE_PATH = re.compile(
    r'/opt/(?:python|_internal)/[^/;"\s]+/'
    r'(?:(?P<include>include/python[0-9.]+t?)|lib/python[0-9.]+t?/site-packages)'
)


def repair_cmake_exports(prefix: Path, include: Path, site_packages: Path) -> int:
    """
    Point the exports of all message packages to the Python of this environment.

    The wheels of ROS message packages name the Python of the machine that built them, so CMake
    finds neither ``Python.h`` nor NumPy. Repeat it after every installation of ROS wheels.

    :param prefix: the virtual environment
    :param include: the directory of ``Python.h``
    :param site_packages: the directory of the environment's Python packages
    :return: number of files changed
    """
    changed = 0
    for path in (prefix / 'share').glob('*/cmake/*.cmake'):
        before = path.read_text(encoding='utf-8')
        after = _BUILD_MACHINE_PATH.sub(
            lambda match: str(include if match['include'] else site_packages), before
        )
        if after != before:
            path.write_text(after, encoding='utf-8')
            changed += 1
    return changed
