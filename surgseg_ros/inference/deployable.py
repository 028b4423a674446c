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

"""A network as backends compile it: camera bytes in, class scores out, batch norms folded."""

from collections.abc import Sequence

import torch
from torch import nn
from torch import Tensor
from torch.nn.utils.fusion import fuse_conv_bn_eval

from surgseg_ros.inference.checkpoint_info import CheckpointInfo
from surgseg_ros.inference.label_images import apply_threshold
from surgseg_ros.models import SegmentationNetwork

Convolution = nn.Conv2d | nn.ConvTranspose2d


class DeployableNetwork(nn.Module):
    """
    A network with what belongs before and after it, so that only bytes travel to the device.

    It computes in the number format of the model's parameters.

    :param model: in evaluation mode
    :param mean: RGB mean of the images in [0, 1]
    :param std: RGB deviation
    :param branch: output of the network
    :param threshold: probability in (0, 1) from which on a pixel is an instrument; it acts on
        networks of one or two outputs
    """

    scale: Tensor
    offset: Tensor

    def __init__(
        self,
        model: SegmentationNetwork,
        mean: Sequence[float],
        std: Sequence[float],
        branch: str = 'main',
        threshold: float = 0.5,
    ) -> None:
        super().__init__()
        model.check_branch(branch)
        self.model = model
        self.branch = branch
        self.threshold = threshold
        deviation = torch.tensor(std).view(1, 3, 1, 1)
        self.register_buffer('scale', 1 / (255 * deviation))
        self.register_buffer('offset', -torch.tensor(mean).view(1, 3, 1, 1) / deviation)
        self.eval()

    @classmethod
    def from_checkpoint(
        cls, model: SegmentationNetwork, info: CheckpointInfo, branch: str, threshold: float
    ) -> 'DeployableNetwork':
        """Return the network of a checkpoint, normalized as that says."""
        return cls(model, info.mean, info.std, branch, threshold)

    @property
    def stride(self) -> int:
        """Return the number of pixels that height and width should be multiples of."""
        return self.model.stride

    def forward(self, images: Tensor) -> Tensor:
        """
        Return (N, C, h, w) float32 logits at the network's own resolution; C is at least 2.

        Where height or width are no multiples of the stride, they are padded and the logits have
        the size of the images.

        :param images: (N, H, W, 3) uint8 RGB
        """
        batch = images.permute(0, 3, 1, 2).float() * self.scale + self.offset
        batch = batch.to(next(self.model.parameters()).dtype)
        fits = batch.shape[-2] % self.stride == 0 and batch.shape[-1] % self.stride == 0
        compute = self.model.compute_logits if fits else self.model
        return apply_threshold(compute(batch, self.branch).float(), self.threshold)


def fold_batch_norms(model: SegmentationNetwork) -> None:
    """
    Make every batch norm part of the convolution before it, in place.

    Which belong together shows one small image on its way through each branch.

    :param model: on the CPU, in evaluation mode; it cannot be trained any more
    """
    replacements: dict[nn.Module, nn.Module] = {}
    for norm, convolution in _find_pairs(model).items():
        transposed = isinstance(convolution, nn.ConvTranspose2d)
        replacements[convolution] = fuse_conv_bn_eval(convolution, norm, transpose=transposed)
        replacements[norm] = nn.Identity()
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if child in replacements:
                parent.add_module(name, replacements[child])
    model.eval()


def _find_pairs(model: SegmentationNetwork) -> dict[nn.BatchNorm2d, Convolution]:
    """Return the convolution whose output each batch norm gets."""
    makers: dict[int, Convolution] = {}
    outputs: list[Tensor] = []
    pairs: dict[nn.BatchNorm2d, Convolution] = {}

    def note_convolution(module: nn.Module, _: object, output: Tensor) -> None:
        assert isinstance(module, Convolution)
        outputs.append(output)  # Alive, so that no other tensor gets its identity.
        makers[id(output)] = module

    def note_norm(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        assert isinstance(module, nn.BatchNorm2d)
        if id(inputs[0]) in makers:
            pairs[module] = makers[id(inputs[0])]

    hooks = [
        module.register_forward_hook(note_convolution)
        for module in model.modules()
        if isinstance(module, Convolution)
    ] + [
        module.register_forward_pre_hook(note_norm)
        for module in model.modules()
        if isinstance(module, nn.BatchNorm2d)
    ]
    image = torch.zeros(1, 3, model.stride, model.stride)
    with torch.inference_mode():
        for branch in model.branches:
            model.compute_logits(image, branch)
    for hook in hooks:
        hook.remove()
    return pairs
