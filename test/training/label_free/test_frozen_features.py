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

"""Tests of the features that frames are compared by."""

import numpy as np
import pytest
import torch
from torch import nn

from surgseg_ros.models import create_model
from surgseg_ros.models.encoders import vgg_features
from surgseg_ros.training.label_free.frozen_features import checkpoint_features
from surgseg_ros.training.label_free.frozen_features import find_cached_weights
from surgseg_ros.training.label_free.frozen_features import find_encoder_stage
from surgseg_ros.training.label_free.frozen_features import normalize_images
from surgseg_ros.training.label_free.frozen_features import vgg16_features

CPU = torch.device('cpu')


@pytest.mark.parametrize(
    ('name', 'options', 'stage'),
    [
        ('mffnet', {}, 'encoder.layer3'),
        ('agsd_unet', {'encoder': 'resnet18'}, 'backbone_layer3'),
        ('linknet34', {}, 'encoder3'),
        ('rasnet', {}, 'encoder.layer3'),
        ('ternausnet11', {}, 'conv5'),
        ('unet', {}, 'down.3'),
    ],
)
def test_the_deep_stage_of_networks(name, options, stage):
    # Without memory: only the sizes of the maps count.
    with torch.device('meta'), torch.inference_mode():
        model = create_model(name, 'binary', **options).eval()
        assert find_encoder_stage(model) == stage
    assert not any(module._forward_hooks for module in model.modules())


def test_a_network_without_encoder(red_checkpoint):
    with pytest.raises(ValueError, match='ColorLinear has no encoder.*feature_checkpoint'):
        checkpoint_features(red_checkpoint, (64, 64))


def test_features_of_a_checkpoint_are_those_of_its_encoder(mffnet_checkpoint):
    images = np.random.default_rng(0).integers(0, 256, (2, 64, 96, 3), np.uint8)
    features = checkpoint_features(mffnet_checkpoint, (96, 64))
    assert "'encoder.layer3' of mffnet" in features.description
    maps = features.extract(images, CPU)
    assert maps.shape == (2, 256, 4, 6)
    assert maps.dtype == torch.float16
    assert maps.amax().item() == pytest.approx(1)
    assert not torch.equal(maps[0], maps[1])


def test_relu5_3_of_vgg16(tmp_path):
    torch.manual_seed(0)
    reference = vgg_features(16)
    torch.save(
        {f'features.{name}': value for name, value in reference.state_dict().items()},
        tmp_path / 'vgg16.pth',
    )
    features = vgg16_features(tmp_path / 'vgg16.pth', (64, 48))
    image = np.random.default_rng(1).integers(0, 256, (1, 48, 64, 3), np.uint8)
    batch = normalize_images(image, features.mean, features.std, CPU)
    with torch.inference_mode():
        # All but the last pooling; the ReLU before it is relu5_3.
        expected = reference[:30](batch)
        assert isinstance(reference[30], nn.MaxPool2d)
        torch.testing.assert_close(features.network(batch), expected)
    assert expected.shape == (1, 512, 3, 4)


def test_weights_are_found_in_the_cache_only(tmp_path, monkeypatch):
    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    assert find_cached_weights('vgg16') is None
    path = tmp_path / 'hub' / 'checkpoints' / 'vgg16-397923af.pth'
    path.parent.mkdir(parents=True)
    path.touch()
    assert find_cached_weights('vgg16') == path
