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

"""What runs a network: one engine for one batch shape, whatever library is behind it."""

from abc import ABC
from abc import abstractmethod
from collections.abc import Sequence

import numpy as np

from surgseg_ros.inference.label_images import confidence_image_on_cpu
from surgseg_ros.inference.label_images import label_image_on_cpu

Shape = tuple[int, int, int]
"""Number of images, their height and their width as the network sees them."""


class BackendError(RuntimeError):
    """A backend or a precision cannot be had here; the message says what is missing."""


class Engine(ABC):
    """
    A network compiled for one batch shape.

    The three steps of a batch, :meth:`load`, :meth:`forward` and :meth:`label_images`, belong to
    one thread. Each returns when its work is done on the device.
    """

    backend: str
    """Name of the library, as in :data:`surgseg_ros.inference.backends.BACKENDS`."""

    precision: str
    """Number format of the convolutions: ``fp32``, ``bf16`` or ``fp16``."""

    device: str
    """Such as ``cpu`` or ``cuda:0``."""

    @abstractmethod
    def load(self, images: Sequence[np.ndarray]) -> None:
        """
        Bring a batch to where the network reads it.

        :param images: as many (H, W, 3) uint8 RGB images of the size as it was compiled for
        """

    @abstractmethod
    def forward(self) -> None:
        """Run the network alone on the batch that was loaded last."""

    @abstractmethod
    def label_images(
        self, size: tuple[int, int], confidence: bool
    ) -> tuple[Sequence[np.ndarray], Sequence[np.ndarray | None]]:
        """
        Return the label images of the batch that went through the network last.

        :param size: (width, height) to resize the class scores to
        :param confidence: compute the confidence too
        :return: label images and confidences, (height, width) uint8 each; the latter are ``None``
            where they were not asked for
        """

    def close(self) -> None:  # noqa: B027 - most engines have nothing to free by hand
        """Free what the engine holds; it cannot be used afterwards."""


class HostEngine(Engine):
    """An engine whose class scores lie in the memory of the CPU."""

    device = 'cpu'

    def __init__(self) -> None:
        self._logits: np.ndarray

    @property
    def logits(self) -> np.ndarray:
        """Return the (N, C, h, w) float32 class scores of the last batch."""
        return self._logits

    def label_images(
        self, size: tuple[int, int], confidence: bool
    ) -> tuple[Sequence[np.ndarray], Sequence[np.ndarray | None]]:
        """Resize and compare the class scores with OpenCV."""
        labels = [label_image_on_cpu(scores, size[::-1]) for scores in self._logits]
        if not confidence:
            return labels, [None] * len(labels)
        return labels, [confidence_image_on_cpu(scores, size[::-1]) for scores in self._logits]
