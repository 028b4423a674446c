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

"""
Encoders that several networks share, under torchvision's parameter names.

Everything pretrained on ImageNet comes through here: ``pretrained`` is an option of each network
with such an encoder and is one of

* ``False``: random weights, nothing is read;
* ``True``: torchvision's ``IMAGENET1K_V1`` weights, those of the papers, downloaded once and kept
  in torch's cache;
* a path: a state-dict file of the whole torchvision network (``.pth``) or of its trunk alone, also
  as ``.safetensors``. What it holds beyond the trunk, as the ImageNet classifier, is left out.
"""

import os
from pathlib import Path
from pickle import UnpicklingError
from types import ModuleType
from typing import TypeAlias

from safetensors import SafetensorError
from safetensors.torch import load_file
import torch
from torch import nn
from torch import Tensor
import torch.nn.functional as F

Pretrained: TypeAlias = bool | str | os.PathLike[str]

RESNET_DEPTHS = (18, 34, 50)
RESNET_LAYERS = 4

VGG_STAGE_WIDTHS = {
    11: ((64,), (128,), (256, 256), (512, 512), (512, 512)),
    16: ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512)),
}
"""Channels of the 3x3 convolutions before each of the five poolings, without batch norm."""


def resnet_trunk(
    depth: int, last_layer: int = RESNET_LAYERS, pretrained: Pretrained = False
) -> nn.ModuleDict:
    """
    Return torchvision's ResNet up to a layer: ``conv1``, ``bn1``, ``layer1`` to ``layer4``.

    ReLU and max pooling of the stem have no parameters: see :func:`resnet_features`.

    :param depth: 18, 34 or 50
    :param last_layer: 1 to 4; layer1 is at 1/4 of the input size (64 channels, 256 with depth
        50), each further layer at half of it with twice the channels
    :param pretrained: see the module's documentation
    :raises ValueError: if there is no such depth, or a file does not hold these weights
    :raises FileNotFoundError: if there is no such file
    :raises ConnectionError: if the weights cannot be downloaded
    """
    if depth not in RESNET_DEPTHS:
        raise ValueError(f'no ResNet-{depth}; choose one of: {RESNET_DEPTHS}')
    resnet = getattr(_torchvision_models(), f'resnet{depth}')(weights=None)
    names = ['conv1', 'bn1', *(f'layer{index}' for index in range(1, last_layer + 1))]
    trunk = nn.ModuleDict({name: getattr(resnet, name) for name in names})
    if pretrained is not False:
        beyond = ('fc.', *(f'layer{index}.' for index in range(last_layer + 1, RESNET_LAYERS + 1)))
        _load(trunk, read_imagenet_weights(f'resnet{depth}', pretrained), beyond)
    return trunk


def resnet_features(trunk: nn.ModuleDict, image: Tensor) -> list[Tensor]:
    """
    Return the stem before its pooling, at 1/2 of the size, and what each layer makes of it.

    :param trunk: of :func:`resnet_trunk`, with all layers
    :param image: (N, 3, H, W)
    :return: stem (N, 64, H / 2, W / 2), then layer1 at 1/4 to layer4 at 1/32
    """
    features = [F.relu(trunk['bn1'](trunk['conv1'](image)))]
    before = F.max_pool2d(features[0], 3, stride=2, padding=1)
    for index in range(1, RESNET_LAYERS + 1):
        before = trunk[f'layer{index}'](before)
        features.append(before)
    return features


def vgg_features(depth: int, pretrained: Pretrained = False) -> nn.Sequential:
    """
    Return the ``features`` of torchvision's VGG without batch norm, its five poolings included.

    They are built here because torchvision initializes 120 million parameters of the classifier
    along with them.

    :param depth: 11 or 16
    :param pretrained: see the module's documentation
    :raises ValueError: if there is no such depth, or a file does not hold these weights
    :raises FileNotFoundError: if there is no such file
    :raises ConnectionError: if the weights cannot be downloaded
    """
    if depth not in VGG_STAGE_WIDTHS:
        raise ValueError(f'no VGG-{depth}; choose one of: {tuple(VGG_STAGE_WIDTHS)}')
    modules: list[nn.Module] = []
    in_channels = 3
    for widths in VGG_STAGE_WIDTHS[depth]:
        for width in widths:
            modules += [nn.Conv2d(in_channels, width, 3, padding=1), nn.ReLU(inplace=True)]
            in_channels = width
        modules.append(nn.MaxPool2d(2))
    features = nn.Sequential(*modules)
    features.apply(_initialize_vgg)
    if pretrained is not False:
        weights = read_imagenet_weights(f'vgg{depth}', pretrained)
        weights = {name.removeprefix('features.'): value for name, value in weights.items()}
        _load(features, weights, ('classifier.',))
    return features


def split_at_pools(features: nn.Sequential) -> list[nn.Sequential]:
    """
    Return the stages of VGG features, poolings left out, each numbered from 0.

    The modules are shared with the argument, not copied.
    """
    stages: list[nn.Sequential] = []
    stage: list[nn.Module] = []
    for module in features:
        if isinstance(module, nn.MaxPool2d):
            stages.append(nn.Sequential(*stage))
            stage = []
        else:
            stage.append(module)
    return stages


def read_imagenet_weights(name: str, pretrained: Pretrained) -> dict[str, Tensor]:
    """
    Read the weights of a whole torchvision network, from a file or from torchvision.

    :param name: torchvision's name, such as ``resnet18``
    :param pretrained: ``True`` to take torchvision's, or the path of a file
    :raises FileNotFoundError: if there is no such file
    :raises ValueError: if the file holds anything but tensors by name
    :raises ConnectionError: if the weights cannot be downloaded
    """
    if isinstance(pretrained, bool):
        return _download(name)
    path = Path(pretrained).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"no pretrained weights '{path}' for the encoder {name}")
    return _read_file(path)


def _torchvision_models() -> ModuleType:
    """Import torchvision for the first network that needs it; it takes as long as torch."""
    from surgseg_ros.models.torchvision_import import torchvision

    return torchvision.models


def _download(name: str) -> dict[str, Tensor]:
    weights = _torchvision_models().get_model_weights(name).IMAGENET1K_V1
    try:
        return dict(weights.get_state_dict(progress=False, check_hash=True))
    except OSError as error:
        file = Path(torch.hub.get_dir()) / 'checkpoints' / Path(weights.url).name
        raise ConnectionError(
            f'cannot download the ImageNet weights of {name} ({error}). Without a network, '
            f"fetch {weights.url} elsewhere and put it at '{file}', or give the path of the "
            "file as 'pretrained'; pretrained=False starts from random weights"
        ) from error


def _read_file(path: Path) -> dict[str, Tensor]:
    try:
        if path.suffix == '.safetensors':
            return load_file(path)
        # weights_only: nothing but tensors is unpickled, so a file cannot run code.
        weights = torch.load(path, map_location='cpu', weights_only=True)
    except (SafetensorError, UnpicklingError, EOFError, RuntimeError) as error:
        raise ValueError(f"'{path}' is no file of tensors, or damaged: {error}") from error
    if not isinstance(weights, dict) or not all(map(torch.is_tensor, weights.values())):
        raise ValueError(f"'{path}' is no state dict: it holds more than tensors by name")
    return dict(weights)


def _load(module: nn.Module, weights: dict[str, Tensor], beyond: tuple[str, ...]) -> None:
    """
    Load a trunk from the weights of the whole network.

    :param beyond: prefixes of what may be in the weights but not in the trunk
    :raises ValueError: if anything else differs
    """
    kept = {name: value for name, value in weights.items() if not name.startswith(beyond)}
    expected, found = _shapes(module.state_dict()), _shapes(kept)
    names = [*expected, *(name for name in found if name not in expected)]
    differing = [name for name in names if expected.get(name) != found.get(name)]
    if differing:
        first = differing[0]
        raise ValueError(
            f'the pretrained weights are of another encoder: {len(differing)} of {len(names)} '
            f"tensors differ, the first is '{first}': the encoder needs "
            f'{expected.get(first, "none")}, the file has {found.get(first, "none")}'
        )
    # A plain dict has no version, so torch fills in the batch counters that old files lack.
    module.load_state_dict(kept)


def _shapes(tensors: dict[str, Tensor]) -> dict[str, tuple[int, ...]]:
    """Return the shapes by name, without batch counters: files before torch 0.4.1 lack them."""
    return {
        name: tuple(tensor.shape)
        for name, tensor in tensors.items()
        if not name.endswith('num_batches_tracked')
    }


def _initialize_vgg(module: nn.Module) -> None:
    """Initialize as torchvision does; torch's own default fades out over 13 layers."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode='fan_out', nonlinearity='relu')
        assert module.bias is not None
        nn.init.zeros_(module.bias)
