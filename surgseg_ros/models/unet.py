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
The plain U-Net of Shvets et al. 2018, with half the channels of Ronneberger's.

A. A. Shvets, A. Rakhlin, A. A. Kalinin, V. I. Iglovikov: Automatic Instrument Segmentation in
Robot-Assisted Surgery Using Deep Learning. IEEE ICMLA 2018. https://arxiv.org/abs/1803.01207;
O. Ronneberger, P. Fischer, T. Brox: U-Net. MICCAI 2015.

Shapes for a 1024x1280 (height x width) image; a block is two 3x3 convolutions, each with ReLU::

    down.0   3 ->  32 @1/1       up.0    64 +  32 ->  32 @1/1 -> conv_final 1x1 -> C @1/1
    down.1  32 ->  64 @1/2       up.1   128 +  64 ->  64 @1/2
    down.2  64 -> 128 @1/4       up.2   256 + 128 -> 128 @1/4
    down.3 128 -> 256 @1/8       up.3   512 + 256 -> 256 @1/8
    down.4 256 -> 512 @1/32

Max pooling halves, but quarters before ``down.4``; nearest-neighbour upsampling undoes it. The
concatenation is [upsampled, skip].

7,846,657 parameters with one output, 530.83 GFLOP at 1280x1024 (two a multiplication and
addition). Layers and parameter names are those of the published code, not of the figure: widths
32 to 512, padding, no batch norm, the pooling by 4. One deviation: it ends in ``log_softmax`` for
more than one class, ours returns logits; the loss, or arg max, does not miss it.
"""

from dataclasses import replace
from itertools import pairwise

import torch
from torch import nn
from torch import Tensor
import torch.nn.functional as F

from surgseg_ros.models.base import SegmentationNetwork
from surgseg_ros.models.registry import IMAGENET_MEAN
from surgseg_ros.models.registry import IMAGENET_STD
from surgseg_ros.models.registry import ModelInfo
from surgseg_ros.models.registry import register_model

SHVETS_2018 = ModelInfo(
    'Shvets et al. 2018',
    mean=IMAGENET_MEAN,
    std=IMAGENET_STD,
    tasks=('binary', 'parts', 'types'),
    citation='A. A. Shvets, A. Rakhlin, A. A. Kalinin, V. I. Iglovikov: Automatic Instrument '
    'Segmentation in Robot-Assisted Surgery Using Deep Learning. IEEE ICMLA 2018',
    url='https://arxiv.org/abs/1803.01207',
)
"""What the four networks of that paper have in common."""

WIDTHS = (32, 64, 128, 256, 512)
POOLINGS = (2, 2, 2, 4)


class ConvReLU(nn.Module):
    """A same-size 3x3 convolution with ReLU; the parameters are named ``conv.*``."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        """Return (N, out_channels, H, W)."""
        return F.relu(self.conv(features), inplace=True)


class DoubleConv(nn.Module):
    """Two 3x3 convolutions with ReLU, named ``l1`` and ``l2``."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.l1 = ConvReLU(in_channels, out_channels)
        self.l2 = ConvReLU(out_channels, out_channels)

    def forward(self, features: Tensor) -> Tensor:
        """Return (N, out_channels, H, W)."""
        return self.l2(self.l1(features))


@register_model(
    'unet',
    replace(
        SHVETS_2018,
        title='U-Net (Shvets et al. 2018)',
        note='The plain one: no batch norm, nothing pretrained.',
    ),
)
class UNet(SegmentationNetwork):
    """
    U-Net without batch norm, 32 to 512 channels.

    :param num_classes: number of classes, background included; 1: one logit of "instrument"

    >>> import torch
    >>> UNet(num_classes=1).eval()(torch.zeros(1, 3, 64, 96)).shape
    torch.Size([1, 1, 64, 96])
    """

    stride = 32

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        steps = list(pairwise(WIDTHS))
        self.down = nn.ModuleList(
            [DoubleConv(3, WIDTHS[0]), *(DoubleConv(fine, coarse) for fine, coarse in steps)]
        )
        self.up = nn.ModuleList(DoubleConv(coarse + fine, fine) for fine, coarse in steps)
        self.conv_final = nn.Conv2d(WIDTHS[0], num_classes, 1)

    def compute_logits(self, image: Tensor, branch: str = 'main') -> Tensor:
        """
        Compute logits of the input's size.

        :param image: (N, 3, H, W) float, H and W multiples of 32
        :return: (N, C, H, W)
        """
        self.check_branch(branch)
        skips = [self.down[0](image)]
        for down, pooling in zip(self.down[1:], POOLINGS, strict=True):
            skips.append(down(F.max_pool2d(skips[-1], pooling)))
        decoded = skips.pop()
        for up, scale in zip(reversed(self.up), reversed(POOLINGS), strict=True):
            enlarged = F.interpolate(decoded, scale_factor=float(scale), mode='nearest')
            decoded = up(torch.cat([enlarged, skips.pop()], dim=1))
        return self.conv_final(decoded)
