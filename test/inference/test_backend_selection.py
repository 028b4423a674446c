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

"""Tests of the choice of a backend."""

import numpy as np
import pytest
import torch

from surgseg_ros.inference import backend_selection
from surgseg_ros.inference.backend_selection import check_request
from surgseg_ros.inference.backend_selection import choose_backend
from surgseg_ros.inference.backend_selection import make_test_images
from surgseg_ros.inference.backends import EngineBuilder
from surgseg_ros.inference.backends import installed_backends
from surgseg_ros.inference.conversion_cache import DecisionCache
from surgseg_ros.inference.conversion_cache import DIRECTORY_VARIABLE
from surgseg_ros.inference.deployable import DeployableNetwork
from surgseg_ros.inference.devices import native_precisions
from surgseg_ros.inference.engine import BackendError
from surgseg_ros.inference.engine import HostEngine
from surgseg_ros.models import create_model

CPU = torch.device('cpu')
SHAPE = (1, 64, 96)
needs_openvino = pytest.mark.skipif(
    'openvino' not in installed_backends(CPU), reason='needs the openvino extra'
)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv(DIRECTORY_VARIABLE, str(tmp_path))


@pytest.fixture
def builder():
    torch.manual_seed(0)
    model = create_model('color_linear', 'parts').eval()
    return EngineBuilder(DeployableNetwork(model, (0, 0, 0), (1, 1, 1)), CPU, threads=1)


@pytest.fixture
def _every_network_is_worth_it(monkeypatch):
    monkeypatch.setitem(backend_selection.QUICK_ENOUGH_S, 'cpu', 0.0)


def _choose(builder, backend='auto', precision='fp32'):
    return choose_backend(builder, backend, precision, SHAPE, threads=1)


def test_a_network_that_takes_no_time_is_not_converted(builder, tmp_path):
    choice, engine = _choose(builder)
    assert (choice.backend, engine.backend) == ('torch', 'torch')
    if len(installed_backends(CPU)) > 1:
        assert 'too little for a conversion to pay' in choice.reason
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]


@needs_openvino
@pytest.mark.usefixtures('_every_network_is_worth_it')
def test_all_that_are_installed_are_measured_once(builder, monkeypatch):
    choice, engine = _choose(builder)
    assert engine.backend == choice.backend
    for name in installed_backends(CPU):
        assert f'{name} fp32 ' in choice.reason
    assert '1 of 96x64' in choice.reason

    def fail(*_):
        raise AssertionError('measured again')

    monkeypatch.setattr(backend_selection, '_measure', fail)
    again, engine = _choose(builder)
    assert again == choice
    assert engine.backend == choice.backend


@needs_openvino
@pytest.mark.usefixtures('_every_network_is_worth_it')
def test_a_decision_for_what_is_gone_is_not_followed(builder, monkeypatch):
    _choose(builder)
    monkeypatch.setattr(
        DecisionCache,
        'load',
        lambda self, key: {'backend': 'tvm', 'precision': 'fp32', 'reason': 'was fast'},
    )
    assert _choose(builder)[0].backend in installed_backends(CPU)


class WrongEngine(HostEngine):
    """Finds the last class everywhere, at once."""

    backend, precision = 'openvino', 'fp32'

    def __init__(self, shape):
        super().__init__()
        self._shape = shape

    def load(self, images):
        pass

    def forward(self):
        count, height, width = self._shape
        self._logits = np.zeros((count, 4, height, width), np.float32)
        self._logits[:, 3] = 1.0


@needs_openvino
@pytest.mark.usefixtures('_every_network_is_worth_it')
@pytest.mark.parametrize(
    ('make', 'remark'),
    [
        (lambda shape, precision: WrongEngine(shape), 'openvino labels only'),
        (lambda shape, precision: 1 / 0, 'openvino failed: division by zero'),
    ],
)
def test_a_library_that_fails_or_errs_leaves_torch(builder, monkeypatch, make, remark):
    monkeypatch.setattr(builder, '_make_openvino', make)
    monkeypatch.setattr(
        backend_selection, 'installed_backends', lambda device: ['torch', 'openvino']
    )
    choice, _ = _choose(builder)
    assert choice.backend == 'torch'
    assert remark in choice.reason


def test_what_is_asked_for_is_not_questioned(builder):
    choice, engine = _choose(builder, 'torch', 'auto')
    assert (choice.backend, choice.precision) == ('torch', native_precisions(CPU)[0])
    assert choice.reason == 'as asked for'
    assert engine.precision == choice.precision


def test_requests_that_cannot_be_met():
    with pytest.raises(BackendError, match="unknown backend 'tvm'"):
        check_request('tvm', 'auto', CPU)
    with pytest.raises(BackendError, match="backend 'tensorrt' runs on cuda only"):
        check_request('tensorrt', 'auto', CPU)
    with pytest.raises(BackendError, match=r"precision 'fp8' cannot be had on .* \(torch: "):
        check_request('auto', 'fp8', CPU)


def test_test_images_are_always_the_same_and_differ_within_a_batch():
    images = make_test_images((2, 48, 64))
    assert [image.shape for image in images] == [(48, 64, 3)] * 2
    np.testing.assert_array_equal(images, make_test_images((2, 48, 64)))
    assert (images[0] != images[1]).any()
