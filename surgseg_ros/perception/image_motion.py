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

"""How fast instruments move in the image."""

from collections.abc import Sequence

import numpy as np

from surgseg_ros.perception.region import Region

MAX_INTERVAL_S = 0.5
"""Over longer ones an instrument may have turned back."""
MAX_SPEED = 3.0
"""Faster instruments are taken for others, in image diagonals per second."""


class ImageMotion:
    """
    Measure the motion of instruments from one image of an eye to the next.

    :param image_size: (width, height) in px
    """

    def __init__(self, image_size: tuple[int, int]) -> None:
        self.image_size = image_size
        self._limit = MAX_SPEED * float(np.hypot(*image_size))
        self._time_s = -np.inf
        self._previous: Sequence[Region] = ()

    def update(self, time_s: float, instruments: Sequence[Region]) -> list[np.ndarray | None]:
        """
        Return the motion of every instrument since the last image.

        :param time_s: stamp of the image
        :return: (2,) px/s, or ``None`` of an instrument that was not seen then
        """
        interval_s = time_s - self._time_s
        motions = [self._motion(region, interval_s) for region in instruments]
        self._time_s, self._previous = time_s, instruments
        return motions

    def _motion(self, region: Region, interval_s: float) -> np.ndarray | None:
        """Return the motion from the nearest instrument of the same class in the last image."""
        if not 0 < interval_s <= MAX_INTERVAL_S:
            return None
        moved = [
            np.subtract(_reference(region, before), _reference(before, region))
            for before in self._previous
            if before.class_id == region.class_id
        ]
        nearest = min(moved, key=lambda vector: float(vector @ vector), default=None)
        if nearest is None or np.linalg.norm(nearest) > self._limit * interval_s:
            return None
        return np.asarray(nearest / interval_s)


def _reference(region: Region, other: Region) -> tuple[float, float]:
    """Return the tip where both have one: the border does not cut it as it does the centroid."""
    return region.tip if region.tip_valid and other.tip_valid else region.centroid
