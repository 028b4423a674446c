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
"""The average of the weights over the last steps, which does better than those of any one step."""

from collections.abc import Iterator
from collections.abc import Mapping
import copy

import torch
from torch import nn
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn

from surgseg_ros.models import SegmentationNetwork


class WeightAverage:
    """
    An exponential moving average of a network's weights.

    Polyak and Juditsky 1992; Izmailov et al., Averaging Weights Leads to Wider Optima and Better
    Generalization, 2018. The statistics of batch normalization are averaged too, as the reference
    training of torchvision does; counters are copied. The decay rises to its value as
    (1 + step) / (10 + step) does (``ExponentialMovingAverage`` of TensorFlow), so that the first
    weights are forgotten in short runs, too.

    :param network: starts the average
    :param decay: share of the average that a step keeps, in (0, 1)
    """

    def __init__(self, network: SegmentationNetwork, decay: float) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self._decay = decay

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """
        Take the weights after a step in.

        :param step: number of steps before
        """
        pairs = list(zip(_tensors(self.network), _tensors(network), strict=True))
        floats = [pair for pair in pairs if pair[0].is_floating_point()]
        decay = min(self._decay, (1 + step) / (10 + step))
        averages, weights = (list(each) for each in zip(*floats, strict=True))
        get_ema_multi_avg_fn(decay)(averages, weights, None)
        for average, value in pairs:
            if not average.is_floating_point():
                average.copy_(value)

    def state_dict(self) -> dict[str, Tensor]:
        """Return what is needed to go on."""
        return self.network.state_dict()

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on from a state."""
        self.network.load_state_dict(state)


def _tensors(network: nn.Module) -> Iterator[Tensor]:
    yield from network.parameters()
    yield from network.buffers()
