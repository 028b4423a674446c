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

"""Tests of every backend that is installed here: the labels of torch in single precision."""

import copy

import numpy as np
import pytest
import torch

from surgseg_ros.benchmark.picture import draw_picture
from surgseg_ros.inference.backends import BACKENDS
from surgseg_ros.inference.backends import EngineBuilder
from surgseg_ros.inference.backends import missing_reason
from surgseg_ros.inference.backends import supported_precisions
from surgseg_ros.inference.checkpoints import DEFAULT_CHECKPOINT
from surgseg_ros.inference.checkpoints import load_checkpoint
from surgseg_ros.inference.checkpoints import resolve_checkpoint
from surgseg_ros.inference.deployable import DeployableNetwork
from surgseg_ros.inference.deployable import fold_batch_norms
from surgseg_ros.inference.engine import BackendError
from surgseg_ros.inference.label_images import label_images

SIZE = (512, 416)
IMAGE_SIZE = (1024, 832)
"""The shipped weights see several parts in a drawn picture so large; labels at twice of it."""

LEAST_AGREEMENT = 0.999
"""Share of the pixels."""

CPU = torch.device('cpu')
DEVICES = [CPU] + ([torch.device('cuda', 0)] if torch.cuda.is_available() else [])


@pytest.fixture(scope='module')
def pictures():
    return [draw_picture(SIZE), draw_picture(SIZE, 12)]


@pytest.fixture(scope='module', params=['main', 'auxiliary'])
def network(request):
    model, info = load_checkpoint(resolve_checkpoint(DEFAULT_CHECKPOINT))
    return DeployableNetwork.from_checkpoint(model, info, request.param, info.threshold)


@pytest.fixture(scope='module')
def expected(network, pictures):
    """Return the label images of torch in single precision with its batch norms as they were."""
    with torch.inference_mode():
        logits = network(torch.from_numpy(np.stack(pictures)))
    labels = label_images(logits, IMAGE_SIZE[::-1])
    assert len(np.unique(labels)) >= 3
    return labels


@pytest.fixture(scope='module', params=DEVICES, ids=str)
def builder(request, network):
    folded = copy.deepcopy(network)
    fold_batch_norms(folded.model)
    return EngineBuilder(folded, request.param, threads=2)


@pytest.mark.parametrize('backend', BACKENDS)
def test_labels_are_those_of_torch_in_single_precision(backend, builder, pictures, expected):
    if reason := missing_reason(backend, builder.device):
        pytest.skip(reason)
    for precision in supported_precisions(backend, builder.device):
        engine = builder.build(backend, (2, *SIZE[::-1]), precision)
        assert (engine.backend, engine.precision) == (backend, precision)
        assert engine.device == str(builder.device)
        for _ in range(2):  # The second batch meets the buffers of the first.
            engine.load(pictures)
            engine.forward()
            labels, confidences = engine.label_images(IMAGE_SIZE, confidence=True)
            assert (np.stack(labels) == expected).mean() >= LEAST_AGREEMENT, precision
        assert [image.shape for image in confidences] == [IMAGE_SIZE[::-1]] * 2
        assert np.stack(confidences).min() >= 255 // 4  # the best of four classes
        assert engine.label_images(IMAGE_SIZE, confidence=False)[1] == [None, None]
        engine.close()


def test_bfloat16_labels_agree_where_the_cpu_must_emulate_it(network, pictures, expected):
    """Other machines run the shipped weights in bfloat16; the numbers are the same here."""
    half = copy.deepcopy(network)
    fold_batch_norms(half.model)
    half.model.to(torch.bfloat16)
    with torch.inference_mode():
        logits = half(torch.from_numpy(np.stack(pictures)))
    assert (label_images(logits, IMAGE_SIZE[::-1]) == expected).mean() >= LEAST_AGREEMENT


def test_what_cannot_be_had_is_named_with_the_remedy(builder):
    with pytest.raises(BackendError, match="unknown backend 'tvm'; choose one of: torch, "):
        builder.build('tvm', (1, 64, 64), 'fp32')
    assert 'runs on cuda only' in missing_reason('tensorrt', CPU)
    assert 'runs on cpu only' in missing_reason('openvino', torch.device('cuda'))


@pytest.mark.skipif(
    'fp16' in supported_precisions('torch', CPU), reason='this CPU computes in half precision'
)
def test_a_precision_without_instructions_is_refused(builder):
    if builder.device.type == 'cpu':
        with pytest.raises(BackendError, match="not in 'fp16'; choose one of these or 'auto'"):
            builder.build('torch', (1, 64, 64), 'fp16')


def test_a_library_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setattr('surgseg_ros.inference.backends.find_spec', lambda name: None)
    assert missing_reason('openvino', CPU) == (
        "backend 'openvino' needs openvino: python3 -m pip install openvino (the openvino extra "
        'of this package)'
    )
    assert missing_reason('torch', CPU) == ''
