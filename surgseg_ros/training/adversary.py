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
"""The adversarial part of the training of Islam et al. 2019, section II-C and figure 4."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lightning_fabric import Fabric
import torch
from torch import nn
from torch import Tensor

from surgseg_ros.models.discriminator import Discriminator
from surgseg_ros.training.adversarial_losses import discriminator_loss
from surgseg_ros.training.adversarial_losses import generator_loss
from surgseg_ros.training.adversarial_losses import predicted_maps
from surgseg_ros.training.adversarial_losses import true_maps
from surgseg_ros.training.recipe import Recipe


class Adversary:
    """
    A discriminator with its optimizer.

    :param fabric: engine of the run
    :param recipe: learning rate and betas of the discriminator
    :param num_classes: of the task
    """

    def __init__(self, fabric: Fabric, recipe: Recipe, num_classes: int) -> None:
        network = Discriminator(num_classes)
        optimizer = torch.optim.Adam(
            network.parameters(),
            recipe.discriminator_learning_rate,
            recipe.discriminator_betas,
            fused=True,
        )
        self._fabric = fabric
        self._rate = recipe.discriminator_learning_rate
        self._network, self._optimizer = fabric.setup(network, optimizer)

    def generator_loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """
        Return L_adv for the segmentation network; the discriminator gets no gradients.

        :param logits: (N, C, h, w) of the main branch
        :param labels: (N, H, W) int64
        """
        # The bare module: the wrapper of several processes would wait for gradients.
        bare = self._network.module
        with _frozen(bare), self._fabric.autocast():
            return generator_loss(bare(predicted_maps(logits, labels)))

    def update(self, logits: Tensor, labels: Tensor, rate_factor: float) -> Tensor:
        """
        Take a step of the discriminator and return its loss.

        :param logits: (N, C, h, w), of the same images
        :param labels: (N, H, W) int64
        :param rate_factor: of the schedule
        """
        for group in self._optimizer.param_groups:
            group['lr'] = self._rate * rate_factor
        maps = torch.cat([predicted_maps(logits.detach(), labels), true_maps(logits, labels)])
        predicted, true = self._network(maps).chunk(2)
        loss = discriminator_loss(predicted, true)
        self._optimizer.zero_grad(set_to_none=True)
        self._fabric.backward(loss)
        self._optimizer.step()
        return loss.detach()

    def state_dict(self) -> dict[str, Any]:
        """Return what is needed to go on."""
        return {
            'network': self._network.state_dict(),
            'optimizer': self._optimizer.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self._network.load_state_dict(state['network'])
        self._optimizer.load_state_dict(state['optimizer'])


@contextmanager
def _frozen(network: nn.Module) -> Iterator[None]:
    """Let gradients through a network but not into it."""
    network.requires_grad_(False)
    try:
        yield
    finally:
        network.requires_grad_(True)
