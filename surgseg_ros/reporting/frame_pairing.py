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

"""Bringing together what belongs to one moment and arrives on separate topics."""

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import fields

import numpy as np

MEMORY_LIMIT = 256 * 2**20
"""Bytes of images that may wait for their partners."""


@dataclass(frozen=True)
class EyeFrame:
    """
    Everything that belongs to one image of one eye.

    :param image: (H, W, 3) uint8 RGB
    :param prediction: (H, W) uint8 class ids
    :param truth: (H, W) uint8 class ids
    :param overlay: (H, W, 3) uint8 RGB, the image with the predicted labels drawn in
    """

    image: np.ndarray
    prediction: np.ndarray
    truth: np.ndarray
    overlay: np.ndarray


PARTS = tuple(part.name for part in fields(EyeFrame))


class FramePairing:
    """
    Collect the parts of stereo frames by exact stamp.

    Once the waiting parts exceed the memory limit the oldest frames are forgotten.

    :param eyes: such as ``('left', 'right')``
    :param memory_limit: bytes
    """

    def __init__(self, eyes: Sequence[str], memory_limit: int = MEMORY_LIMIT) -> None:
        self._eyes = tuple(eyes)
        self._memory_limit = memory_limit
        self._waiting: dict[int, dict[str, dict[str, np.ndarray]]] = {}

    def add(self, stamp_ns: int, eye: str, part: str, array: np.ndarray) -> dict[str, np.ndarray]:
        """
        Add one part of a frame.

        :param part: one of :data:`PARTS`
        :return: the parts of this image that have arrived so far
        """
        frame = self._waiting.setdefault(stamp_ns, {name: {} for name in self._eyes})
        frame[eye][part] = array
        self._forget_oldest()
        return frame[eye]

    def take_complete(self, stamp_ns: int) -> dict[str, EyeFrame] | None:
        """
        Return and forget the frames of all eyes if every part of them has arrived.

        Frames whose parts differ in size belong to no picture; they are forgotten.
        """
        frame = self._waiting.get(stamp_ns)
        if frame is None or any(len(parts) < len(PARTS) for parts in frame.values()):
            return None
        del self._waiting[stamp_ns]
        sizes = {array.shape[:2] for parts in frame.values() for array in parts.values()}
        if len(sizes) > 1:
            return None
        return {eye: EyeFrame(**parts) for eye, parts in frame.items()}

    def _forget_oldest(self) -> None:
        sizes = {
            stamp: sum(array.nbytes for parts in frame.values() for array in parts.values())
            for stamp, frame in self._waiting.items()
        }
        total = sum(sizes.values())
        for stamp in sorted(sizes)[:-1]:
            if total <= self._memory_limit:
                return
            del self._waiting[stamp]
            total -= sizes[stamp]
