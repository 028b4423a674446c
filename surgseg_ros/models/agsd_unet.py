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
The U-Net of Liu et al. 2020 (anchor generation and semantic diffusion), paper and released form.

D. Liu, Y. Wei, T. Jiang, Y. Wang, R. Miao, F. Shan, Z. Li: Unsupervised Surgical Instrument
Segmentation via Anchor Generation and Semantic Diffusion. MICCAI 2020.
https://arxiv.org/abs/2008.11946

``encoder='vanilla'``: the paper's words (section 2.2) are "a vanilla U-Net" with a reference to O.
Ronneberger, P. Fischer, T. Brox, MICCAI 2015, https://arxiv.org/abs/1505.04597, figure 1. Shapes
for a 512x640 (height x width) image::

    down   image -> 64x512x640 -> 128x256x320 -> 256x128x160 -> 512x64x80 -> 1024x32x40
    up     512x64x80 -> 256x128x160 -> 128x256x320 -> 64x512x640
    head   conv1x1 -> Cx512x640

A level has two 3x3 convolutions with ReLU; going down are 2x2 max poolings, going up 2x2
transposed convolutions, concatenated after the skip. 31,031,745 parameters for one output;
1926.7 GFLOP at 1280x1024, 481.7 at 640x512. Deviations: convolutions are padded, so that the
output has the size of the input (the original loses 92 pixels on each side), and there is no
dropout.

``encoder='resnet18'``: the network that the authors released, with its parameter names. Shapes::

    encoder  image 3x512x640 -> conv7x7/2 BN ReLU, max pool 64x128x160 (bottom)
             -> layer1 64x128x160 -> layer2 128x64x80 -> layer3 256x32x40 -> layer4 512x16x20
    decoder  seg_block1  layer4 enlarged x2 -> 64x32x40,   + layer3 = 320
             seg_block2  enlarged x2        -> 32x64x80,   + layer2 = 160
             seg_block3  enlarged x2        -> 16x128x160, + layer1 =  80
             seg_block4  same size          -> 16x128x160, + bottom =  80
             seg_block5  enlarged x4        ->  8x512x640, + image  =  11
    head     linear 11 -> C a pixel

A block is nearest-neighbour enlargement and two 3x3 convolutions with ReLU, no batch norm.
11,655,452 parameters for one output; 125.4 GFLOP at 1280x1024, 31.3 at 640x512. The code's unused
options (transposed convolutions, bilinear enlargement) are left out: its configuration has them
off. The logits are (N, C, H, W), the released network's (N, H, W, 1).

Both forms take two outputs for task binary; the authors' single one is ``single_logit=True``.
"""

import torch
from torch import nn
from torch import Tensor
import torch.nn.functional as F

from surgseg_ros.models.base import SegmentationNetwork
from surgseg_ros.models.encoders import Pretrained
from surgseg_ros.models.encoders import resnet_trunk
from surgseg_ros.models.registry import IMAGENET_MEAN
from surgseg_ros.models.registry import IMAGENET_STD
from surgseg_ros.models.registry import ModelInfo
from surgseg_ros.models.registry import register_model

ENCODERS = ('vanilla', 'resnet18')
VANILLA_WIDTHS = (64, 128, 256, 512, 1024)


@register_model(
    'agsd_unet',
    ModelInfo(
        'U-Net of AGSD (Liu et al. 2020)',
        input_size=(640, 512),
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        tasks=('binary',),
        citation='D. Liu, Y. Wei, T. Jiang, Y. Wang, R. Miao, F. Shan, Z. Li: Unsupervised '
        'Surgical Instrument Segmentation via Anchor Generation and Semantic Diffusion. '
        'MICCAI 2020',
        url='https://arxiv.org/abs/2008.11946',
        note="encoder='vanilla' is the paper's network, encoder='resnet18' the released one.",
    ),
)
class AGSDUNet(SegmentationNetwork):
    """
    U-Net, vanilla or on a ResNet-18.

    :param num_classes: number of outputs
    :param encoder: ``'vanilla'`` (paper) or ``'resnet18'`` (released code)
    :param pretrained: ImageNet weights of the ResNet-18, see :mod:`surgseg_ros.models.encoders`
    :raises ValueError: if there is no such encoder, or weights are given for the vanilla one
    """

    def __init__(
        self, num_classes: int, encoder: str = 'vanilla', pretrained: Pretrained = False
    ) -> None:
        super().__init__()
        if encoder not in ENCODERS:
            raise ValueError(f"no encoder '{encoder}'; choose one of: {', '.join(ENCODERS)}")
        self._is_vanilla = encoder == 'vanilla'
        if not self._is_vanilla:
            self._build_released(num_classes, pretrained)
        elif pretrained is False:
            self._build_vanilla(num_classes)
        else:
            raise ValueError(
                "the vanilla U-Net has no pretrained encoder; leave 'pretrained' out or choose "
                "encoder='resnet18'"
            )

    def compute_logits(self, image: Tensor, branch: str = 'main') -> Tensor:
        """
        Compute the logits at the input's size.

        :param image: (N, 3, H, W) float, H and W multiples of 32
        :return: (N, C, H, W)
        :raises ValueError: if there is no such branch
        """
        self.check_branch(branch)
        return self._compute_vanilla(image) if self._is_vanilla else self._compute_released(image)

    def _build_vanilla(self, num_classes: int) -> None:
        widths = VANILLA_WIDTHS
        self.down = nn.ModuleList(
            _two_convolutions(before, after)
            for before, after in zip((3, *widths), widths, strict=False)
        )
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(2 * width, width, 2, stride=2) for width in widths[-2::-1]
        )
        self.merge = nn.ModuleList(_two_convolutions(2 * w, w) for w in widths[-2::-1])
        self.seg_head: nn.Conv2d | nn.Linear = nn.Conv2d(widths[0], num_classes, 1)
        self.apply(_initialize)

    def _compute_vanilla(self, image: Tensor) -> Tensor:
        features = self.down[0](image)
        skips = []
        for down in self.down[1:]:
            skips.append(features)
            features = down(F.max_pool2d(features, 2))
        for up, merge in zip(self.up, self.merge, strict=True):
            features = merge(torch.cat([skips.pop(), up(features)], dim=1))
        return self.seg_head(features)

    def _build_released(self, num_classes: int, pretrained: Pretrained) -> None:
        trunk = resnet_trunk(18, pretrained=pretrained)
        self.backbone_bottom = nn.Sequential(
            trunk['conv1'],
            trunk['bn1'],
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, stride=2, padding=1),
        )
        self.backbone_layer1 = trunk['layer1']
        self.backbone_layer2 = trunk['layer2']
        self.backbone_layer3 = trunk['layer3']
        self.backbone_layer4 = trunk['layer4']
        self.seg_block1 = _enlarge_and_convolve(512, 64, scale=2)
        self.seg_block2 = _enlarge_and_convolve(320, 32, scale=2)
        self.seg_block3 = _enlarge_and_convolve(160, 16, scale=2)
        self.seg_block4 = _two_convolutions(80, 16)
        self.seg_block5 = _enlarge_and_convolve(80, 8, scale=4)
        self.seg_head = nn.Linear(11, num_classes)

    def _compute_released(self, image: Tensor) -> Tensor:
        bottom = self.backbone_bottom(image)
        layer1 = self.backbone_layer1(bottom)
        layer2 = self.backbone_layer2(layer1)
        layer3 = self.backbone_layer3(layer2)
        layer4 = self.backbone_layer4(layer3)
        features = torch.cat([self.seg_block1(layer4), layer3], dim=1)
        features = torch.cat([self.seg_block2(features), layer2], dim=1)
        features = torch.cat([self.seg_block3(features), layer1], dim=1)
        features = torch.cat([self.seg_block4(features), bottom], dim=1)
        features = torch.cat([self.seg_block5(features), image], dim=1)
        # The released head is a linear layer on the last axis; as a convolution it needs no
        # transposed copy of the full-size map.
        return F.conv2d(features, self.seg_head.weight[..., None, None], self.seg_head.bias)


def _two_convolutions(in_channels: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(out_channels, out_channels, 3, padding=1),
        nn.ReLU(inplace=True),
    )


def _initialize(module: nn.Module) -> None:
    """Keep the variance through the layers (Ronneberger et al., section 3)."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, nonlinearity='relu')
        assert module.bias is not None
        nn.init.zeros_(module.bias)


def _enlarge_and_convolve(in_channels: int, out_channels: int, scale: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Upsample(scale_factor=scale), *_two_convolutions(in_channels, out_channels)
    )
