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
TernausNet-11 and TernausNet-16: U-Nets whose encoder is a VGG pretrained on ImageNet.

A. A. Shvets, A. Rakhlin, A. A. Kalinin, V. I. Iglovikov: Automatic Instrument Segmentation in
Robot-Assisted Surgery Using Deep Learning. IEEE ICMLA 2018. https://arxiv.org/abs/1803.01207;
V. Iglovikov, A. Shvets: TernausNet. https://arxiv.org/abs/1801.05746

Shapes for a 1024x1280 (height x width) image; encoder stages are 3x3 convolutions with ReLU,
1, 1, 2, 2, 2 of them in VGG-11 and 2, 2, 3, 3, 3 in VGG-16, between max poolings by 2::

    conv1   3 ->  64 @1/1       dec1  32 +  64 -> 32 @1/1 -> final 1x1 -> C @1/1
    conv2  64 -> 128 @1/2       dec2  64 + 128 -> 128 -> 32 @1/1
    conv3 128 -> 256 @1/4       dec3  a + 256 -> b -> 64 @1/2      11: a 128, b 256; 16: 256, 128
    conv4 256 -> 512 @1/8       dec4  256 + 512 -> 512 -> a @1/4
    conv5 512 -> 512 @1/16      dec5  256 + 512 -> 512 -> 256 @1/8
                                center pool(conv5) 512 @1/32 -> 512 -> 256 @1/16

A decoder block ``i -> m -> o`` is a 3x3 convolution with ReLU and a 4x4 transposed convolution
that doubles the size, with ReLU; the concatenation is [decoded, skip]. The asymmetry of ``dec3``
and ``dec4`` is that of the published code.

==============  ======================  =====================
network         parameters, one output  GFLOP at 1280x1024
==============  ======================  =====================
TernausNet-11   25,364,513              1096.47
TernausNet-16   32,202,337              1598.45
==============  ======================  =====================

Parameter names are those of ternaus/robot-surgery-segmentation. Checkpoints of the repository
ternaus/TernausNet have other decoders and do not fit. Two deviations: the published code
registers the encoder's tensors a second time as ``encoder.*``, here they exist once; and it ends
in ``log_softmax`` for more than one class, ours returns logits.
"""

from dataclasses import replace

import torch
from torch import nn
from torch import Tensor
import torch.nn.functional as F

from surgseg_ros.models.base import SegmentationNetwork
from surgseg_ros.models.encoders import Pretrained
from surgseg_ros.models.encoders import split_at_pools
from surgseg_ros.models.encoders import vgg_features
from surgseg_ros.models.registry import register_model
from surgseg_ros.models.unet import ConvReLU
from surgseg_ros.models.unet import SHVETS_2018


class DecoderBlock(nn.Module):
    """A 3x3 convolution and a 4x4 transposed convolution that doubles the size, each with ReLU."""

    def __init__(self, in_channels: int, middle: int, out_channels: int) -> None:
        super().__init__()
        self.block = nn.Sequential(
            ConvReLU(in_channels, middle),
            nn.ConvTranspose2d(middle, out_channels, 4, stride=2, padding=1),
            nn.ReLU(inplace=True),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Return (N, out_channels, 2 H, 2 W)."""
        return self.block(features)


class _TernausNet(SegmentationNetwork):
    """
    What both depths have in common.

    :param depth: of the VGG
    :param dec4_out: channels that ``dec4`` hands to ``dec3``
    :param dec3_middle: channels inside ``dec3``
    """

    stride = 32

    def __init__(
        self, num_classes: int, depth: int, dec4_out: int, dec3_middle: int, pretrained: Pretrained
    ) -> None:
        super().__init__()
        stages = split_at_pools(vgg_features(depth, pretrained))
        self.conv1, self.conv2, self.conv3, self.conv4, self.conv5 = stages
        self.center = DecoderBlock(512, 512, 256)
        self.dec5 = DecoderBlock(512 + 256, 512, 256)
        self.dec4 = DecoderBlock(512 + 256, 512, dec4_out)
        self.dec3 = DecoderBlock(256 + dec4_out, dec3_middle, 64)
        self.dec2 = DecoderBlock(128 + 64, 128, 32)
        self.dec1 = ConvReLU(64 + 32, 32)
        self.final = nn.Conv2d(32, num_classes, 1)

    def compute_logits(self, image: Tensor, branch: str = 'main') -> Tensor:
        """
        Compute logits of the input's size.

        :param image: (N, 3, H, W) float, H and W multiples of 32
        :return: (N, C, H, W)
        """
        self.check_branch(branch)
        conv1 = self.conv1(image)
        conv2 = self.conv2(F.max_pool2d(conv1, 2))
        conv3 = self.conv3(F.max_pool2d(conv2, 2))
        conv4 = self.conv4(F.max_pool2d(conv3, 2))
        conv5 = self.conv5(F.max_pool2d(conv4, 2))
        decoded = self.center(F.max_pool2d(conv5, 2))
        decoded = self.dec5(torch.cat([decoded, conv5], dim=1))
        decoded = self.dec4(torch.cat([decoded, conv4], dim=1))
        decoded = self.dec3(torch.cat([decoded, conv3], dim=1))
        decoded = self.dec2(torch.cat([decoded, conv2], dim=1))
        return self.final(self.dec1(torch.cat([decoded, conv1], dim=1)))


@register_model(
    'ternausnet11',
    replace(
        SHVETS_2018,
        title='TernausNet-11 (Shvets et al. 2018)',
        note='Encoder VGG-11.',
    ),
)
class TernausNet11(_TernausNet):
    """
    U-Net with a VGG-11 encoder, ``UNet11`` in the published code.

    :param num_classes: number of classes, background included; 1: one logit of "instrument"
    :param pretrained: ImageNet weights of the encoder, see :mod:`surgseg_ros.models.encoders`

    >>> import torch
    >>> TernausNet11(num_classes=1).eval()(torch.zeros(1, 3, 64, 96)).shape
    torch.Size([1, 1, 64, 96])
    """

    def __init__(self, num_classes: int, pretrained: Pretrained = False) -> None:
        super().__init__(num_classes, 11, dec4_out=128, dec3_middle=256, pretrained=pretrained)


@register_model(
    'ternausnet16',
    replace(
        SHVETS_2018,
        title='TernausNet-16 (Shvets et al. 2018)',
        note='Encoder VGG-16.',
    ),
)
class TernausNet16(_TernausNet):
    """
    U-Net with a VGG-16 encoder, ``UNet16`` in the published code.

    :param num_classes: number of classes, background included; 1: one logit of "instrument"
    :param pretrained: ImageNet weights of the encoder, see :mod:`surgseg_ros.models.encoders`
    """

    def __init__(self, num_classes: int, pretrained: Pretrained = False) -> None:
        super().__init__(num_classes, 16, dec4_out=256, dec3_middle=256, pretrained=pretrained)
