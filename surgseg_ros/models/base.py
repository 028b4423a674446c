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

"""What every network of the package has in common."""

from abc import ABC
from abc import abstractmethod
from typing import ClassVar

from torch import nn
from torch import Tensor
import torch.nn.functional as F


class SegmentationNetwork(nn.Module, ABC):
    """
    A network that turns a batch of images into a batch of class scores.

    Subclasses implement :meth:`compute_logits` for sizes divisible by :attr:`stride`;
    :meth:`forward` makes any size fit.
    """

    stride: ClassVar[int] = 32
    """Height and width of the input of :meth:`compute_logits` must be multiples of it."""

    branches: ClassVar[tuple[str, ...]] = ('main',)
    """Names of the outputs that can be computed alone."""

    @abstractmethod
    def compute_logits(self, image: Tensor, branch: str = 'main') -> Tensor:
        """
        Compute the logits at the network's own output resolution.

        :param image: (N, 3, H, W) float, normalized RGB; H and W multiples of :attr:`stride`
        :param branch: one of :attr:`branches`
        :return: (N, C, H / k, W / k) float logits, k depends on network and branch
        """

    def forward(self, image: Tensor, branch: str = 'main') -> Tensor:
        """
        Compute logits of the input's size.

        The image is padded to the right and below, by repeating its last column and row, up to a
        multiple of :attr:`stride`; logits are resized bilinearly to the padded size, then cropped.

        :param image: (N, 3, H, W) float, normalized RGB, any H and W
        :param branch: one of :attr:`branches`
        :return: (N, C, H, W) float logits
        :raises ValueError: if the network has no such branch
        """
        self.check_branch(branch)
        height, width = image.shape[-2:]
        padded = pad_to_multiple(image, self.stride)
        logits = self.compute_logits(padded, branch)
        logits = F.interpolate(logits, padded.shape[-2:], mode='bilinear', align_corners=False)
        return logits[..., :height, :width]

    def check_branch(self, branch: str) -> None:
        """
        Refuse a branch that the network does not have.

        :raises ValueError: naming the branches that exist
        """
        if branch not in self.branches:
            raise ValueError(
                f"{type(self).__name__} has no branch '{branch}'; "
                f'choose one of: {", ".join(self.branches)}'
            )


def pad_to_multiple(image: Tensor, multiple: int) -> Tensor:
    """
    Pad right and below by repeating the edge, up to a multiple of a number of pixels.

    :param image: (N, C, H, W)
    """
    height, width = image.shape[-2:]
    right = -width % multiple
    below = -height % multiple
    if right == 0 and below == 0:
        return image
    return F.pad(image, (0, right, 0, below), mode='replicate')


def count_parameters(model: nn.Module) -> int:
    """Count the parameters of a network, shared ones once."""
    return sum(parameter.numel() for parameter in model.parameters())
