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
Refined attention segmentation network of Ni et al. 2019.

Z.-L. Ni, G.-B. Bian, X.-L. Xie, Z.-G. Hou, X.-H. Zhou, Y.-J. Zhou: RASNet: Segmentation for
Tracking Surgical Instruments in Surgical Videos Using Refined Attention Segmentation Network.
EMBC 2019. https://arxiv.org/abs/1905.08663

Shapes for a 256x320 (height x width) image, figure 1 and sections II-A to II-C::

    encoder  ResNet-50: image 3x256x320 -> conv7x7/2 BN ReLU 64x128x160 -> max pool 64x64x80
             -> layer1 256x64x80 -> layer2 512x32x40 -> layer3 1024x16x20 -> layer4 2048x8x10
    decoder  decoder4 1024x16x20 -> AFM with layer3
             -> decoder3 512x32x40 -> AFM with layer2
             -> decoder2 256x64x80 -> AFM with layer1
             -> decoder1 64x128x160
    head     deconv3x3/2 32x257x321 -> conv3x3 32x255x319 -> conv2x2 Cx256x320

    decoder block  conv1x1 to a quarter, deconv4x4/2, conv1x1; each with batch norm and ReLU
    AFM(high, low) high + softmax over channels(BN(conv1x1(average of high))) * low

32,583,368 parameters for 8 classes (31,203,528 without attention) and 324.9 GFLOP at 1280x1024,
20.3 at 320x256; 32,582,594 and 322.9 GFLOP for two classes.

What the paper leaves open, and how it is settled here:

* Figure 1 labels the encoder with channels that no ResNet-50 has; its real ones are used.
* Figure 2 draws a 3x3 convolution on the low features of the AFM, the text of section II-B
  multiplies them as they are. The text is followed.
* The text names no ReLU in the decoder block and no layers after it. Both are those of LinkNet-34
  (:mod:`surgseg_ros.models.linknet`), as in RAUNet, the next network of the same authors.
* "Without AFM" (table III) adds high and low features, as LinkNet does: ``attention=False``.

The weights of an AFM sum to one over up to 1024 channels, so that the skips begin about a
thousand times weaker than the decoder's features; training has to raise them.
"""

import torch
from torch import nn
from torch import Tensor
import torch.nn.functional as F

from surgseg_ros.models.base import SegmentationNetwork
from surgseg_ros.models.encoders import Pretrained
from surgseg_ros.models.encoders import resnet_features
from surgseg_ros.models.encoders import resnet_trunk
from surgseg_ros.models.linknet import LinkNetDecoder
from surgseg_ros.models.registry import IMAGENET_MEAN
from surgseg_ros.models.registry import IMAGENET_STD
from surgseg_ros.models.registry import ModelInfo
from surgseg_ros.models.registry import register_model


class AttentionFusionModule(nn.Module):
    """
    Add the low features, weighted by the global context of the high ones (section II-B).

    :param channels: channels of both maps
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 1, bias=False)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, high: Tensor, low: Tensor) -> Tensor:
        """
        Return a map of the size of the (N, C, h, w) inputs.

        :raises ValueError: in training, for a batch of one
        """
        if self.norm.training and high.shape[0] == 1:
            raise ValueError(
                'RASNet cannot be trained with a batch of one image: the batch norm of its '
                'attention sees one value a channel, whose deviation is zero. Use batches of at '
                'least 2 and drop_last=True in the data loader, or attention=False'
            )
        context = F.adaptive_avg_pool2d(high, 1)
        weights = torch.softmax(self.norm(self.conv(context)), dim=1)
        return high + weights * low


class SumFusion(nn.Module):
    """Add high and low features: the network without attention of table III."""

    def forward(self, high: Tensor, low: Tensor) -> Tensor:
        """Return a map of the size of the (N, C, h, w) inputs."""
        return high + low


@register_model(
    'rasnet',
    ModelInfo(
        'RASNet (Ni et al. 2019)',
        input_size=(320, 256),
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        tasks=('types',),
        citation='Z.-L. Ni, G.-B. Bian, X.-L. Xie, Z.-G. Hou, X.-H. Zhou, Y.-J. Zhou: RASNet: '
        'Segmentation for Tracking Surgical Instruments in Surgical Videos Using Refined '
        'Attention Segmentation Network. EMBC 2019',
        url='https://arxiv.org/abs/1905.08663',
        note='Training needs batches of at least two images, see attention.',
    ),
)
class RASNet(SegmentationNetwork):
    """
    ResNet-50 U-shape whose skips are weighted by attention.

    :param num_classes: number of outputs
    :param attention: ``False``: add the skips unweighted (table III, "without AFM")
    :param pretrained: ImageNet weights of the encoder, as in the paper (table IV compares with
        random ones), see :mod:`surgseg_ros.models.encoders`
    """

    def __init__(
        self, num_classes: int, attention: bool = True, pretrained: Pretrained = False
    ) -> None:
        super().__init__()
        self.encoder = resnet_trunk(50, pretrained=pretrained)
        self.decoder4 = LinkNetDecoder(2048, 1024)
        self.decoder3 = LinkNetDecoder(1024, 512)
        self.decoder2 = LinkNetDecoder(512, 256)
        self.decoder1 = LinkNetDecoder(256, 64)
        self.fusion4 = AttentionFusionModule(1024) if attention else SumFusion()
        self.fusion3 = AttentionFusionModule(512) if attention else SumFusion()
        self.fusion2 = AttentionFusionModule(256) if attention else SumFusion()
        # The middle convolution has no padding: 2 h + 1 -> 2 h - 1 -> 2 h rows.
        self.segmentation_head = nn.Sequential(
            nn.ConvTranspose2d(64, 32, 3, stride=2),
            nn.ReLU(inplace=True),
            nn.Conv2d(32, 32, 3),
            nn.ReLU(inplace=True),
            nn.Conv2d(32, num_classes, 2, padding=1),
        )

    def compute_logits(self, image: Tensor, branch: str = 'main') -> Tensor:
        """
        Compute the logits at the input's size.

        :param image: (N, 3, H, W) float, H and W multiples of 32
        :return: (N, C, H, W)
        :raises ValueError: if there is no such branch, or in training for a batch of one
        """
        self.check_branch(branch)
        _, layer1, layer2, layer3, layer4 = resnet_features(self.encoder, image)
        decoded = self.fusion4(self.decoder4(layer4), layer3)
        decoded = self.fusion3(self.decoder3(decoded), layer2)
        decoded = self.fusion2(self.decoder2(decoded), layer1)
        return self.segmentation_head(self.decoder1(decoded))
