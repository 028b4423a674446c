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
Set up the environment of surgseg_ros.

With a sourced ROS 2 the package is built on top of it. Without one, a private virtual environment
is made from pinned PyPI wheels (rclpy, Fast DDS, the message generators, colcon, PyTorch, MuJoCo).
Either way the package is built into `.workspace/` of the checkout. What is complete is left alone.
"""

import argparse
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
import fcntl
import os
from pathlib import Path
import shutil
import sys
import sysconfig

from setup_environment import sourced_ros
from setup_environment import system_packages
from setup_environment import wheel_environment
from setup_environment.overlay import Overlay
from setup_environment.reporting import say
from setup_environment.reporting import SetupError
from setup_environment.reporting import Steps
from setup_environment.stamps import digest_of
from setup_environment.wheel_environment import WheelEnvironment

_CHECKOUT = Path(__file__).resolve().parents[2]

_FOREIGN_VARIABLES = (
    *('AMENT_PREFIX_PATH', 'CMAKE_PREFIX_PATH', 'COLCON_PREFIX_PATH', 'LD_LIBRARY_PATH'),
    *('PYTHONHOME', 'PYTHONPATH', '_ROS_WHEELS_BOOTSTRAP_COMPLETE'),
)


def main(args: Sequence[str] | None = None) -> int:
    """Set up the environment and return the exit status."""
    parser = argparse.ArgumentParser(
        prog='scripts/setup.sh',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        '--brief', action='store_true', help='print nothing when everything is in place'
    )
    parser.add_argument('--rebuild', action='store_true', help='run colcon in any case')
    options = parser.parse_args(args)
    try:
        with _only_one_setup(_CHECKOUT / '.workspace'):
            _set_up(options.brief, options.rebuild)
    except SetupError as error:
        sys.stdout.flush()
        print(f'setup: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('setup: interrupted; run it again to go on', file=sys.stderr)
        return 130
    return 0


def _set_up(brief: bool, rebuild: bool) -> None:
    overlay = Overlay(_CHECKOUT)
    ros = sourced_ros.find_sourced_ros(_CHECKOUT)
    if ros is None:
        changed = _set_up_on_wheels(overlay, rebuild)
        activation = 'source .venv/bin/activate'
    else:
        changed = _set_up_on_ros(ros, overlay, rebuild)
        activation = 'source .workspace/install/setup.bash'
    if changed or not brief:
        _print_next_commands(activation, changed)


def _set_up_on_wheels(overlay: Overlay, rebuild: bool) -> bool:
    """Build whatever is not up to date; return whether there was anything."""
    environment = WheelEnvironment(_CHECKOUT, overlay.prefix)
    graphics = system_packages.find_missing_graphics()
    up_to_date = environment.is_installed and overlay.is_built(environment.digest)
    if up_to_date and not rebuild:
        system_packages.install(graphics)
        return False

    steps = Steps(4)
    steps.begin('System packages: compiler, CMake, off-screen OpenGL')
    wheel_environment.check_platform()
    system_packages.install(
        [
            *system_packages.find_missing_build_tools(),
            *system_packages.find_missing_python_parts(),
            *graphics,
        ]
    )
    steps.begin(f'Virtual environment .venv (Python {sysconfig.get_python_version()})')
    if not environment.is_created:
        environment.create()
    steps.begin('Python packages: ROS 2 Kilted, PyTorch, MuJoCo, tools (about 2 GB on disk)')
    if not environment.is_installed:
        environment.install()
        environment.complete()
    steps.begin('Overlay workspace .workspace (messages and executables, about 20 s)')
    variables = {key: value for key, value in os.environ.items() if key not in _FOREIGN_VARIABLES}
    variables['PATH'] = os.pathsep.join(
        [str(environment.python.parent), os.environ.get('PATH', os.defpath)]
    )
    variables['VIRTUAL_ENV'] = str(environment.prefix)
    overlay.build(environment.digest, [str(environment.prefix / 'bin' / 'colcon')], variables)
    environment.write_console_scripts(overlay.read_entry_points())
    _write_activation(overlay, f'source "{environment.prefix}/bin/activate"')
    say(f'Done in {steps.elapsed():.0f} s.')
    return True


def _set_up_on_ros(ros: sourced_ros.SourcedRos, overlay: Overlay, rebuild: bool) -> bool:
    """Build the overlay unless it is up to date; return whether there was anything to do."""
    sourced_ros.check_python_packages(_CHECKOUT)
    underlay = digest_of([sys.executable, ros.distribution, *ros.prefixes])
    if overlay.is_built(underlay) and not rebuild:
        return False
    steps = Steps(2)
    steps.begin('System packages: compiler, CMake, off-screen OpenGL')
    system_packages.install(
        system_packages.find_missing_build_tools() + system_packages.find_missing_graphics()
    )
    colcon = shutil.which('colcon')
    if colcon is None:
        raise SetupError(
            'colcon is missing; install it: sudo apt-get install python3-colcon-common-extensions'
        )
    steps.begin(f'Overlay workspace .workspace on ROS 2 {ros.distribution} (about 20 s)')
    overlay.build(underlay, [colcon], os.environ)
    setup_file = overlay.workspace / 'install' / 'local_setup.bash'
    _write_activation(overlay, f'source "{setup_file}"')
    say(f'Done in {steps.elapsed():.0f} s.')
    return True


def _write_activation(overlay: Overlay, command: str) -> None:
    """Tell ``run.sh`` how to enter the environment."""
    (overlay.workspace / 'activate.bash').write_text(command + '\n', encoding='utf-8')


def _print_next_commands(activation: str, changed: bool) -> None:
    if not changed:
        say('Everything is set up; nothing to do.')
    say(
        'Next:\n'
        '  make demo     simulated stereo endoscope, segmentation and a recording of both\n'
        '  make test     style checks and all tests\n'
        f'  {activation}     and then: surgseg --help'
    )


@contextmanager
def _only_one_setup(workspace: Path) -> Iterator[None]:
    """Wait until no other setup of this checkout runs, its child processes included."""
    workspace.mkdir(exist_ok=True)
    with (workspace / 'lock').open('w') as lock:
        # pip or colcon may outlive a killed setup: they inherit the lock and keep it.
        os.set_inheritable(lock.fileno(), True)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say('Waiting for another setup of this checkout to finish ...')
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


if __name__ == '__main__':
    sys.exit(main())
