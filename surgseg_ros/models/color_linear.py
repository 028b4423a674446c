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

"""A linear color classifier, the smallest network that a checkpoint can hold."""

from torch import nn
from torch import Tensor

from surgseg_ros.models.base import SegmentationNetwork
from surgseg_ros.models.registry import ModelInfo
from surgseg_ros.models.registry import register_model


@register_model(
    'color_linear',
    ModelInfo('Linear color classifier', note='For checking a rig with colored targets.'),
)
class ColorLinear(SegmentationNetwork):
    """
    Classify every pixel by a linear function of its color: one 1x1 convolution.

    It serves where the network must be trivial and exact: checking the wiring of a rig with
    colored targets, and testing everything around the network to the pixel.

    :param num_classes: number of classes, background included
    """

    stride = 1

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.classifier = nn.Conv2d(3, num_classes, 1)

    def compute_logits(self, image: Tensor, branch: str = 'main') -> Tensor:
        """Return (N, C, H, W) logits, see the base class."""
        self.check_branch(branch)
        return self.classifier(image)
