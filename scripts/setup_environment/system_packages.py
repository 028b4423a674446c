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


"""System packages: what is missing, and its installation through apt."""

from collections.abc import Sequence
import ctypes.util
from dataclasses import dataclass
import importlib.util
import os
from pathlib import Path
import shutil
import subprocess
import sysconfig

from setup_environment.reporting import say
from setup_environment.reporting import SetupError
from setup_environment.reporting import warn

_EGL_VENDOR_DIRECTORIES = (Path('/usr/share/glvnd/egl_vendor.d'), Path('/etc/glvnd/egl_vendor.d'))
_APT_LISTS = Path('/var/lib/apt/lists')


@dataclass(frozen=True)
class Need:
    """
    One thing the operating system has to provide.

    :param purpose: what it is needed for
    :param packages: alternative sets of Debian packages; the first that apt knows is installed
    :param required: False if only part of surgseg_ros needs it
    """

    purpose: str
    packages: tuple[tuple[str, ...], ...]
    required: bool = True

    def __str__(self) -> str:
        """Return the purpose and the preferred packages."""
        return f'{" ".join(self.packages[0])} ({self.purpose})'


def find_missing_build_tools() -> list[Need]:
    """Return what the build of the messages needs and this machine lacks."""
    missing = []
    if not shutil.which('c++') or not shutil.which('cc'):
        missing.append(Need('C and C++ compiler', (('gcc', 'g++'),)))
    if not shutil.which('make'):
        missing.append(Need('build tool', (('make',),)))
    if not shutil.which('cmake'):
        missing.append(Need('CMake', (('cmake',),)))
    return missing


def find_missing_python_parts() -> list[Need]:
    """Return what this Python lacks to make a virtual environment and to compile against it."""
    version = sysconfig.get_python_version()
    missing = []
    if importlib.util.find_spec('venv') is None or importlib.util.find_spec('ensurepip') is None:
        missing.append(Need('virtual environments', ((f'python{version}-venv',),)))
    if not (Path(sysconfig.get_path('include')) / 'Python.h').is_file():
        missing.append(Need('C headers of Python', ((f'python{version}-dev',),)))
    return missing


def find_missing_graphics() -> list[Need]:
    """Return the off-screen OpenGL the simulator needs, unless this machine has one."""
    if ctypes.util.find_library('OSMesa') or _has_egl():
        return []
    osmesa = ('libosmesa6',)
    egl = ('libegl1', 'libegl-mesa0', 'libgl1-mesa-dri', 'libopengl0')
    return [Need('off-screen OpenGL of the simulator', (osmesa, egl), required=False)]


def _has_egl() -> bool:
    libraries = all(ctypes.util.find_library(name) for name in ('EGL', 'OpenGL'))
    return libraries and any(any(path.glob('*.json')) for path in _EGL_VENDOR_DIRECTORIES)


def install(needs: Sequence[Need]) -> None:
    """
    Install what is missing, or say exactly what the user has to install.

    :raises SetupError: if something required is missing and cannot be installed from here
    """
    if not needs:
        return
    prefix = _find_apt_prefix()
    if prefix is None:
        _explain(needs, 'this user may not install packages (neither root nor password-less sudo)')
        return
    say(f'  installing with apt-get: {", ".join(map(str, needs))}')
    failed = [need for need in needs if not _install_one(prefix, need)]
    if failed:
        _explain(failed, 'apt-get failed')


def _find_apt_prefix() -> list[str] | None:
    """Return what to put before ``apt-get``, or None if packages cannot be installed."""
    if not shutil.which('apt-get'):
        return None
    if os.geteuid() == 0:
        return []
    if shutil.which('sudo') and _succeeds(['sudo', '--non-interactive', 'true'], quiet=True):
        return ['sudo', '--non-interactive']
    return None


def _install_one(prefix: Sequence[str], need: Need) -> bool:
    if not any(_APT_LISTS.glob('*_Packages*')):
        _succeeds([*prefix, 'apt-get', 'update'])
    if any(_apt_install(prefix, packages) for packages in need.packages):
        return True
    # Lists that are too old name packages that no mirror has any more.
    _succeeds([*prefix, 'apt-get', 'update'])
    return any(_apt_install(prefix, packages) for packages in need.packages)


def _apt_install(prefix: Sequence[str], packages: Sequence[str]) -> bool:
    options = ('install', '--yes', '--no-install-recommends', '-qq')
    environment = ('env', 'DEBIAN_FRONTEND=noninteractive')
    return _succeeds([*prefix, *environment, 'apt-get', *options, *packages])


def _succeeds(command: Sequence[str], quiet: bool = False) -> bool:
    output = subprocess.DEVNULL if quiet else None
    result = subprocess.run(
        command, check=False, stdin=subprocess.DEVNULL, stdout=output, stderr=output
    )
    return result.returncode == 0


def _explain(needs: Sequence[Need], reason: str) -> None:
    packages = ' '.join(package for need in needs for package in need.packages[0])
    remedy = (
        f'missing on this machine: {", ".join(map(str, needs))}; {reason}. Install with:\n'
        f'    sudo apt-get install {packages}\n'
        '(on another distribution: the packages of the same content), then run `make setup` again'
    )
    if any(need.required for need in needs):
        raise SetupError(remedy)
    warn(remedy)
