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


"""The private virtual environment: ROS 2 and everything else from pinned PyPI wheels."""

from collections.abc import Sequence
from pathlib import Path
import platform
import re
import shutil
import subprocess
import sys
import sysconfig

from setup_environment import interpreter_start
from setup_environment.cmake_exports import repair_cmake_exports
from setup_environment.reporting import say
from setup_environment.reporting import SetupError
from setup_environment.stamps import describe_contents
from setup_environment.stamps import digest_of
from setup_environment.stamps import Stamp

_REQUIREMENTS = ('ros-kilted', 'runtime', 'simulation', 'training', 'dev')
_CONSTRAINTS = 'constraints'

_LOCAL_SETUP = """\
# Makes this virtual environment a ROS 2 underlay. Sourced by hand, or by the setup files that
# colcon generates (they set COLCON_CURRENT_PREFIX).
_prefix="${COLCON_CURRENT_PREFIX:-@PREFIX@}"
case ":$PATH:" in *":$_prefix/bin:"*) ;; *) PATH="$_prefix/bin:$PATH" ;; esac
case ":$AMENT_PREFIX_PATH:" in
  *":$_prefix:"*) ;;
  *) AMENT_PREFIX_PATH="$_prefix${AMENT_PREFIX_PATH:+:$AMENT_PREFIX_PATH}" ;;
esac
case ":$CMAKE_PREFIX_PATH:" in
  *":$_prefix:"*) ;;
  *) CMAKE_PREFIX_PATH="$_prefix${CMAKE_PREFIX_PATH:+:$CMAKE_PREFIX_PATH}" ;;
esac
export PATH AMENT_PREFIX_PATH CMAKE_PREFIX_PATH
unset _prefix
"""

# The start of file is what `sh` runs: a shebang line cannot hold a long path or one with spaces.
_CONSOLE_SCRIPT = """\
#!/bin/sh
'''exec' "{python}" "$0" "$@"
' '''
import sys

from {module} import {function}

if __name__ == '__main__':  # which is not so in the processes that it spawns
    sys.exit({function}())
"""


class WheelEnvironment:
    """
    The virtual environment ``.venv`` of a checkout, made with the running Python.

    :param checkout: root directory of the checkout
    :param overlay: where the package will be installed
    """

    def __init__(self, checkout: Path, overlay: Path) -> None:
        self.prefix = checkout / '.venv'
        self.python = self.prefix / 'bin' / 'python'
        self.site_packages = Path(
            sysconfig.get_path(
                'purelib',
                'posix_prefix',
                {'base': str(self.prefix), 'platbase': str(self.prefix)},
            )
        )
        self._checkout = checkout
        self._overlay = overlay
        self._state = self.prefix / '.surgseg_ros'
        self._created = Stamp(self._state / 'created')
        self._installed = Stamp(self._state / 'installed')

    @property
    def is_created(self) -> bool:
        """Whether the virtual environment itself is complete and made for this place."""
        return self._created.matches(self._identity) and self.python.exists()

    @property
    def is_installed(self) -> bool:
        """Whether all packages of the requirement files are installed."""
        return self.is_created and self._installed.matches(self.digest)

    @property
    def digest(self) -> str:
        """A digest of everything the environment's contents depend on."""
        files = [self._requirements(name) for name in (*_REQUIREMENTS, _CONSTRAINTS)]
        return digest_of([self._identity, *describe_contents(self._checkout, files)])

    def create(self) -> None:
        """
        Make the empty virtual environment, in place of an incomplete or moved one.

        :raises SetupError: if ``.venv`` is not ours or cannot be made
        """
        if self.prefix.exists() and not self._state.is_dir():
            raise SetupError(
                f'{self.prefix} exists and was not made by `make setup`; move it away or delete it'
            )
        if self.prefix.exists():
            say('  removing an incomplete or moved .venv')
            shutil.rmtree(self.prefix)
        self._state.mkdir(parents=True)
        command = [sys.executable, '-m', 'venv', str(self.prefix)]
        if subprocess.run(command, check=False, stdin=subprocess.DEVNULL).returncode != 0:
            raise SetupError('could not make the virtual environment; see the messages above')
        # `setup.sh` goes on with this Python, whichever comes first on PATH later.
        (self._state / 'base_python').write_text(sys.executable + '\n', encoding='utf-8')
        self._created.write(self._identity)

    def install(self) -> None:
        """
        Install the packages of all requirement files, after repairing a killed installation.

        :raises SetupError: if pip fails
        """
        self._installed.remove()
        for name in remove_partial_packages(self.site_packages):
            say(f'  removed a partly installed package: {name}')
        arguments = [f'--requirement={self._requirements(name)}' for name in _REQUIREMENTS]
        arguments.append(f'--constraint={self._requirements(_CONSTRAINTS)}')
        pip = [str(self.python), '-m', 'pip', '--disable-pip-version-check', '--no-input']
        log = self._state / 'pip.log'
        if not _run_pip([*pip, 'install', *arguments], log):
            raise SetupError(
                f'pip could not install the Python packages; its messages are in {log}. Is the '
                'package index reachable? Run `make setup` again to go on where it stopped'
            )

    def complete(self) -> None:
        """Make the installed wheels a ROS environment and record that all is in place."""
        include = Path(sysconfig.get_path('include'))
        repaired = repair_cmake_exports(self.prefix, include, self.site_packages)
        say(f'  {repaired} CMake exports repaired')
        for name in ('local_setup.sh', 'local_setup.bash'):
            text = _LOCAL_SETUP.replace('@PREFIX@', str(self.prefix))
            (self.prefix / name).write_text(text, encoding='utf-8')
        self._write_interpreter_start()
        self._installed.write(self.digest)

    def write_console_scripts(self, entry_points: dict[str, str]) -> None:
        """
        Put the executables of the package on the environment's PATH.

        :param entry_points: ``module:function`` by executable name
        """
        listing = self._state / 'console_scripts'
        previous = listing.read_text(encoding='utf-8').split() if listing.is_file() else []
        for name in set(previous) - set(entry_points):
            (self.prefix / 'bin' / name).unlink(missing_ok=True)
        for name, target in entry_points.items():
            module, function = target.split(':')
            path = self.prefix / 'bin' / name
            text = _CONSOLE_SCRIPT.format(python=self.python, module=module, function=function)
            path.write_text(text, encoding='utf-8')
            path.chmod(0o755)
        listing.write_text('\n'.join(entry_points) + '\n', encoding='utf-8')

    @property
    def _identity(self) -> str:
        return digest_of([str(self.prefix), sys.executable, sysconfig.get_python_version()])

    def _requirements(self, name: str) -> Path:
        return self._checkout / 'requirements' / f'{name}.txt'

    def _write_interpreter_start(self) -> None:
        module = 'surgseg_ros_interpreter_start'
        shutil.copyfile(interpreter_start.__file__, self.site_packages / f'{module}.py')
        package_path = self._overlay / self.site_packages.relative_to(self.prefix)
        call = f'import {module}; {module}.complete_environment({str(self._overlay)!r})'
        # The name sorts before `ros_wheels_bootstrapper.pth`, which restarts Python.
        path = self.site_packages / '_surgseg_ros_overlay.pth'
        path.write_text(f'{package_path}\n{call}\n', encoding='utf-8')


def check_platform() -> None:
    """
    Check that ROS wheels exist for this machine.

    :raises SetupError: if they do not
    """
    if sys.platform != 'linux' or platform.machine() != 'x86_64':
        raise SetupError(
            'PyPI has ROS 2 wheels for Linux on x86_64 only, this is '
            f'{platform.system()} on {platform.machine()}. Install ROS 2 itself, source its '
            'setup.bash and run `make setup` again'
        )


def remove_partial_packages(site_packages: Path) -> list[str]:
    """
    Remove the metadata of packages whose installation was killed, so that pip repeats it.

    pip writes RECORD last, so metadata without one describe a package that is not complete.
    Names that start with ``~`` are what pip put aside when it replaced a package.

    :return: names of what was removed
    """
    partial = [
        path for path in site_packages.glob('*.dist-info') if not (path / 'RECORD').is_file()
    ]
    partial += site_packages.glob('~*')
    for path in partial:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return sorted(path.name for path in partial)


def _run_pip(command: Sequence[str], log: Path) -> bool:
    """Run pip, show what takes time, log everything; return whether it succeeded."""
    with (
        log.open('w', encoding='utf-8') as log_file,
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            close_fds=False,
        ) as pip,
    ):
        assert pip.stdout is not None
        for line in pip.stdout:
            log_file.write(line)
            progress = describe_progress(line)
            if progress:
                say(f'  {progress}')
    return pip.returncode == 0


def describe_progress(line: str) -> str | None:
    """Return what a user wants to see of a line that pip prints, None for nothing."""
    if line.startswith('ERROR:'):
        return line.strip()
    if line.startswith('Installing collected packages:'):
        return f'installing {line.count(",") + 1} packages ...'
    download = re.match(r'\s+(?:Downloading|Using cached) (\S+) \(([0-9.]+ [MG]B)\)', line)
    return f'{Path(download[1]).name} ({download[2]})' if download else None
