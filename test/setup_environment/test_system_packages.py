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


"""Tests of what setup does about missing system packages."""

import os
from pathlib import Path

import pytest

from setup_environment import system_packages
from setup_environment.reporting import SetupError
from setup_environment.system_packages import Need

COMPILER = Need('compiler', (('gcc', 'g++'),))
GRAPHICS = Need('graphics', (('libfirst',), ('libsecond',)), required=False)


def write_program(directory: Path, name: str, script: str) -> None:
    path = directory / name
    path.write_text(f'#!/bin/sh\n{script}\n')
    path.chmod(0o755)


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """Return a directory that is all of PATH, with nothing in it."""
    directory = tmp_path / 'programs'
    directory.mkdir()
    monkeypatch.setenv('PATH', str(directory))
    return directory


def test_empty_machine_lacks_all_build_tools(programs):
    packages = [need.packages[0] for need in system_packages.find_missing_build_tools()]
    assert packages == [('gcc', 'g++'), ('make',), ('cmake',)]


def test_present_tools_are_not_missing(programs):
    for name in ('cc', 'c++', 'make', 'cmake'):
        write_program(programs, name, 'exit 0')
    assert system_packages.find_missing_build_tools() == []


def test_without_apt_the_user_learns_what_to_install(programs):
    with pytest.raises(SetupError, match='sudo apt-get install gcc g\\+\\+ libfirst'):
        system_packages.install([COMPILER, GRAPHICS])


def test_optional_packages_only_warn(programs, capsys):
    system_packages.install([GRAPHICS])
    assert 'sudo apt-get install libfirst' in capsys.readouterr().err


def test_refused_sudo_means_no_permission(programs, monkeypatch):
    monkeypatch.setattr(os, 'geteuid', lambda: 1000)
    write_program(programs, 'apt-get', 'exit 0')
    write_program(programs, 'sudo', 'exit 1')
    with pytest.raises(SetupError, match='neither root nor password-less sudo'):
        system_packages.install([COMPILER])


def test_sudo_installs_the_first_set_apt_knows(programs, monkeypatch, tmp_path):
    monkeypatch.setattr(os, 'geteuid', lambda: 1000)
    log = tmp_path / 'log'
    write_program(programs, 'env', 'shift; exec "$@"')
    write_program(programs, 'true', 'exit 0')
    write_program(programs, 'sudo', 'shift; exec "$@"')
    write_program(
        programs,
        'apt-get',
        f'echo "$*" >> {log}; case "$*" in *libfirst*) exit 100 ;; esac',
    )
    system_packages.install([GRAPHICS])
    assert log.read_text().splitlines()[-1].endswith('-qq libsecond')


def test_failing_apt_is_an_error(programs, monkeypatch):
    monkeypatch.setattr(os, 'geteuid', lambda: 0)
    write_program(programs, 'env', 'shift; exec "$@"')
    write_program(programs, 'apt-get', 'exit 100')
    with pytest.raises(SetupError, match='apt-get failed'):
        system_packages.install([COMPILER])
