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

"""Tests of the network of Islam et al. 2019 against the facts of the paper."""

from types import SimpleNamespace

from golden_outputs import fill_tensors
from golden_outputs import probe_image
from golden_outputs import read_golden
from golden_outputs import sample_logits
from network_tests import read_reference
from network_tests import Variant
import numpy as np
import pytest
from safetensors import safe_open
from safetensors.torch import save
import torch
import torch.nn.functional as F

from surgseg_ros.inference.checkpoints import resolve_checkpoint
from surgseg_ros.models import count_flops
from surgseg_ros.models import count_parameters
from surgseg_ros.models import create_model
from surgseg_ros.models.encoders import resnet_trunk
from surgseg_ros.models.mffnet import RELEASED_OPTIONS
from surgseg_ros.models.mffnet import SpatialPyramidPooling
from surgseg_ros.models.mffnet import translate_released_key

RELEASED_SHAPES = read_reference(Variant('mffnet', reference='keys_islam_InstrumentsMFF_c8.txt'))
DEAD_PARAMETERS = 267_104 + 32 * 8 * 4 + 8


@pytest.fixture(scope='module')
def model():
    torch.manual_seed(0)
    return create_model('mffnet', task='parts').eval()


@pytest.mark.parametrize(
    ('options', 'expected'),
    [
        ({}, 14_906_276),
        ({'stem_decoder': True}, 14_910_820),
        ({'share_encoder': True}, 14_223_204),
        ({'share_encoder': True, 'stem_decoder': True}, 14_227_748),
        ({'head_stride': 2}, 14_906_276),
        (RELEASED_OPTIONS, 14_227_490),
    ],
)
def test_parameter_count(options, expected):
    assert count_parameters(create_model('mffnet', task='binary', **options)) == expected


@pytest.mark.parametrize(
    ('options', 'branch', 'gflop'),
    [({}, 'main', 121.1), ({}, 'auxiliary', 115.0), (RELEASED_OPTIONS, 'main', 126.5)],
)
def test_cost_at_native_size(options, branch, gflop):
    """The auxiliary branch must not compute the decoders, or it would cost as much."""
    network = create_model('mffnet', 'binary', **options).eval()
    assert count_flops(network, (1280, 1024), branch) / 1e9 == pytest.approx(gflop, abs=0.1)


def test_auxiliary_branch_leaves_decoders_alone(model):
    called = []
    modules = [model.decoder4, model.decoder3, model.decoder2, model.segmentation_head]
    handles = [m.register_forward_hook(lambda *_: called.append(1)) for m in modules]
    with torch.inference_mode():
        model(torch.zeros(1, 3, 64, 64), 'auxiliary')
        assert called == []
        model(torch.zeros(1, 3, 64, 64), 'main')
    assert len(called) == len(modules)
    for handle in handles:
        handle.remove()


@pytest.mark.parametrize(
    ('head_stride', 'branch', 'shape'),
    [(1, 'main', (128, 160)), (2, 'main', (256, 320)), (1, 'auxiliary', (32, 40))],
)
def test_resolution_of_the_logits(head_stride, branch, shape):
    network = create_model('mffnet', task='types', head_stride=head_stride).eval()
    with torch.inference_mode():
        logits = network.compute_logits(torch.zeros(2, 3, 256, 320), branch)
    assert logits.shape == (2, 8, *shape)


@pytest.mark.parametrize('size', [(1024, 1280), (256, 320), (480, 641), (33, 100), (1, 1)])
@pytest.mark.parametrize('branch', ['main', 'auxiliary'])
def test_any_input_size(model, size, branch):
    with torch.inference_mode():
        logits = model(torch.rand(1, 3, *size), branch)
    assert logits.shape == (1, 4, *size)
    assert torch.isfinite(logits).all()


def test_padding_changes_only_what_is_near_it(model):
    """A padded image must give the logits of the same image that needed no padding, cropped."""
    image = torch.rand(1, 3, 128, 160)
    extended = F.pad(image[..., :120, :150], (0, 10, 0, 8), mode='replicate')
    with torch.inference_mode():
        padded = model(image[..., :120, :150])
        reference = model(extended)[..., :120, :150]
    torch.testing.assert_close(padded, reference)


def test_pyramid_grids_of_figure_3():
    """At 32x40 the kernels must yield 16x20, 8x8, 4x4 and 2x2, summed with the input."""
    features = torch.rand(1, 3, 32, 40)
    expected = features.clone()
    for grid in ((16, 20), (8, 8), (4, 4), (2, 2)):
        average = F.adaptive_avg_pool2d(features, grid)
        expected += F.interpolate(average, (32, 40), mode='bilinear', align_corners=False)
    torch.testing.assert_close(SpatialPyramidPooling()(features), expected)


def test_both_branches_equal_each_alone(model):
    image = torch.rand(1, 3, 64, 96)
    with torch.inference_mode():
        both = model.compute_both(image)
        torch.testing.assert_close(both.main, model.compute_logits(image, 'main'))
        torch.testing.assert_close(both.auxiliary, model.compute_logits(image, 'auxiliary'))


def test_shared_encoder_sees_gradients_of_both_branches():
    network = create_model('mffnet', task='binary', share_encoder=True).train()
    network.compute_logits(torch.rand(2, 3, 64, 64), 'auxiliary').sum().backward()
    assert network.encoder['conv1'].weight.grad.abs().sum() > 0
    assert network.decoder2[0][0].weight.grad is None


def test_backward_reaches_every_parameter():
    network = create_model('mffnet', task='binary', stem_decoder=True).train()
    both = network.compute_both(torch.rand(2, 3, 64, 64))
    (both.main.square().mean() + both.auxiliary.square().mean()).backward()
    without = [name for name, p in network.named_parameters() if p.grad is None]
    assert without == []


def test_wrong_options_are_refused():
    with pytest.raises(ValueError, match='head_stride must be 1'):
        create_model('mffnet', head_stride=3)
    with pytest.raises(ValueError, match='does not accept these options'):
        create_model('mffnet', depth=50)
    with pytest.raises(ValueError, match='choose one of: main, auxiliary'):
        create_model('mffnet')(torch.zeros(1, 3, 32, 32), 'side')


@pytest.fixture(scope='module')
def released():
    """Return the released network with weights that were given in the released layout."""
    tensors = {name: torch.zeros(shape) for name, shape in RELEASED_SHAPES.items()}
    fill_tensors(SimpleNamespace(state_dict=lambda: tensors))
    translated = {translate_released_key(name): tensor for name, tensor in tensors.items()}
    del translated[None]
    network = create_model('mffnet', 'types', **RELEASED_OPTIONS).eval()
    network.load_state_dict(translated)
    return network


def test_released_network_equals_the_released_code(released):
    """The released code cannot run on images of less than 512 rows or columns."""
    with torch.inference_mode():
        both = released.compute_both(probe_image((640, 512)))
    for logits, name, step in (
        (both.main, 'mffnet_released', 9),
        (both.auxiliary, 'mffnet_released_auxiliary', 3),
    ):
        golden = read_golden(name)
        sampled = sample_logits(logits)[:, ::step, ::step]
        np.testing.assert_allclose(sampled, golden, rtol=0, atol=1e-4 * golden.std())


def test_released_tensors_have_one_place_each(released):
    translated = [
        (name, shape)
        for key, shape in RELEASED_SHAPES.items()
        if (name := translate_released_key(key)) is not None
    ]
    expected = {name: tuple(tensor.shape) for name, tensor in released.state_dict().items()}
    assert len(translated) == len(expected)
    assert dict(translated) == expected


def test_dead_layers_of_the_released_weights():
    """The names of ``mff_class`` are second names of two of the others."""
    dead = [key for key in RELEASED_SHAPES if translate_released_key(key) is None]
    counted = ('running_mean', 'running_var', 'num_batches_tracked')
    parameters = sum(
        int(np.prod(RELEASED_SHAPES[key]))
        for key in dead
        if not key.endswith(counted) and 'mff_class' not in key
    )
    assert parameters == DEAD_PARAMETERS
    assert all(key.startswith('mff_sub24_x2.') for key in dead)


def test_names_that_were_not_released_are_refused():
    for key in ('module.in_block.0.weight', 'fc.weight', 'mff_sub24_x2.other.weight'):
        with pytest.raises(ValueError, match=f"have no tensor '{key}'"):
            translate_released_key(key)


def test_shared_classifier_is_saved_once_and_serves_both_branches(released):
    save(released.state_dict())
    network = create_model('mffnet', 'binary', share_classifier=True).train()
    assert not any(name.startswith('auxiliary_head.classifier') for name in network.state_dict())
    network.compute_logits(torch.rand(2, 3, 64, 64), 'auxiliary').sum().backward()
    assert network.segmentation_head[-1].weight.grad is not None
    assert network.segmentation_head[0][0].weight.grad is None


def test_tensor_names_are_those_of_the_shipped_weights(model):
    with safe_open(resolve_checkpoint('mffnet_parts_sim'), 'pt') as file:
        assert set(file.keys()) == set(model.state_dict())


def test_pretrained_encoders_from_a_file(tmp_path):
    trunk = resnet_trunk(18)
    path = tmp_path / 'resnet18.pth'
    torch.save({**trunk.state_dict(), 'fc.bias': torch.zeros(1000)}, path)
    network = create_model('mffnet', pretrained=path)
    for encoder in (network.encoder, network.auxiliary_encoder):
        for name, tensor in encoder.state_dict().items():
            assert torch.equal(tensor, trunk.state_dict()[name])
