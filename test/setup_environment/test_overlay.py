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


"""Tests of when the overlay workspace counts as built, and of failing builds."""

import os
from pathlib import Path
import shutil

import pytest

from setup_environment.overlay import Overlay
from setup_environment.reporting import SetupError

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture
def checkout(tmp_path):
    """Return a small copy of what the workspace is built from."""
    for name in ('CMakeLists.txt', 'package.xml', 'setup.cfg'):
        shutil.copy(CHECKOUT / name, tmp_path)
    for interface in ('msg', 'srv'):
        shutil.copytree(CHECKOUT / interface, tmp_path / interface)
    for name in ('surgseg_ros', 'launch', 'config'):
        (tmp_path / name).mkdir()
    (tmp_path / 'surgseg_ros' / '__init__.py').write_text('')
    return tmp_path


def build(overlay: Overlay, underlay: str, program: str = 'true') -> None:
    overlay.build(underlay, [program], os.environ)


def test_build_is_remembered_per_underlay(checkout):
    overlay = Overlay(checkout)
    assert not overlay.is_built('wheels')
    build(overlay, 'wheels')
    assert overlay.is_built('wheels')
    assert not overlay.is_built('jazzy')


@pytest.mark.parametrize(
    'name', ['msg/Instrument.msg', 'srv/LoadModel.srv', 'setup.cfg', 'surgseg_ros/__init__.py']
)
def test_changed_build_input_needs_a_build(checkout, name):
    overlay = Overlay(checkout)
    build(overlay, 'wheels')
    with (checkout / name).open('a') as file:
        file.write('# changed\n')
    assert not overlay.is_built('wheels')


def test_new_module_needs_a_build_and_an_edit_does_not(checkout):
    overlay = Overlay(checkout)
    module = checkout / 'surgseg_ros' / 'module.py'
    build(overlay, 'wheels')
    module.write_text('A = 1\n')
    assert not overlay.is_built('wheels')
    build(overlay, 'wheels')
    module.write_text('A = 2\n')
    assert overlay.is_built('wheels')


def test_failed_build_is_not_remembered_and_starts_afresh(checkout):
    overlay = Overlay(checkout)
    build(overlay, 'wheels')
    leftover = overlay.workspace / 'build' / 'leftover'
    leftover.parent.mkdir()
    leftover.touch()
    with pytest.raises(SetupError, match='colcon could not build'):
        build(overlay, 'wheels', 'false')
    assert not overlay.is_built('wheels')
    assert leftover.exists()
    build(overlay, 'wheels')
    assert not leftover.exists()


def test_links_to_removed_files_go(checkout):
    overlay = Overlay(checkout)
    build(overlay, 'wheels')
    overlay.prefix.mkdir(parents=True)
    (overlay.prefix / 'dangling.py').symlink_to(checkout / 'removed.py')
    (overlay.prefix / 'whole.py').symlink_to(checkout / 'setup.cfg')
    build(overlay, 'wheels')
    assert [path.name for path in overlay.prefix.iterdir()] == ['whole.py']


def test_entry_points_are_those_of_setup_cfg(checkout):
    entry_points = Overlay(checkout).read_entry_points()
    assert entry_points['surgseg'] == 'surgseg_ros.cli:main'
    assert entry_points['segmentation_node'] == 'surgseg_ros.nodes.segmentation_node:main'
