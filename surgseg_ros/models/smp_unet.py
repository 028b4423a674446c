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
U-Net with a ResNet-34 encoder, as ``segmentation_models_pytorch.Unet('resnet34')`` builds it.

H. I. Akgun: Surgical Instrumentation Segmentation using U-Net with ResNet Backbone, 2025, section
"Model Architecture", trains it on SAR-RARP50 (10 classes). The library is P. Iakubovskii:
Segmentation Models PyTorch, 2019, https://github.com/qubvel-org/segmentation_models.pytorch; the
U-Net is O. Ronneberger, P. Fischer, T. Brox, MICCAI 2015, https://arxiv.org/abs/1505.04597.

Shapes for a 256x256 image (the report's size; any multiple of 32 goes)::

    encoder  image 3x256x256 -> conv7x7/2 BN ReLU 64x128x128 -> max pool 64x64x64
             -> layer1 64x64x64 -> layer2 128x32x32 -> layer3 256x16x16 -> layer4 512x8x8
    decoder  block 0: 512 enlarged, + layer3 256 = 768 -> 256x16x16
             block 1: 256 enlarged, + layer2 128 = 384 -> 128x32x32
             block 2: 128 enlarged, + layer1  64 = 192 ->  64x64x64
             block 3:  64 enlarged, + stem    64 = 128 ->  32x128x128
             block 4:  32 enlarged                     ->  16x256x256
    head     conv3x3 -> Cx256x256

A block enlarges by nearest neighbour, concatenates (enlarged map first) and applies two 3x3
convolutions without bias, each with batch norm and ReLU.

24,437,674 parameters and 278 tensors for 10 classes, their names and shapes those of the library
(0.1.0 and later), so that its state dicts load key by key. 316.0 GFLOP at 1280x1024, 15.8 at
256x256.

No deviations. Two facts of the report's code that concern its weights: images are resized to
256x256 whatever their aspect, and they are scaled to [0, 1] without ImageNet's normalization.
"""

import torch
from torch import nn
from torch import Tensor
import torch.nn.functional as F

from surgseg_ros.models.base import SegmentationNetwork
from surgseg_ros.models.encoders import Pretrained
from surgseg_ros.models.encoders import resnet_features
from surgseg_ros.models.encoders import resnet_trunk
from surgseg_ros.models.registry import ModelInfo
from surgseg_ros.models.registry import register_model

DECODER_CHANNELS = (
    (512, 256, 256),
    (256, 128, 128),
    (128, 64, 64),
    (64, 64, 32),
    (32, 0, 16),
)
"""Channels from below, of the skip and out of each decoder block, coarsest first."""


class DecoderBlock(nn.Module):
    """Enlarge twice by nearest neighbour, append the skip, convolve twice."""

    def __init__(self, in_channels: int, skip_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv1 = _conv_bn_relu(in_channels + skip_channels, out_channels)
        self.conv2 = _conv_bn_relu(out_channels, out_channels)

    def forward(self, features: Tensor, skip: Tensor | None) -> Tensor:
        """
        Return (N, out, 2 h, 2 w) features.

        :param features: (N, in, h, w)
        :param skip: (N, skip, 2 h, 2 w), or none at full resolution
        """
        features = F.interpolate(features, scale_factor=2.0, mode='nearest')
        if skip is not None:
            features = torch.cat([features, skip], dim=1)
        return self.conv2(self.conv1(features))


class Decoder(nn.Module):
    """The five decoder blocks, coarsest first."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(DecoderBlock(*channels) for channels in DECODER_CHANNELS)

    def forward(self, features: Tensor, skips: list[Tensor | None]) -> Tensor:
        """
        Return (N, 16, H, W) features.

        :param features: (N, 512, H / 32, W / 32)
        :param skips: one a block, coarsest first
        """
        for block, skip in zip(self.blocks, skips, strict=True):
            features = block(features, skip)
        return features


@register_model(
    'smp_unet_resnet34',
    ModelInfo(
        'U-Net ResNet-34 (Akgun 2025, SMP)',
        input_size=(256, 256),
        tasks=('sar_rarp50',),
        citation='H. I. Akgun: Surgical Instrumentation Segmentation using U-Net with ResNet '
        'Backbone, 2025; P. Iakubovskii: Segmentation Models PyTorch, 2019',
        url='https://github.com/qubvel-org/segmentation_models.pytorch',
        note='Loads the state dicts of smp.Unet("resnet34"). The report does not normalize '
        'images; weights trained otherwise need the mean and deviation they were trained with.',
    ),
)
class SMPUNet(SegmentationNetwork):
    """
    U-Net on ResNet-34 with the modules and parameter names of ``smp.Unet('resnet34')``.

    :param num_classes: number of outputs
    :param pretrained: ImageNet weights of the encoder, see :mod:`surgseg_ros.models.encoders`
    """

    def __init__(self, num_classes: int, pretrained: Pretrained = False) -> None:
        super().__init__()
        self.encoder = resnet_trunk(34, pretrained=pretrained)
        self.decoder = Decoder()
        self.segmentation_head = nn.Sequential(nn.Conv2d(16, num_classes, 3, padding=1))
        # As the library does: its training recipes rely on it.
        self.decoder.apply(_initialize_decoder)
        self.segmentation_head.apply(_initialize_head)

    def compute_logits(self, image: Tensor, branch: str = 'main') -> Tensor:
        """
        Compute the logits at the input's size.

        :param image: (N, 3, H, W) float, H and W multiples of 32
        :return: (N, C, H, W)
        :raises ValueError: if there is no such branch
        """
        self.check_branch(branch)
        *skips, deepest = resnet_features(self.encoder, image)
        return self.segmentation_head(self.decoder(deepest, [*reversed(skips), None]))


def _conv_bn_relu(in_channels: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )


def _initialize_decoder(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_uniform_(module.weight, nonlinearity='relu')


def _initialize_head(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        assert module.bias is not None
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)
