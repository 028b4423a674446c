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


"""The package as it is built and installed: versions, executables, messages, shared files."""

import configparser
from importlib import import_module
import os
from pathlib import Path
import re
import subprocess
import sys
from xml.etree import ElementTree

from ament_index_python.packages import get_package_prefix
import pytest
from rclpy.serialization import deserialize_message
from rclpy.serialization import serialize_message

import surgseg_ros
from surgseg_ros import msg

CHECKOUT = Path(__file__).resolve().parents[1]


def read_setup_cfg() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(CHECKOUT / 'setup.cfg', encoding='utf-8')
    return parser


def console_scripts() -> dict[str, str]:
    lines = read_setup_cfg()['options.entry_points']['console_scripts'].strip().splitlines()
    return dict(re.split(r'\s*=\s*', line.strip()) for line in lines)


def package_xml() -> ElementTree.Element:
    return ElementTree.parse(CHECKOUT / 'package.xml').getroot()


def message_names() -> list[str]:
    return sorted(path.stem for path in (CHECKOUT / 'msg').glob('*.msg'))


def test_versions_agree():
    version = surgseg_ros.__version__
    assert read_setup_cfg()['metadata']['version'] == version
    assert package_xml().findtext('version') == version


@pytest.mark.parametrize(('name', 'target'), console_scripts().items())
def test_console_script_names_a_function(name, target):
    module, function = target.split(':')
    assert callable(getattr(import_module(module), function))


def test_every_node_module_is_an_executable():
    modules = {path.stem for path in (CHECKOUT / 'surgseg_ros' / 'nodes').glob('*_node.py')}
    targets = {target.split(':')[0].rpartition('.')[2] for target in console_scripts().values()}
    assert modules <= targets


def test_message_dependencies_are_declared():
    used = {
        match
        for path in (CHECKOUT / 'msg').glob('*.msg')
        for match in re.findall(r'^([a-z_]+)/', path.read_text(encoding='utf-8'), re.MULTILINE)
    }
    declared = {element.text for element in package_xml().findall('depend')}
    assert used <= declared


def test_every_message_file_is_generated():
    cmake = (CHECKOUT / 'CMakeLists.txt').read_text(encoding='utf-8')
    assert re.findall(r'msg/(\w+)\.msg', cmake) == message_names()


@pytest.mark.parametrize('name', message_names())
def test_message_survives_serialization(name):
    message_type = getattr(msg, name)
    message = message_type()
    assert deserialize_message(serialize_message(message), message_type) == message


def test_nested_message_keeps_its_values():
    instrument = msg.Instrument(class_id=3, class_name='clasper', track_id=-1, area=4711)
    instrument.tip.x, instrument.tip.y = 10.25, -3.5
    instrument.centroid_covariance = [2.0, -0.5, 1.0]
    array = msg.InstrumentArray(eye='right', frame_index=2**40, instruments=[instrument])
    array.header.stamp.sec, array.header.stamp.nanosec = 12, 999_999_999
    array.header.frame_id = 'endoscope_right_optical'

    received = deserialize_message(serialize_message(array), msg.InstrumentArray)

    assert received == array
    assert received.instruments[0].tip.x == 10.25
    assert list(received.instruments[0].centroid_covariance) == [2.0, -0.5, 1.0]


def test_installed_executables_and_shared_files():
    prefix = Path(get_package_prefix('surgseg_ros'))
    executables = list((prefix / 'lib' / 'surgseg_ros').iterdir())
    installed = {path.name for path in executables}
    assert set(console_scripts()) <= installed
    # Otherwise ros2 run and ros2 launch do not find it.
    assert all(os.access(path, os.X_OK) for path in executables)
    assert (prefix / 'bin' / 'surgseg').is_file()
    shared = prefix / 'share' / 'surgseg_ros'
    for directory in ('launch', 'config'):
        for path in (CHECKOUT / directory).iterdir():
            if path.is_file() and not path.name.startswith('.'):
                assert (shared / directory / path.name).read_bytes() == path.read_bytes()
    assert (shared / 'config' / 'label_sets.yaml').is_file()


def test_importing_the_package_imports_neither_ros_nor_torch():
    code = 'import sys, surgseg_ros; sys.exit(bool({"rclpy", "torch"} & set(sys.modules)))'
    assert subprocess.run([sys.executable, '-c', code], check=False).returncode == 0


def test_makefile_lists_its_targets():
    listing = subprocess.run(['make'], cwd=CHECKOUT, check=True, capture_output=True, text=True)
    for target in ('setup', 'demo', 'test', 'lint', 'clean'):
        assert re.search(rf'^  {target} +\S', listing.stdout, re.MULTILINE)
