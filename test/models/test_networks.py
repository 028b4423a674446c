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

"""Tests that every registered network passes; a new one is tested as soon as it is registered."""

import copy
from importlib.util import find_spec

from golden_outputs import fill_tensors
from golden_outputs import probe_image
from network_tests import read_reference
from network_tests import SIZES
from network_tests import Variant
from network_tests import VARIANTS
import pytest
from safetensors.torch import load
from safetensors.torch import save
import torch

from surgseg_ros.data import get_label_set
from surgseg_ros.data import list_label_sets
from surgseg_ros.models import count_flops
from surgseg_ros.models import count_parameters

ONNX_PACKAGES = ('onnx', 'onnxscript', 'onnxruntime')


@pytest.fixture(scope='module', params=VARIANTS.values(), ids=VARIANTS.keys())
def variant(request):
    return request.param


@pytest.fixture(scope='module')
def model(variant):
    """Return the network in evaluation mode, tensors filled; tests leave it as it is."""
    network = variant.create().eval()
    fill_tensors(network)
    return network


@pytest.fixture(scope='module')
def image():
    return probe_image((64, 32))


@pytest.fixture(scope='module')
def expected(model, image):
    """Return the logits of each branch."""
    return {branch: compute(model, image, branch) for branch in model.branches}


def compute(model, image, branch='main'):
    with torch.inference_mode():
        return model(image, branch)


@pytest.mark.parametrize('size', [(32, 64), (64, 96), (65, 31), (31, 97), (1, 1)])
def test_output_has_the_size_of_the_image(model, variant, size):
    outputs = 1 if 'single_logit' in variant.options else get_label_set(variant.task).num_classes
    for branch in model.branches:
        logits = compute(model, torch.rand(1, 3, *size), branch)
        assert logits.shape == (1, outputs, *size)
        assert torch.isfinite(logits).all()


def test_one_output_a_class_or_one_in_all(variant):
    options = {key: value for key, value in variant.options.items() if key != 'single_logit'}
    with torch.device('meta'):
        for task in list_label_sets():
            network = Variant(variant.model, options).create(task).eval()
            for branch in network.branches:
                logits = network(torch.empty(2, 3, 64, 64), branch)
                assert logits.shape == (2, get_label_set(task).num_classes, 64, 64)
        network = Variant(variant.model, options).create('binary', single_logit=True).eval()
        assert network(torch.empty(2, 3, 64, 64)).shape == (2, 1, 64, 64)


def test_parameters(variant, model):
    if not variant.parameters:
        pytest.skip('network_tests.py has no count for it')
    assert count_parameters(model) == variant.parameters


def test_operations(variant, model):
    if not variant.gflops:
        pytest.skip('network_tests.py has no measured operations for it')
    for branch, expected in variant.gflops.items():
        counted = [count_flops(model, size, branch) / 1e9 for size in SIZES]
        assert counted == pytest.approx(expected, rel=0.005)


def test_tensors_are_those_of_the_reference_implementation(variant, model):
    if not variant.reference:
        pytest.skip('nothing published has tensors of its names')
    shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    assert shapes == read_reference(variant)


def test_training_step_reaches_every_parameter(model):
    network = copy.deepcopy(model).train()
    images = torch.rand(2, 3, 32, 64)
    sum(network(images, branch).square().mean() for branch in network.branches).backward()
    without = [name for name, tensor in network.named_parameters() if tensor.grad is None]
    assert without == []
    assert all(torch.isfinite(tensor.grad).all() for tensor in network.parameters())


def test_training_on_one_image(variant, model, image):
    network = copy.deepcopy(model).train()
    if variant.trains_on_one_image:
        assert torch.isfinite(compute(network, image)).all()
        return
    with pytest.raises(ValueError, match='batch of one .* at least 2'):
        compute(network, image)


def test_evaluation_is_deterministic_and_changes_nothing(model, image, expected):
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    for branch in model.branches:
        assert torch.equal(compute(model, image, branch), expected[branch])
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_images_of_a_batch_do_not_influence_each_other(model, image, expected):
    for branch in model.branches:
        together = compute(model, torch.cat([image, image.flip(1)]), branch)
        close(together[:1], expected[branch])
        close(together[1:], compute(model, image.flip(1), branch))


def test_saved_tensors_restore_the_network(variant, model, image, expected):
    stored = save({name: tensor.contiguous() for name, tensor in model.state_dict().items()})
    restored = variant.create().eval()
    restored.load_state_dict(load(stored))
    for branch in model.branches:
        assert torch.equal(compute(restored, image, branch), expected[branch])


def test_half_precision_is_close(model, image, expected):
    half = copy.deepcopy(model).bfloat16()
    for branch in model.branches:
        logits = compute(half, image.bfloat16(), branch)
        assert logits.dtype == torch.bfloat16
        error = (logits - expected[branch]).square().mean().sqrt()
        assert error < 0.05 * expected[branch].std()


def test_channels_last_is_equal(model, image, expected):
    network = copy.deepcopy(model).to(memory_format=torch.channels_last)
    for branch in model.branches:
        logits = compute(network, image.to(memory_format=torch.channels_last), branch)
        close(logits, expected[branch])


def test_unknown_branches_are_refused(model, image):
    with pytest.raises(ValueError, match=f"no branch 'side'; choose one of: {model.branches[0]}"):
        model(image, 'side')
    with pytest.raises(ValueError, match="no branch 'side'"):
        model.compute_logits(image, 'side')


@pytest.mark.skipif(
    not all(map(find_spec, ONNX_PACKAGES)),
    reason=f'ONNX export needs {", ".join(ONNX_PACKAGES)}',
)
def test_onnx_export_is_equal(model, image, expected):
    from onnxruntime import InferenceSession

    for branch in model.branches:
        program = torch.onnx.export(model, (image, branch), dynamo=True, verbose=False)
        session = InferenceSession(program.model_proto.SerializeToString())
        (logits,) = session.run(None, {session.get_inputs()[0].name: image.numpy()})
        close(torch.from_numpy(logits), expected[branch])


def close(logits, expected):
    """Compare up to the order of additions, which kernels are free to choose."""
    tolerance = 1e-4 * max(expected.abs().max().item(), 1)
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=tolerance)
