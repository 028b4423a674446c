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


"""Tests of the repair of the wheels' CMake exports."""

from pathlib import Path

from setup_environment.cmake_exports import repair_cmake_exports

BROKEN = (
    'set(dirs "${prefix}/include;/opt/python/cp311-cp311/include/python3.11;'
    '/opt/python/cp311-cp311/lib/python3.11/site-packages/numpy/_core/include")\n'
)
OTHER = 'set(dirs "/opt/ros/include")\n'


def write_export(prefix: Path, name: str, text: str) -> Path:
    path = prefix / 'share' / name / 'cmake' / f'{name}Export.cmake'
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return path


def test_paths_of_the_build_machine_become_local(tmp_path):
    broken = write_export(tmp_path, 'std_msgs', BROKEN)
    other = write_export(tmp_path, 'other', OTHER)

    assert repair_cmake_exports(tmp_path, Path('/usr/include/python3.11'), Path('/venv/lib')) == 1

    assert broken.read_text() == (
        'set(dirs "${prefix}/include;/usr/include/python3.11;/venv/lib/numpy/_core/include")\n'
    )
    assert other.read_text() == OTHER


def test_free_threaded_python_and_repetition(tmp_path):
    path = write_export(tmp_path, 'a', 'x /opt/_internal/cpython-3.14.0/include/python3.14t y')
    assert repair_cmake_exports(tmp_path, Path('/inc'), Path('/site')) == 1
    assert path.read_text() == 'x /inc y'
    assert repair_cmake_exports(tmp_path, Path('/inc'), Path('/site')) == 0
