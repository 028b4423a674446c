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

"""PyTorch itself, on the CPU: needs nothing else and takes every network at once."""

from collections.abc import Sequence

import numpy as np
import torch

from surgseg_ros.inference.deployable import DeployableNetwork
from surgseg_ros.inference.engine import HostEngine
from surgseg_ros.inference.engine import Shape


class TorchEngine(HostEngine):
    """
    Eager torch, channels last in memory.

    :param network: in the number format of the precision, channels last
    """

    backend = 'torch'

    def __init__(self, network: DeployableNetwork, shape: Shape, precision: str) -> None:
        super().__init__()
        self.precision = precision
        self._network = network
        self._batch = torch.empty((*shape, 3), dtype=torch.uint8)

    def load(self, images: Sequence[np.ndarray]) -> None:
        """Put the images one after the other into the batch."""
        np.stack(images, out=self._batch.numpy())

    @torch.inference_mode()
    def forward(self) -> None:
        """Run the network."""
        self._logits = self._network(self._batch).numpy()
