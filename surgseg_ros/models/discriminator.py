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
The fully convolutional discriminator of the adversarial training of Islam et al. 2019.

M. Islam, D. A. Atputharuban, R. Ramesh, H. Ren: Real-Time Instrument Segmentation in Robotic
Surgery using Auxiliary Supervised Deep Adversarial Learning. IEEE RA-L 4(2), 2019, section II-B
and figure 4. https://doi.org/10.1109/LRA.2019.2900854. They take it from W.-C. Hung, Y.-H. Tsai,
Y.-T. Liou, Y.-Y. Lin, M.-H. Yang: Adversarial Learning for Semi-Supervised Semantic Segmentation.
BMVC 2018. https://arxiv.org/abs/1802.07934

Shapes for class maps of 1024x1280 (height x width), 4x4 convolutions with stride 2 and padding 1,
leaky ReLU (0.2) between them, no batch norm::

    conv1 C -> 64 @1/2 -> conv2 128 @1/4 -> conv3 256 @1/8 -> conv4 512 @1/16
    -> classifier 1 @1/32 -> bilinear 1 @1/1

2,763,713 parameters for two classes, 2,769,857 for eight. It returns logits, for
``binary_cross_entropy_with_logits``: high where the maps look like a label image.
"""

from torch import nn
from torch import Tensor
import torch.nn.functional as F

SLOPE = 0.2


class Discriminator(nn.Module):
    """
    Judge at every pixel whether class maps come from a label image or from a network.

    It is used in training alone and is no segmentation network: the registry does not know it.

    :param num_classes: channels of the class maps, background included

    >>> import torch
    >>> Discriminator(num_classes=2)(torch.zeros(1, 2, 64, 96)).shape
    torch.Size([1, 1, 64, 96])
    """

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(num_classes, 64, 4, stride=2, padding=1)
        self.conv2 = nn.Conv2d(64, 128, 4, stride=2, padding=1)
        self.conv3 = nn.Conv2d(128, 256, 4, stride=2, padding=1)
        self.conv4 = nn.Conv2d(256, 512, 4, stride=2, padding=1)
        self.classifier = nn.Conv2d(512, 1, 4, stride=2, padding=1)

    def forward(self, class_maps: Tensor) -> Tensor:
        """
        Return logits of the input's size.

        :param class_maps: (N, C, H, W) probabilities: the softmax of a network's logits, or a
            label image one-hot; H and W at least 32
        :return: (N, 1, H, W) logits of "this is a label image"
        """
        features = class_maps
        for conv in (self.conv1, self.conv2, self.conv3, self.conv4):
            features = F.leaky_relu(conv(features), SLOPE)
        logits = self.classifier(features)
        size = class_maps.shape[-2:]
        return F.interpolate(logits, size, mode='bilinear', align_corners=False)
