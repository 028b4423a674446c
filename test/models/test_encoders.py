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

"""Tests of the encoders that several networks share."""

from pathlib import Path
import re

import pytest
from safetensors.torch import save_file
import torch

from surgseg_ros.models.encoders import resnet_trunk
from surgseg_ros.models.encoders import split_at_pools
from surgseg_ros.models.encoders import vgg_features
from surgseg_ros.models.torchvision_import import torchvision


def shapes(state):
    return {name: tuple(tensor.shape) for name, tensor in state.items()}


@pytest.fixture
def no_network(monkeypatch, tmp_path):
    """Send downloads to a port where nobody listens, and start with an empty cache of torch."""
    for name in ('no_proxy', 'NO_PROXY'):
        monkeypatch.delenv(name, raising=False)
    for name in ('http_proxy', 'https_proxy', 'HTTP_PROXY', 'HTTPS_PROXY'):
        monkeypatch.setenv(name, 'http://127.0.0.1:9')
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'torch_home'))


@pytest.mark.parametrize('depth', [18, 34, 50])
def test_resnet_has_the_tensors_of_torchvision(depth):
    with torch.device('meta'):
        whole = getattr(torchvision.models, f'resnet{depth}')(weights=None).state_dict()
        trunk = resnet_trunk(depth).state_dict()
        shallow = resnet_trunk(depth, last_layer=2).state_dict()
    expected = {name: shape for name, shape in shapes(whole).items() if not name.startswith('fc.')}
    assert shapes(trunk) == expected
    deep = ('layer3.', 'layer4.')
    assert list(shallow) == [name for name in expected if not name.startswith(deep)]


@pytest.mark.parametrize('depth', [11, 16])
def test_vgg_is_that_of_torchvision(depth):
    with torch.device('meta'):
        expected = getattr(torchvision.models, f'vgg{depth}')(weights=None).features
        features = vgg_features(depth)
    assert [type(module) for module in features] == [type(module) for module in expected]
    assert list(map(str, features)) == [
        str(module).replace(', ceil_mode=True', '') for module in expected
    ]
    assert shapes(features.state_dict()) == shapes(expected.state_dict())


def test_stages_in_a_row_are_the_features():
    features = vgg_features(11).eval()
    stages = split_at_pools(features)
    assert [len(stage) for stage in stages] == [2, 2, 4, 4, 4]
    image = torch.rand(1, 3, 32, 64)
    with torch.inference_mode():
        result = image
        for stage in stages:
            result = torch.max_pool2d(stage(result), 2)
        assert torch.equal(result, features(image))


def test_activations_of_random_vgg_do_not_fade():
    torch.manual_seed(0)
    with torch.inference_mode():
        assert vgg_features(16)(torch.randn(1, 3, 64, 64)).std() > 0.1


@pytest.mark.parametrize('suffix', ['.pth', '.safetensors'])
def test_weights_of_a_whole_resnet_from_a_file(tmp_path, suffix):
    """Files older than torch 0.4.1 have no batch counters."""
    trunk = resnet_trunk(18)
    weights = {
        name: tensor
        for name, tensor in trunk.state_dict().items()
        if not name.endswith('num_batches_tracked')
    }
    weights['fc.bias'] = torch.zeros(1000)
    path = tmp_path / f'resnet18{suffix}'
    if suffix == '.pth':
        torch.save(weights, path)
    else:
        save_file(weights, path)
    for last_layer in (2, 4):
        loaded = resnet_trunk(18, last_layer, pretrained=path).state_dict()
        assert all(
            torch.equal(tensor, trunk.state_dict()[name]) for name, tensor in loaded.items()
        )


@pytest.mark.parametrize('prefix', ['', 'features.'])
def test_weights_of_vgg_from_a_file(tmp_path, prefix):
    features = vgg_features(11)
    weights = {f'{prefix}{name}': tensor for name, tensor in features.state_dict().items()}
    path = tmp_path / 'vgg11.pth'
    torch.save({**weights, 'classifier.6.bias': torch.zeros(1000)}, path)
    loaded = vgg_features(11, pretrained=str(path))
    assert torch.equal(loaded[18].weight, features[18].weight)


def test_weights_in_the_cache_of_torch_need_no_network(no_network):
    trunk = resnet_trunk(18)
    url = torchvision.models.ResNet18_Weights.IMAGENET1K_V1.url
    path = Path(torch.hub.get_dir()) / 'checkpoints' / Path(url).name
    path.parent.mkdir(parents=True)
    torch.save(trunk.state_dict(), path)
    loaded = resnet_trunk(18, pretrained=True)
    assert torch.equal(loaded['conv1'].weight, trunk['conv1'].weight)


@pytest.mark.parametrize(
    ('create', 'file'),
    [(resnet_trunk, 'resnet18-f37072fd.pth'), (vgg_features, 'vgg16-397923af.pth')],
)
def test_without_a_network_the_remedies_are_named(no_network, create, file):
    depth = 18 if create is resnet_trunk else 16
    with pytest.raises(ConnectionError) as caught:
        create(depth, pretrained=True)
    message = str(caught.value)
    assert f'cannot download the ImageNet weights of {file.split("-")[0]}' in message
    assert f"https://download.pytorch.org/models/{file} elsewhere and put it at '" in message
    assert str(Path(torch.hub.get_dir()) / 'checkpoints' / file) in message
    assert "give the path of the file as 'pretrained'" in message


def test_unusable_files_are_refused(tmp_path):
    with pytest.raises(
        FileNotFoundError, match="no pretrained weights '.*gone.pth' for .*resnet18"
    ):
        resnet_trunk(18, pretrained=tmp_path / 'gone.pth')
    other = tmp_path / 'other.pth'
    torch.save(resnet_trunk(18, last_layer=1).state_dict(), other)
    first = re.escape(
        "'layer2.0.conv1.weight': the encoder needs (128, 64, 3, 3), the file has none"
    )
    with pytest.raises(ValueError, match=f'of another encoder: 75 of 100 .* the first is {first}'):
        resnet_trunk(18, pretrained=other)
    torch.save({'epoch': 3}, other)
    with pytest.raises(ValueError, match='is no state dict'):
        resnet_trunk(18, pretrained=other)
    torch.save({'path': tmp_path}, other)
    with pytest.raises(ValueError, match='is no file of tensors, or damaged'):
        resnet_trunk(18, pretrained=other)
    for name in ('empty.pth', 'empty.safetensors'):
        (tmp_path / name).touch()
        with pytest.raises(ValueError, match='is no file of tensors, or damaged'):
            resnet_trunk(18, pretrained=tmp_path / name)


def test_unknown_depths_are_refused():
    with pytest.raises(ValueError, match=r'no ResNet-19; choose one of: \(18, 34, 50\)'):
        resnet_trunk(19)
    with pytest.raises(ValueError, match=r'no VGG-19; choose one of: \(11, 16\)'):
        vgg_features(19)
