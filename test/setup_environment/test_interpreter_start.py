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


"""Tests of what the virtual environment's Python sets when it starts."""

import os
import sys

from setup_environment.interpreter_start import complete_environment

MARK = '_ROS_WHEELS_BOOTSTRAP_COMPLETE'
VARIABLES = ('LD_LIBRARY_PATH', 'AMENT_PREFIX_PATH', 'CMAKE_PREFIX_PATH')


def clear(monkeypatch):
    for variable in (*VARIABLES, MARK):
        # Set before deleted, so that the end of the test restores it in any case.
        monkeypatch.setenv(variable, '')
        monkeypatch.delenv(variable)


def test_overlay_comes_before_the_wheels(monkeypatch, tmp_path):
    clear(monkeypatch)
    monkeypatch.setenv('AMENT_PREFIX_PATH', '/opt/other')
    complete_environment(str(tmp_path))
    assert os.environ['AMENT_PREFIX_PATH'].split(':') == [str(tmp_path), sys.prefix, '/opt/other']
    assert os.environ['CMAKE_PREFIX_PATH'].split(':') == [str(tmp_path), sys.prefix]
    assert os.environ['LD_LIBRARY_PATH'].split(':') == [f'{tmp_path}/lib', f'{sys.prefix}/lib']


def test_repetition_changes_nothing(monkeypatch, tmp_path):
    clear(monkeypatch)
    complete_environment(str(tmp_path))
    monkeypatch.setenv(MARK, '1')
    before = dict(os.environ)
    complete_environment(str(tmp_path))
    assert dict(os.environ) == before


def test_missing_overlay_is_left_out(monkeypatch, tmp_path):
    clear(monkeypatch)
    complete_environment(str(tmp_path / 'missing'))
    assert os.environ['AMENT_PREFIX_PATH'] == sys.prefix


def test_mark_of_another_environment_is_forgotten(monkeypatch, tmp_path):
    clear(monkeypatch)
    monkeypatch.setenv(MARK, '1')
    monkeypatch.setenv('LD_LIBRARY_PATH', '/another/environment/lib')
    complete_environment(str(tmp_path))
    assert MARK not in os.environ
    assert os.environ['LD_LIBRARY_PATH'].endswith(':/another/environment/lib')


def test_setup_files_of_colcon_see_the_shell_as_it_is(monkeypatch, tmp_path):
    clear(monkeypatch)
    monkeypatch.setattr(sys, 'orig_argv', ['python3', '/install/_local_setup_util_sh.py', 'sh'])
    complete_environment(str(tmp_path))
    assert not set(VARIABLES) & set(os.environ)
