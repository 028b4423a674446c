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


"""Tests of the private virtual environment's upkeep."""

from pathlib import Path

import pytest

from setup_environment.reporting import SetupError
from setup_environment.wheel_environment import describe_progress
from setup_environment.wheel_environment import remove_partial_packages
from setup_environment.wheel_environment import WheelEnvironment

CHECKOUT = Path(__file__).resolve().parents[2]


def test_packages_without_record_are_removed(tmp_path):
    whole = tmp_path / 'whole-1.0.dist-info'
    partial = tmp_path / 'partial-1.0.dist-info'
    put_aside = tmp_path / '~umpy'
    for path in (whole, partial, put_aside):
        path.mkdir()
        (path / 'METADATA').touch()
    (whole / 'RECORD').touch()

    assert remove_partial_packages(tmp_path) == ['partial-1.0.dist-info', '~umpy']
    assert sorted(path.name for path in tmp_path.iterdir()) == ['whole-1.0.dist-info']


@pytest.mark.parametrize(
    ('line', 'shown'),
    [
        ('  Downloading torch-2.13.0-cp311.whl (190.2 MB)', 'torch-2.13.0-cp311.whl (190.2 MB)'),
        ('  Downloading tqdm-4.70.1-py3-none-any.whl (78 kB)', None),
        ('Collecting torch==2.13.0', None),
        ('Installing collected packages: a, b, c', 'installing 3 packages ...'),
        ('ERROR: No matching distribution found', 'ERROR: No matching distribution found'),
    ],
)
def test_progress_shows_what_takes_time(line, shown):
    assert describe_progress(line) == shown


def make_environment(checkout: Path) -> WheelEnvironment:
    (checkout / 'requirements').symlink_to(CHECKOUT / 'requirements')
    return WheelEnvironment(checkout, checkout / 'overlay')


def test_an_environment_of_the_user_is_left_alone(tmp_path):
    environment = make_environment(tmp_path)
    (tmp_path / '.venv').mkdir()
    (tmp_path / '.venv' / 'precious').touch()
    with pytest.raises(SetupError, match='was not made by `make setup`'):
        environment.create()
    assert (tmp_path / '.venv' / 'precious').exists()


def test_console_scripts_come_and_go(tmp_path):
    environment = make_environment(tmp_path)
    (tmp_path / '.venv' / 'bin').mkdir(parents=True)
    (tmp_path / '.venv' / '.surgseg_ros').mkdir()
    environment.write_console_scripts({'old': 'package.old:main', 'kept': 'package.kept:run'})
    environment.write_console_scripts({'kept': 'package.kept:run'})

    names = {path.name for path in (tmp_path / '.venv' / 'bin').iterdir()}
    assert names == {'kept'}
    script = tmp_path / '.venv' / 'bin' / 'kept'
    assert script.stat().st_mode & 0o111 == 0o111
    assert 'from package.kept import run' in script.read_text()


def test_digest_follows_the_requirement_files(tmp_path):
    requirements = tmp_path / 'requirements'
    requirements.mkdir()
    for path in (CHECKOUT / 'requirements').iterdir():
        (requirements / path.name).write_bytes(path.read_bytes())
    environment = WheelEnvironment(tmp_path, tmp_path / 'overlay')
    before = environment.digest
    assert environment.digest == before
    with (requirements / 'runtime.txt').open('a') as file:
        file.write('another==1.0\n')
    assert environment.digest != before
