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

import pytest
import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode

from surgseg_ros.models import count_parameters
from surgseg_ros.models import create_model
from surgseg_ros.models.mffnet import SpatialPyramidPooling


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
    ],
)
def test_parameter_count(options, expected):
    assert count_parameters(create_model('mffnet', task='binary', **options)) == expected


@pytest.mark.parametrize(('branch', 'gflop'), [('main', 121.1), ('auxiliary', 115.0)])
def test_cost_at_native_size(model, branch, gflop):
    """The auxiliary branch must not compute the decoders, or it would cost as much."""
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        model.compute_logits(torch.zeros(1, 3, 1024, 1280), branch)
    assert counter.get_total_flops() / 1e9 == pytest.approx(gflop, abs=0.1)


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
