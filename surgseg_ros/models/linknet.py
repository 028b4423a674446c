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
LinkNet-34 of Shvets et al. 2018: a ResNet-34 encoder and light decoders with additive skips.

A. A. Shvets, A. Rakhlin, A. A. Kalinin, V. I. Iglovikov: Automatic Instrument Segmentation in
Robot-Assisted Surgery Using Deep Learning. IEEE ICMLA 2018. https://arxiv.org/abs/1803.01207;
A. Chaurasia, E. Culurciello: LinkNet. IEEE VCIP 2017.
https://arxiv.org/abs/1707.03718

Shapes for a 1024x1280 (height x width) image::

    firstconv  conv7x7/2 3 -> 64 @1/2 -> max pool @1/4
    encoder1    64 @1/4         decoder1 64 @1/2, without a skip
    encoder2   128 @1/8         decoder2 64 @1/4 + encoder1
    encoder3   256 @1/16        decoder3 128 @1/8 + encoder2
    encoder4   512 @1/32        decoder4 256 @1/16 + encoder3
    head       deconv3x3/2 32, conv3x3 32 without padding, conv2x2 C with padding 1 @1/1

A decoder is a 1x1 convolution to a quarter of the channels, a 4x4 transposed convolution that
doubles the size and a 1x1 convolution, each with batch norm and ReLU. From h rows the head makes
2 h + 1, 2 h - 1 and 2 h, so that its output has the size of the image.

21,794,721 parameters with one output, 232.95 GFLOP at 1280x1024 (two a multiplication and
addition). Layers and parameter names are those of the published code, which differ from the
LinkNet paper's in the encoder's depth and the head. One deviation: it ends in ``log_softmax`` for
more than one class, ours returns logits.
"""

from dataclasses import replace

from torch import nn
from torch import Tensor
import torch.nn.functional as F

from surgseg_ros.models.base import SegmentationNetwork
from surgseg_ros.models.encoders import Pretrained
from surgseg_ros.models.encoders import resnet_trunk
from surgseg_ros.models.registry import register_model
from surgseg_ros.models.unet import SHVETS_2018


class LinkNetDecoder(nn.Module):
    """Double the size through a bottleneck of a quarter of the channels."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        middle = in_channels // 4
        self.conv1 = nn.Conv2d(in_channels, middle, 1)
        self.norm1 = nn.BatchNorm2d(middle)
        self.deconv2 = nn.ConvTranspose2d(middle, middle, 4, stride=2, padding=1)
        self.norm2 = nn.BatchNorm2d(middle)
        self.conv3 = nn.Conv2d(middle, out_channels, 1)
        self.norm3 = nn.BatchNorm2d(out_channels)

    def forward(self, features: Tensor) -> Tensor:
        """Return (N, out_channels, 2 H, 2 W)."""
        features = F.relu(self.norm1(self.conv1(features)))
        features = F.relu(self.norm2(self.deconv2(features)))
        return F.relu(self.norm3(self.conv3(features)))


@register_model(
    'linknet34',
    replace(
        SHVETS_2018,
        title='LinkNet-34 (Shvets et al. 2018)',
        note='Encoder ResNet-34.',
    ),
)
class LinkNet34(SegmentationNetwork):
    """
    LinkNet with a ResNet-34 encoder.

    :param num_classes: number of classes, background included; 1: one logit of "instrument"
    :param pretrained: ImageNet weights of the encoder, see :mod:`surgseg_ros.models.encoders`

    >>> import torch
    >>> LinkNet34(num_classes=1).eval()(torch.zeros(1, 3, 64, 96)).shape
    torch.Size([1, 1, 64, 96])
    """

    stride = 32

    def __init__(self, num_classes: int, pretrained: Pretrained = False) -> None:
        super().__init__()
        trunk = resnet_trunk(34, pretrained=pretrained)
        self.firstconv = trunk['conv1']
        self.firstbn = trunk['bn1']
        self.encoder1 = trunk['layer1']
        self.encoder2 = trunk['layer2']
        self.encoder3 = trunk['layer3']
        self.encoder4 = trunk['layer4']
        self.decoder4 = LinkNetDecoder(512, 256)
        self.decoder3 = LinkNetDecoder(256, 128)
        self.decoder2 = LinkNetDecoder(128, 64)
        self.decoder1 = LinkNetDecoder(64, 64)
        self.finaldeconv1 = nn.ConvTranspose2d(64, 32, 3, stride=2)
        self.finalconv2 = nn.Conv2d(32, 32, 3)
        self.finalconv3 = nn.Conv2d(32, num_classes, 2, padding=1)

    def compute_logits(self, image: Tensor, branch: str = 'main') -> Tensor:
        """
        Compute logits of the input's size.

        :param image: (N, 3, H, W) float, H and W multiples of 32
        :return: (N, C, H, W)
        """
        self.check_branch(branch)
        stem = F.relu(self.firstbn(self.firstconv(image)))
        encoder1 = self.encoder1(F.max_pool2d(stem, 3, stride=2, padding=1))
        encoder2 = self.encoder2(encoder1)
        encoder3 = self.encoder3(encoder2)
        decoded = self.decoder4(self.encoder4(encoder3)) + encoder3
        decoded = self.decoder3(decoded) + encoder2
        decoded = self.decoder2(decoded) + encoder1
        return self._head(self.decoder1(decoded))

    def _head(self, decoded: Tensor) -> Tensor:
        features = F.relu(self.finaldeconv1(decoded))
        return self.finalconv3(F.relu(self.finalconv2(features)))
