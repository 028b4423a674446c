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

"""Engines on an NVIDIA GPU: bytes go in and class ids come out, all between in CUDA graphs."""

from collections.abc import Callable
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from surgseg_ros.inference.engine import Engine
from surgseg_ros.inference.engine import Shape
from surgseg_ros.inference.label_images import confidence_bytes
from surgseg_ros.inference.label_images import label_images_on_device

WARM_UP_RUNS = 3
"""Runs before a capture, in which cuDNN chooses its kernels and torch fills its caches."""


class CudaEngine(Engine):
    """
    A network in CUDA graphs with pinned buffers at both ends.

    The graph saves the launches of some hundred kernels, which take longer than the kernels.

    :param network: on the device, (N, H, W, 3) uint8 to (N, C, h, w) float32 logits
    :param precision: number format that the network computes in
    """

    def __init__(
        self,
        network: Callable[[Tensor], Tensor],
        shape: Shape,
        device: torch.device,
        precision: str,
        backend: str = 'torch',
    ) -> None:
        self.backend = backend
        self.precision = precision
        self.device = str(device)
        self._device = device
        self._network = network
        self._pinned = torch.empty((*shape, 3), dtype=torch.uint8, pin_memory=True)
        self._images = torch.empty((*shape, 3), dtype=torch.uint8, device=device)
        self._labelers: dict[tuple[tuple[int, int], bool], _GraphedLabels] = {}
        with torch.inference_mode():
            self._graph, self._logits = _capture(self._compute, device)

    def load(self, images: Sequence[np.ndarray]) -> None:
        """Send the images as bytes, a quarter of the floats' size."""
        np.stack(images, out=self._pinned.numpy())
        self._images.copy_(self._pinned, non_blocking=True)
        self._synchronize()

    def forward(self) -> None:
        """Replay the graph of the network."""
        self._graph.replay()
        self._synchronize()

    def label_images(
        self, size: tuple[int, int], confidence: bool
    ) -> tuple[Sequence[np.ndarray], Sequence[np.ndarray | None]]:
        """Resize and compare the class scores on the device and fetch one byte a pixel."""
        key = (size, confidence)
        if key not in self._labelers:
            self._labelers[key] = _GraphedLabels(self._logits, size, confidence)
        found = self._labelers[key].replay()
        labels = list(found[0])
        return labels, list(found[1]) if confidence else [None] * len(labels)

    def close(self) -> None:
        """Free graphs and buffers."""
        self._labelers.clear()
        del self._graph, self._logits, self._images, self._pinned, self._network

    def _compute(self) -> Tensor:
        return self._network(self._images)

    def _synchronize(self) -> None:
        torch.cuda.synchronize(self._device)


class _GraphedLabels:
    """
    The way from class scores to bytes on the host, as a graph.

    :param logits: (N, C, h, w), always the same memory
    :param size: (width, height)
    """

    def __init__(self, logits: Tensor, size: tuple[int, int], confidence: bool) -> None:
        self._logits = logits
        self._size = size[::-1]
        self._confidence = confidence
        self._device = logits.device
        with torch.inference_mode():
            self._graph, self._bytes = _capture(self._compute, self._device)
        self._pinned = torch.empty(self._bytes.shape, dtype=torch.uint8, pin_memory=True)

    def replay(self) -> np.ndarray:
        """Return (1 or 2, N, height, width) uint8: labels and, where asked for, confidences."""
        self._graph.replay()
        self._pinned.copy_(self._bytes, non_blocking=True)
        torch.cuda.synchronize(self._device)
        return self._pinned.numpy().copy()

    def _compute(self) -> Tensor:
        labels = label_images_on_device(self._logits, self._size)
        if not self._confidence:
            return labels[None]
        small = confidence_bytes(self._logits).float()
        # Interpolated after rounding to bytes, as on the CPU.
        confidences = torch.nn.functional.interpolate(
            small[:, None], self._size, mode='bilinear', align_corners=False
        )[:, 0]
        return torch.stack([labels, confidences.round().to(torch.uint8)])


def _capture(
    compute: Callable[[], Tensor], device: torch.device
) -> tuple[torch.cuda.CUDAGraph, Tensor]:
    """Return the graph of a computation on fixed memory, and where its result appears."""
    stream = torch.cuda.Stream(device)
    stream.wait_stream(torch.cuda.current_stream(device))
    with torch.cuda.stream(stream):
        for _ in range(WARM_UP_RUNS):
            compute()
    torch.cuda.current_stream(device).wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    # Other threads, such as the one that loads the next network, may use the GPU meanwhile.
    with torch.cuda.graph(graph, stream=stream, capture_error_mode='thread_local'):
        result = compute()
    return graph, result
