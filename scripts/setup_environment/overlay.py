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


"""The overlay workspace: messages, executables and shared files, built by colcon."""

from collections.abc import Iterator
from collections.abc import Mapping
import configparser
from pathlib import Path
import shutil
import subprocess

from setup_environment.reporting import say
from setup_environment.reporting import SetupError
from setup_environment.stamps import describe_contents
from setup_environment.stamps import digest_of
from setup_environment.stamps import Stamp

PACKAGE = 'surgseg_ros'

_BUILD_FILES = ('CMakeLists.txt', 'package.xml', 'setup.cfg', f'{PACKAGE}/__init__.py')
_LINKED_DIRECTORIES = (PACKAGE, 'launch', 'config')


class Overlay:
    """
    The workspace ``.workspace`` of a checkout.

    Python modules, launch files and configuration are installed as links, so edits need no new
    build; new files, messages and the build files do.

    :param checkout: root directory of the checkout
    """

    def __init__(self, checkout: Path) -> None:
        self.workspace = checkout / '.workspace'
        self.prefix = self.workspace / 'install' / PACKAGE
        self._checkout = checkout
        self._stamp = Stamp(self.workspace / 'built')

    def is_built(self, underlay: str) -> bool:
        """Return whether the workspace is built from the present files on this underlay."""
        return self._stamp.matches(self._digest(underlay))

    def build(self, underlay: str, colcon: list[str], environment: Mapping[str, str]) -> None:
        """
        Build the package.

        :param underlay: a digest of what the workspace is built on
        :param colcon: the command that starts colcon
        :param environment: the environment colcon runs in
        :raises SetupError: if the build fails
        """
        previous = Stamp(self.workspace / 'underlay')
        if not (self._stamp.exists() and previous.matches(underlay)):
            self._remove_products()
        self._stamp.remove()
        digest = self._digest(underlay)
        previous.write(underlay)
        command = [
            *colcon,
            *('--log-base', str(self.workspace / 'log'), 'build', '--symlink-install'),
            *('--base-paths', str(self._checkout), '--packages-select', PACKAGE),
            *('--build-base', str(self.workspace / 'build')),
            *('--install-base', str(self.workspace / 'install')),
            *('--cmake-args', '-DBUILD_TESTING=OFF', '--no-warn-unused-cli'),
        ]
        result = subprocess.run(
            command,
            check=False,
            stdin=subprocess.DEVNULL,
            env=environment,
            cwd=self._checkout,
            close_fds=False,
        )
        if result.returncode != 0:
            raise SetupError(
                'colcon could not build the package; see the messages above and '
                f'{self.workspace / "log" / "latest"}'
            )
        self._remove_dangling_links()
        self._stamp.write(digest)

    def read_entry_points(self) -> dict[str, str]:
        """Return ``module:function`` by executable name, as ``setup.cfg`` lists them."""
        parser = configparser.ConfigParser()
        parser.read(self._checkout / 'setup.cfg', encoding='utf-8')
        lines = parser['options.entry_points']['console_scripts'].split('\n')
        pairs = (line.split('=') for line in lines if line.strip())
        return {name.strip(): target.strip() for name, target in pairs}

    def _digest(self, underlay: str) -> str:
        build_files = [self._checkout / name for name in _BUILD_FILES]
        for interface in ('msg', 'srv'):
            build_files += (self._checkout / interface).glob(f'*.{interface}')
        return digest_of(
            [underlay, *describe_contents(self._checkout, build_files), *self._list_linked_files()]
        )

    def _list_linked_files(self) -> Iterator[str]:
        for name in _LINKED_DIRECTORIES:
            for path in sorted((self._checkout / name).rglob('*')):
                if path.is_file() and '__pycache__' not in path.parts:
                    yield str(path.relative_to(self._checkout))

    def _remove_products(self) -> None:
        for name in ('build', 'install'):
            path = self.workspace / name
            if path.exists():
                say(f'  removing {path.name}/ of an incomplete or different build')
                shutil.rmtree(path)

    def _remove_dangling_links(self) -> None:
        """Remove the links to files that the checkout does not have any more."""
        for path in self.prefix.rglob('*'):
            if path.is_symlink() and not path.exists():
                path.unlink()
