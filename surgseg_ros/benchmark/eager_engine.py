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

"""The yardstick of the benchmark: a network as its paper ran it."""

from collections.abc import Sequence
import copy

import cv2
import numpy as np
import torch
from torch import Tensor
import torch.nn.functional as F

from surgseg_ros.inference.deployable import DeployableNetwork
from surgseg_ros.inference.engine import Engine
from surgseg_ros.inference.label_images import apply_threshold
from surgseg_ros.inference.label_images import confidence_bytes

EAGER = 'eager'


class EagerEngine(Engine):
    """
    Eager torch in single precision, NCHW in memory, batch norms unfused.

    The network gets a normalized float tensor, and :meth:`forward` ends with its logits at their
    own resolution, as that of the other engines does: resizing and arg max belong to
    :meth:`label_images`.
    """

    backend = EAGER
    precision = 'fp32'

    def __init__(self, network: DeployableNetwork, device: torch.device) -> None:
        self.device = str(device)
        self._device = device
        self._network = copy.deepcopy(network).to(device).eval()
        self._batch: Tensor
        self._logits: Tensor

    @torch.inference_mode()
    def load(self, images: Sequence[np.ndarray]) -> None:
        """Normalize the images on the device."""
        bytes_first = torch.from_numpy(np.stack(images)).to(self._device).permute(0, 3, 1, 2)
        batch = bytes_first.float() * self._network.scale + self._network.offset
        self._batch = batch.contiguous()
        self._synchronize()

    @torch.inference_mode()
    def forward(self) -> None:
        """Run the network."""
        stride = self._network.stride
        fits = all(side % stride == 0 for side in self._batch.shape[-2:])
        compute = self._network.model.compute_logits if fits else self._network.model
        self._logits = compute(self._batch, self._network.branch)
        self._synchronize()

    @torch.inference_mode()
    def label_images(
        self, size: tuple[int, int], confidence: bool
    ) -> tuple[Sequence[np.ndarray], Sequence[np.ndarray | None]]:
        """Resize the class scores and take the arg max, with torch."""
        logits = apply_threshold(self._logits, self._network.threshold)
        resized = F.interpolate(logits, size[::-1], mode='bilinear', align_corners=False)
        labels = list(resized.argmax(dim=1).to(torch.uint8).cpu().numpy())
        confidences: Sequence[np.ndarray | None] = [None] * len(labels)
        if confidence:
            small = confidence_bytes(logits).cpu().numpy()
            confidences = [cv2.resize(image, size) for image in small]
        return labels, confidences

    def _synchronize(self) -> None:
        if self._device.type == 'cuda':
            torch.cuda.synchronize(self._device)
