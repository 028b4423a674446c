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

"""Tests of where converted networks and decisions are kept."""

import pytest
import torch

from surgseg_ros.inference import conversion_cache
from surgseg_ros.inference.conversion_cache import cache_directory
from surgseg_ros.inference.conversion_cache import ConversionCache
from surgseg_ros.inference.conversion_cache import DecisionCache
from surgseg_ros.inference.conversion_cache import DIRECTORY_VARIABLE
from surgseg_ros.inference.deployable import DeployableNetwork
from surgseg_ros.models import create_model


@pytest.fixture
def directory(tmp_path, monkeypatch):
    monkeypatch.setenv(DIRECTORY_VARIABLE, str(tmp_path / 'cache'))
    return tmp_path / 'cache'


def _network(seed=0, threshold=0.5):
    torch.manual_seed(seed)
    model = create_model('color_linear', 'binary').eval()
    return DeployableNetwork(model, (0, 0, 0), (1, 1, 1), threshold=threshold)


class Converter:
    """Writes a file and one beside it, and counts how often."""

    def __init__(self):
        self.runs = 0

    def __call__(self, path):
        self.runs += 1
        path.write_text('converted', encoding='utf-8')
        path.with_suffix('.bin').write_text('weights', encoding='utf-8')


def test_the_folder_is_the_users_unless_a_variable_names_another(monkeypatch, tmp_path):
    monkeypatch.delenv(DIRECTORY_VARIABLE, raising=False)
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    assert cache_directory() == tmp_path / 'surgseg_ros'
    monkeypatch.setenv(DIRECTORY_VARIABLE, str(tmp_path / 'other'))
    assert cache_directory() == tmp_path / 'other'


def test_a_network_is_converted_once(directory):
    convert = Converter()
    paths = {ConversionCache(_network()).get('net_64x32.xml', convert) for _ in range(3)}
    (path,) = paths
    assert convert.runs == 1
    assert path.read_text(encoding='utf-8') == 'converted'
    assert path.with_suffix('.bin').is_file()


def test_other_weights_settings_and_sizes_are_other_conversions(directory):
    convert = Converter()
    for network in (_network(), _network(seed=1), _network(threshold=0.3)):
        ConversionCache(network).get('net_64x32.xml', convert)
    ConversionCache(_network()).get('net_32x64.xml', convert)
    assert convert.runs == 4


def test_a_conversion_that_fails_leaves_nothing(directory):
    def fail(path):
        path.write_text('half', encoding='utf-8')
        raise RuntimeError('interrupted')

    with pytest.raises(RuntimeError, match='interrupted'):
        ConversionCache(_network()).get('net.xml', fail)
    assert list(directory.iterdir()) == []


def test_a_cache_that_cannot_be_written_costs_only_time(tmp_path, monkeypatch):
    (tmp_path / 'file').write_text('no folder', encoding='utf-8')
    monkeypatch.setenv(DIRECTORY_VARIABLE, str(tmp_path / 'file' / 'cache'))
    convert = Converter()
    cache = ConversionCache(_network())
    assert cache.get('net.xml', convert).read_text(encoding='utf-8') == 'converted'
    cache.get('net.xml', convert)
    assert convert.runs == 1
    DecisionCache().store('key', {'backend': 'torch'})
    assert DecisionCache().load('key') is None


def test_the_oldest_conversions_are_removed(directory, monkeypatch):
    monkeypatch.setattr(conversion_cache, 'MAX_CONVERSIONS', 2)
    cache = ConversionCache(_network())
    for name in ('a.xml', 'b.xml', 'c.xml'):
        cache.get(name, Converter())
    kept = sorted(path.name[-2:] for path in directory.iterdir())
    assert kept == ['_b', '_c']


def test_decisions_are_kept_beside_each_other(directory):
    DecisionCache().store('one', {'backend': 'torch'})
    DecisionCache().store('two', {'backend': 'openvino'})
    assert DecisionCache().load('one') == {'backend': 'torch'}
    assert DecisionCache().load('two') == {'backend': 'openvino'}
    assert DecisionCache().load('three') is None


def test_a_damaged_file_of_decisions_is_replaced(directory):
    directory.mkdir()
    (directory / conversion_cache.DECISIONS).write_text('{"one": ', encoding='utf-8')
    assert DecisionCache().load('one') is None
    DecisionCache().store('one', {'backend': 'torch'})
    assert DecisionCache().load('one') == {'backend': 'torch'}
