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
Build for ``pip install .``.

With ROS 2 at hand CMake builds the messages too and the result is a platform wheel; without it the
package is pure Python. ``colcon build`` does not come here, because ``package.xml`` says
``ament_cmake``. Metadata and executables of both are in ``setup.cfg``.
"""

import os
from pathlib import Path
import shutil
import subprocess
import sys

from setuptools import Distribution
from setuptools import setup
from setuptools.command.build_py import build_py

_PACKAGE = 'surgseg_ros'
_SOURCE = Path(__file__).resolve().parent
_PREFIX_PATH = os.environ.get('AMENT_PREFIX_PATH') or sys.prefix


def _has_message_generators() -> bool:
    return any(
        (Path(prefix) / 'share' / 'rosidl_default_generators').is_dir()
        for prefix in _PREFIX_PATH.split(os.pathsep)
    )


class RosDistribution(Distribution):
    """A distribution that is bound to a platform if it contains compiled messages."""

    def has_ext_modules(self) -> bool:
        """Return whether there are compiled parts."""
        return _has_message_generators()


class BuildWithMessages(build_py):
    """Build step that adds what CMake makes: messages, libraries and shared files."""

    def run(self) -> None:
        """Copy the Python package, then add the messages if they can be generated."""
        super().run()
        if not _has_message_generators() or self.editable_mode:
            return
        work = Path(self.get_finalized_command('build').build_temp).resolve() / 'ament'
        prefix = work / 'prefix'
        _build_with_cmake(work / 'build', prefix)
        shutil.copytree(
            next(prefix.glob(f'**/*-packages/{_PACKAGE}')),
            Path(self.build_lib) / _PACKAGE,
            dirs_exist_ok=True,
            ignore=shutil.ignore_patterns('__pycache__', '*.c'),
        )
        self.distribution.data_files = _list_shared_files(prefix)


def _build_with_cmake(build: Path, prefix: Path) -> None:
    # The isolated build of pip reaches child processes by PYTHONPATH and would hide the real
    # environment, with NumPy and the generators, from CMake.
    environment = {key: value for key, value in os.environ.items() if key != 'PYTHONPATH'}
    environment['AMENT_PREFIX_PATH'] = _PREFIX_PATH
    environment.setdefault('CMAKE_PREFIX_PATH', _PREFIX_PATH)
    configure = [
        *('cmake', '-S', str(_SOURCE), '-B', str(build), '-DBUILD_TESTING=OFF'),
        *(f'-DCMAKE_INSTALL_PREFIX={prefix}', f'-DPython3_EXECUTABLE={sys.executable}'),
    ]
    install = ['cmake', '--build', str(build), '--target', 'install', '--parallel']
    for command in (configure, install):
        subprocess.run(command, check=True, env=environment)


def _list_shared_files(prefix: Path) -> list[tuple[str, list[str]]]:
    """Return what lies in ``lib`` and ``share`` beside the Python package, by directory."""
    shared: dict[str, list[str]] = {}
    for path in prefix.rglob('*'):
        parts = path.relative_to(prefix).parts
        is_python = any(part.endswith('-packages') for part in parts)
        if path.is_file() and parts[0] in ('lib', 'share') and not is_python:
            directory = str(Path(*parts[:-1]))
            shared.setdefault(directory, []).append(os.path.relpath(path, _SOURCE))
    return list(shared.items())


setup(distclass=RosDistribution, cmdclass={'build_py': BuildWithMessages})
