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

"""Drawing for reports, with OpenCV alone."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

TEXT, FAINT, LINE = (30, 30, 30), (110, 110, 110), (225, 225, 225)
"""Colors, RGB."""
TICKS = 6
"""About how many an axis has."""
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_SHARPNESS = 2  # drawn so many times as large, then shrunk


@dataclass(frozen=True)
class Canvas:
    """
    A picture that is drawn enlarged; all coordinates are those of the final one.

    :param pixels: (H, W, 3) uint8 RGB, enlarged
    """

    pixels: np.ndarray

    @classmethod
    def blank(cls, width: int, height: int) -> 'Canvas':
        """
        Return a white one.

        :param width: of the final picture, px
        :param height: likewise
        """
        return cls(np.full((height * _SHARPNESS, width * _SHARPNESS, 3), 255, np.uint8))

    def rectangle(
        self, left: float, top: float, right: float, bottom: float, color: tuple[int, int, int]
    ) -> None:
        """Fill a rectangle."""
        first, second = _enlarge(((left, top), (right, bottom)))
        cv2.rectangle(self.pixels, first, second, color, cv2.FILLED)

    def dot(self, x: float, y: float, radius: float, color: tuple[int, int, int]) -> None:
        """Fill a circle."""
        (center,) = _enlarge(((x, y),))
        size = round(radius * _SHARPNESS)
        cv2.circle(self.pixels, center, size, color, cv2.FILLED, cv2.LINE_AA)

    def write(
        self,
        x: float,
        y: float,
        text: str,
        size: float,
        color: tuple[int, int, int] = TEXT,
        bold: bool = False,
    ) -> None:
        """Write a line that starts at (x, y), the foot of its letters."""
        (origin,) = _enlarge(((x, y),))
        thickness = 3 if bold else 2
        scale = size * _SHARPNESS
        cv2.putText(self.pixels, text, origin, _FONT, scale, color, thickness, cv2.LINE_AA)

    def picture(self) -> np.ndarray:
        """Return the final picture (H, W, 3) uint8 RGB."""
        height, width = (length // _SHARPNESS for length in self.pixels.shape[:2])
        return cv2.resize(self.pixels, (width, height), interpolation=cv2.INTER_AREA)


def text_width(text: str, size: float) -> float:
    """Return the width of a line in px."""
    return cv2.getTextSize(text, _FONT, size * _SHARPNESS, 2)[0][0] / _SHARPNESS


def tick_step(span: float) -> float:
    """Return 1, 2 or 5 times a power of ten for about :data:`TICKS` ticks in a span."""
    rough = span / TICKS
    power = 10.0 ** np.floor(np.log10(rough))
    return float(next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough))


def _enlarge(points: Sequence[tuple[float, float]]) -> list[tuple[int, int]]:
    return [(round(x * _SHARPNESS), round(y * _SHARPNESS)) for x, y in points]
