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
Multi-resolution feature fusion network of Islam et al. 2019.

M. Islam, D. A. Atputharuban, R. Ramesh, H. Ren: Real-Time Instrument Segmentation in Robotic
Surgery using Auxiliary Supervised Deep Adversarial Learning. IEEE RA-L 4(2), 2019.
https://doi.org/10.1109/LRA.2019.2900854

Shapes for a 1024x1280 (height x width) image, figure 3 of the paper::

    main      image 3x1024x1280 -> conv7x7/2 64 @1/2 -> max pool @1/4 -> layer1 64 @1/4
              -> layer2 128 @1/8 -> layer3 256 @1/16 -> layer4 512 @1/32 -> SPP 512 @1/32
    auxiliary image halved 3x512x640 -> conv7x7/2 64 @1/4 -> max pool @1/8 -> layer1 64 @1/8
              -> layer2 128 @1/16
    MFF       ReLU(BN(conv1x1/2(auxiliary)) + BN(dilated conv3x3(SPP))) = fused 512 @1/32
              auxiliary class maps: C @1/8
    decoders  fused -> +layer3 256 @1/16 -> +layer2 128 @1/8 -> +layer1 64 @1/4
    class     deconv3x3 32, conv3x3 32, deconv2x2/2 -> C @1/2 (paper) or C @1/1 (released code)

The paper's 14.91 M parameters are those of separate encoders: 14,906,276 for two classes. At
1280x1024 the main branch costs 121.1 GFLOP (two a multiplication and addition), the auxiliary one
115.0.

The authors' released code differs from the text, and so do the weights made with it.
``RELEASED_OPTIONS`` gives their network: the two branches share their encoder (``share_encoder``)
and the last layer of their class blocks (``share_classifier``), there is a fourth decoder at the
stem (``stem_decoder``) and the class block ends at full resolution (``head_stride=2``). It costs
126.5 GFLOP. For two classes its outputs depend on 14,227,490 parameters; counting the shared last
layer once a use, as tools that count by calls do, makes it 14,227,748. The released weights hold
267 thousand more, of layers that no output depends on. :func:`translate_released_key` maps the
names of the weights to those here.

Deviations from the released code: it divides by zero below 512 rows or columns, here pooling
kernels are at least 1; it returns both branches in training mode, here
:meth:`MFFNet.compute_both` does.
"""

from collections.abc import Mapping
from typing import Any
from typing import NamedTuple

from torch import nn
from torch import Tensor
import torch.nn.functional as F

from surgseg_ros.models.base import SegmentationNetwork
from surgseg_ros.models.encoders import Pretrained
from surgseg_ros.models.encoders import resnet_trunk
from surgseg_ros.models.registry import ModelInfo
from surgseg_ros.models.registry import register_model

SPP_GRIDS = (16, 8, 4, 2)

RELEASED_OPTIONS: Mapping[str, Any] = {
    'share_encoder': True,
    'share_classifier': True,
    'stem_decoder': True,
    'head_stride': 2,
}
"""Options of :class:`MFFNet` that make the network of the released code and weights."""

_RELEASED_DECODERS = {
    **{f'decoder{index}': f'decoder{index}' for index in range(1, 5)},
    'decoder4_x2': 'auxiliary_head.decoder',
}
_RELEASED_PREFIXES: Mapping[str, str | None] = {
    'in_block.0.': 'encoder.conv1.',
    'in_block.1.': 'encoder.bn1.',
    **{f'encoder{index}.': f'encoder.layer{index}.' for index in range(1, 5)},
    'mff_sub24_x2.low_convbn.cb_unit.': 'fusion.auxiliary_projection.',
    'mff_sub24_x2.high_convbn.cb_unit.': 'fusion.main_projection.',
    # An auxiliary head that is computed there but that nothing uses, registered in part twice.
    'mff_sub24_x2.decoder4_x2.': None,
    'mff_sub24_x2.conv2_x2.': None,
    'mff_sub24_x2.tp_conv2.': None,
    'mff_sub24_x2.mff_class.': None,
    **{
        f'{released}.{part}.': f'{ours}.{index}.'
        for released, ours in _RELEASED_DECODERS.items()
        for index, part in enumerate(('conv1', 'deconv', 'conv2'))
    },
    'conv2_x2.': 'auxiliary_head.conv.',
    'deconv1.': 'segmentation_head.0.',
    'conv2.': 'segmentation_head.1.',
    'deconv2.': 'segmentation_head.2.',
}


class BranchLogits(NamedTuple):
    """Logits of both branches, each at its own resolution, as the losses want them."""

    main: Tensor
    auxiliary: Tensor


class EncoderFeatures(NamedTuple):
    """Feature maps of the main encoder, finest first."""

    stem: Tensor
    layer1: Tensor
    layer2: Tensor
    layer3: Tensor
    layer4: Tensor


def conv_bn_relu(in_channels: int, out_channels: int, kernel_size: int, bias: bool) -> nn.Module:
    """Return a same-size convolution with batch norm and ReLU."""
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel_size, padding=kernel_size // 2, bias=bias),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )


def deconv3x3_bn_relu(in_channels: int, out_channels: int, stride: int, bias: bool) -> nn.Module:
    """Return a 3x3 transposed convolution that enlarges exactly ``stride`` times."""
    return nn.Sequential(
        nn.ConvTranspose2d(
            in_channels,
            out_channels,
            3,
            stride=stride,
            padding=1,
            output_padding=stride - 1,
            bias=bias,
        ),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )


class SpatialPyramidPooling(nn.Module):
    """
    Sum a feature map with its averages over four grids (section II-B).

    Kernel and stride are ``(h // g, w // g)``: at 32x40 this yields the paper's grids 16x20, 8x8,
    4x4 and 2x2. Maps smaller than a grid are pooled with kernel 1 along that side.
    """

    def forward(self, features: Tensor) -> Tensor:
        """Return a map of the size of the (N, C, h, w) input."""
        height, width = features.shape[-2:]
        pooled = features
        for grid in SPP_GRIDS:
            kernel = (max(height // grid, 1), max(width // grid, 1))
            average = F.avg_pool2d(features, kernel, kernel)
            pooled = pooled + F.interpolate(
                average, (height, width), mode='bilinear', align_corners=False
            )
        return pooled


class Decoder(nn.Sequential):
    """
    LinkNet decoder: 1x1 convolution to a quarter, 3x3 transposed convolution, 1x1 convolution.

    :param stride: 2 doubles height and width, 1 keeps them
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 2) -> None:
        middle = in_channels // 4
        super().__init__(
            conv_bn_relu(in_channels, middle, 1, bias=False),
            deconv3x3_bn_relu(middle, middle, stride, bias=False),
            conv_bn_relu(middle, out_channels, 1, bias=False),
        )


class MultiResolutionFeatureFusion(nn.Module):
    """Fuse the auxiliary branch (128 @1/16) with the main branch (512 @1/32), section II-A."""

    def __init__(self) -> None:
        super().__init__()
        self.auxiliary_projection = nn.Sequential(
            nn.Conv2d(128, 512, 1, stride=2, bias=False), nn.BatchNorm2d(512)
        )
        self.main_projection = nn.Sequential(
            nn.Conv2d(512, 512, 3, padding=2, dilation=2, bias=False), nn.BatchNorm2d(512)
        )

    def forward(self, auxiliary: Tensor, main: Tensor) -> Tensor:
        """Return the fused map, 512 @1/32."""
        return F.relu(self.auxiliary_projection(auxiliary) + self.main_projection(main))


class AuxiliaryHead(nn.Module):
    """
    Class maps of the auxiliary branch, C @1/8, with a skip from the auxiliary encoder.

    :param classifier: the last layer, 32 channels to C at twice the size
    """

    def __init__(self, classifier: nn.Module) -> None:
        super().__init__()
        self.decoder = Decoder(512, 128)
        self.conv = conv_bn_relu(128, 32, 3, bias=True)
        self.classifier = classifier

    def forward(self, fused: Tensor, skip: Tensor) -> Tensor:
        """Return (N, C, H / 8, W / 8) logits, or what else the last layer makes of 32 @1/16."""
        return self.classifier(self.conv(skip + self.decoder(fused)))


@register_model(
    'mffnet',
    ModelInfo(
        'MFFNet (Islam et al. 2019)',
        tasks=('binary', 'parts', 'types'),
        citation='M. Islam, D. A. Atputharuban, R. Ramesh, H. Ren: Real-Time Instrument '
        'Segmentation in Robotic Surgery using Auxiliary Supervised Deep Adversarial Learning. '
        'IEEE Robotics and Automation Letters 4(2), 2019',
        url='https://doi.org/10.1109/LRA.2019.2900854',
        note='The paper subtracts the mean of its training images and does not print it.',
    ),
)
class MFFNet(SegmentationNetwork):
    """
    Two ResNet-18 branches at full and half resolution, fused, decoded with additive skips.

    :param num_classes: number of classes, background included
    :param share_encoder: use the main encoder's stem, layer1 and layer2 in the auxiliary branch
        too, as the released code does
    :param share_classifier: end the auxiliary head in the last layer of the main one, as the
        released code does
    :param stem_decoder: add the released code's fourth decoder, with a skip from the stem
    :param head_stride: 1: logits at half the input size (paper); 2: at the input size (released
        code). The parameters are the same.
    :param pretrained: ImageNet weights of the encoders, see :mod:`surgseg_ros.models.encoders`

    >>> import torch
    >>> model = MFFNet(num_classes=4).eval()
    >>> model(torch.zeros(1, 3, 256, 320)).shape
    torch.Size([1, 4, 256, 320])
    """

    branches = ('main', 'auxiliary')

    def __init__(
        self,
        num_classes: int,
        share_encoder: bool = False,
        stem_decoder: bool = False,
        head_stride: int = 1,
        share_classifier: bool = False,
        pretrained: Pretrained = False,
    ) -> None:
        super().__init__()
        if head_stride not in (1, 2):
            raise ValueError(
                f'head_stride must be 1 (paper) or 2 (released code), not {head_stride}'
            )
        self.encoder = resnet_trunk(18, pretrained=pretrained)
        self.auxiliary_encoder = (
            None if share_encoder else resnet_trunk(18, last_layer=2, pretrained=pretrained)
        )
        self.pyramid = SpatialPyramidPooling()
        self.fusion = MultiResolutionFeatureFusion()
        self.share_classifier = share_classifier
        # A module of two names would be in the state dict twice, which safetensors refuses.
        self.auxiliary_head = AuxiliaryHead(
            nn.Identity() if share_classifier else _make_classifier(num_classes)
        )
        self.decoder4 = Decoder(512, 256)
        self.decoder3 = Decoder(256, 128)
        self.decoder2 = Decoder(128, 64)
        self.decoder1 = Decoder(64, 64, stride=1) if stem_decoder else None
        self.segmentation_head = nn.Sequential(
            deconv3x3_bn_relu(64, 32, head_stride, bias=True),
            conv_bn_relu(32, 32, 3, bias=True),
            _make_classifier(num_classes),
        )

    def compute_logits(self, image: Tensor, branch: str = 'main') -> Tensor:
        """
        Compute one branch; the auxiliary one leaves the decoders out.

        :param image: (N, 3, H, W) float, H and W multiples of 32
        :return: main: (N, C, H / 2, W / 2), or (N, C, H, W) with ``head_stride=2``;
            auxiliary: (N, C, H / 8, W / 8)
        :raises ValueError: if there is no such branch
        """
        self.check_branch(branch)
        features, auxiliary, fused = self._fuse(image)
        if branch == 'auxiliary':
            return self._classify_auxiliary(auxiliary, fused)
        return self._decode(features, fused)

    def compute_both(self, image: Tensor) -> BranchLogits:
        """Compute the logits of both branches for the loss of equation (1), sizes as above."""
        features, auxiliary, fused = self._fuse(image)
        return BranchLogits(
            self._decode(features, fused), self._classify_auxiliary(auxiliary, fused)
        )

    def _fuse(self, image: Tensor) -> tuple[EncoderFeatures, Tensor, Tensor]:
        """Return the main features, the auxiliary feature map @1/16 and the fused map @1/32."""
        features = self._encode(image)
        half = F.interpolate(image, scale_factor=0.5, mode='bilinear', align_corners=False)
        auxiliary = self._encode_auxiliary(half)
        return features, auxiliary, self.fusion(auxiliary, self.pyramid(features.layer4))

    def _encode(self, image: Tensor) -> EncoderFeatures:
        stem = _stem(self.encoder, image)
        layer1 = self.encoder['layer1'](stem)
        layer2 = self.encoder['layer2'](layer1)
        layer3 = self.encoder['layer3'](layer2)
        return EncoderFeatures(stem, layer1, layer2, layer3, self.encoder['layer4'](layer3))

    def _encode_auxiliary(self, half_image: Tensor) -> Tensor:
        encoder = self.encoder if self.auxiliary_encoder is None else self.auxiliary_encoder
        return encoder['layer2'](encoder['layer1'](_stem(encoder, half_image)))

    def _classify_auxiliary(self, auxiliary: Tensor, fused: Tensor) -> Tensor:
        classified = self.auxiliary_head(fused, auxiliary)
        return self.segmentation_head[-1](classified) if self.share_classifier else classified

    def _decode(self, features: EncoderFeatures, fused: Tensor) -> Tensor:
        decoded = features.layer3 + self.decoder4(fused)
        decoded = features.layer2 + self.decoder3(decoded)
        decoded = features.layer1 + self.decoder2(decoded)
        if self.decoder1 is not None:
            decoded = features.stem + self.decoder1(decoded)
        return self.segmentation_head(decoded)


def _stem(encoder: nn.ModuleDict, image: Tensor) -> Tensor:
    """Return conv7x7/2, batch norm, ReLU and 3x3/2 max pooling: 64 channels at a quarter."""
    return F.max_pool2d(F.relu(encoder['bn1'](encoder['conv1'](image))), 3, stride=2, padding=1)


def _make_classifier(num_classes: int) -> nn.Module:
    """Return the last layer of a class block: 32 channels to C at twice the size."""
    return nn.ConvTranspose2d(32, num_classes, 2, stride=2)


def translate_released_key(key: str) -> str | None:
    """
    Return the name here of a tensor in the released weights.

    :param key: its name there, without the ``module.`` of DataParallel
    :return: its name in the state dict of ``MFFNet(num_classes, **RELEASED_OPTIONS)``; None for a
        layer that no output depends on
    :raises ValueError: if the released weights have no such tensor

    >>> translate_released_key('in_block.0.weight')
    'encoder.conv1.weight'
    """
    for released, ours in _RELEASED_PREFIXES.items():
        if key.startswith(released):
            return None if ours is None else ours + key.removeprefix(released)
    raise ValueError(f"the released weights of MFFNet have no tensor '{key}'")
