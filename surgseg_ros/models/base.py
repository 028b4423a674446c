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

import torch
from torch import nn
from torch import Tensor
from torch.func import functional_call
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode


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


def count_flops(model: SegmentationNetwork, size: tuple[int, int], branch: str = 'main') -> int:
    """
    Count the floating-point operations for one image, two a multiplication and addition.

    Nothing is computed: only shapes pass through the network, so that a full-size image takes
    fractions of a second. Counted are convolutions and matrix products, as everywhere.

    :param model: a network in evaluation mode, on any device
    :param size: (width, height) of the image in pixels
    :param branch: one of the network's branches
    """
    width, height = size
    tensors = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    shapes = {name: torch.empty_like(tensor, device='meta') for name, tensor in tensors.items()}
    image = torch.empty(1, 3, height, width, device='meta')
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        functional_call(model, shapes, (image, branch))
    return counter.get_total_flops()
