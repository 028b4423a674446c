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


"""Tests of the detection of a sourced ROS 2."""

from pathlib import Path
import sys

import pytest

from setup_environment.reporting import SetupError
from setup_environment.sourced_ros import find_sourced_ros


@pytest.fixture
def unsourced(monkeypatch):
    """Forget whatever ROS the tests run on."""
    for variable in ('ROS_DISTRO', 'AMENT_PREFIX_PATH'):
        monkeypatch.delenv(variable, raising=False)


def make_prefix(path: Path) -> str:
    package = path / 'share' / 'rclpy' / 'package.xml'
    package.parent.mkdir(parents=True)
    package.touch()
    return str(path)


def test_nothing_sourced(unsourced, tmp_path):
    assert find_sourced_ros(tmp_path) is None


def test_own_environment_is_not_a_sourced_ros(unsourced, monkeypatch, tmp_path):
    monkeypatch.setenv('AMENT_PREFIX_PATH', make_prefix(tmp_path / '.venv'))
    assert find_sourced_ros(tmp_path) is None


def test_sourced_ros_with_its_prefixes(unsourced, monkeypatch, tmp_path):
    prefix = make_prefix(tmp_path / 'opt' / 'jazzy')
    monkeypatch.setenv('ROS_DISTRO', 'jazzy')
    monkeypatch.setenv('AMENT_PREFIX_PATH', f'/workspace/install:{prefix}')
    ros = find_sourced_ros(tmp_path / 'checkout')
    assert ros is not None
    assert ros.distribution == 'jazzy'
    assert ros.prefixes == ('/workspace/install', prefix)


def test_python_without_rclpy_is_explained(unsourced, monkeypatch, tmp_path):
    python = tmp_path / 'python3'
    python.write_text('#!/bin/sh\nexit 1\n')
    python.chmod(0o755)
    monkeypatch.setenv('ROS_DISTRO', 'jazzy')
    monkeypatch.setattr(sys, 'executable', str(python))
    with pytest.raises(SetupError, match=r"'jazzy' is sourced, but .*cannot import its rclpy"):
        find_sourced_ros(tmp_path / 'checkout')
