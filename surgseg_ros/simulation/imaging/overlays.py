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


"""What consoles and recorders draw over an image: banners, boxes, captions, text, panels."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from surgseg_ros.simulation.options import SceneOptions
from surgseg_ros.simulation.randomness import make_rng
from surgseg_ros.simulation.randomness import Stream

_Color = tuple[int, int, int]

_REFERENCE_WIDTH_PX = 640
_HIDING_ALPHA = 0.6
"""From this opacity on, what lies below counts as hidden."""

_INK: tuple[_Color, ...] = (
    *((235, 235, 235), (235, 235, 235), (200, 210, 220), (90, 200, 220), (240, 220, 90)),
    *((120, 230, 120), (240, 120, 90)),
)
_PAPER: tuple[_Color, ...] = (
    *((12, 10, 12), (28, 24, 26), (10, 30, 60), (20, 70, 110), (60, 62, 66), (0, 0, 0)),
)
_WORDS = (
    *('FENESTRATED', 'BIPOLAR', 'FORCEPS', 'MONOPOLAR', 'CURVED', 'SCISSORS', 'CADIERE', 'NEEDLE'),
    *('DRIVER', 'PROGRASP', 'COAG', 'CUT', 'READY', 'MOVE GRIP', 'TO MATCH', 'INSTRUMENT', 'LEFT'),
    *('RIGHT', 'CAMERA', 'ZOOM', 'WARNING', 'TRAINING', 'NOT FOR USE', 'SWAP', 'ARM', 'REC', 'HD'),
)


@dataclass(frozen=True)
class Overlay:
    """
    A drawing over the image.

    :param color: (H, W, 3) uint8 RGB
    :param alpha: (H, W) uint8 opacity, 255 hides the image
    """

    color: np.ndarray
    alpha: np.ndarray

    @property
    def hides(self) -> np.ndarray:
        """Return the (H, W) bool mask of pixels whose scene counts as hidden."""
        return self.alpha >= round(255 * _HIDING_ALPHA)

    def draw_on(self, pixels: np.ndarray) -> None:
        """Draw on an (H, W, 3) uint8 RGB image, in place."""
        rows = np.flatnonzero(self.alpha.any(axis=1))
        if len(rows) == 0:
            return
        # Banners lie at the top and at the bottom; the rows between them need no work.
        for part in np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1):
            band = slice(part[0], part[-1] + 1)
            alpha = cv2.merge([self.alpha[band].astype(np.float32) / 255] * 3)
            below = pixels[band].astype(np.float32)
            pixels[band] = below + alpha * (self.color[band] - below)


def make_overlay(options: SceneOptions) -> Overlay | None:
    """
    Draw the overlay that the options ask for, or return None if they ask for none.

    :param options: kind, image size and seed are used
    """
    if options.overlay == 'none':
        return None
    rng = make_rng(options.seed, Stream.OVERLAY)
    canvas = _Canvas(options.width, options.height, rng)
    _KINDS[options.overlay](canvas, rng)
    return Overlay(canvas.color, canvas.alpha)


class _Canvas:
    """
    Draws in units of the image, 0..1 along each side, with the style of one device.

    :param width: px
    :param height: px
    :param rng: draws the style
    """

    def __init__(self, width: int, height: int, rng: np.random.Generator) -> None:
        self.color = np.zeros((height, width, 3), np.uint8)
        self.alpha = np.zeros((height, width), np.uint8)
        self.ink = _pick(rng, _INK)
        self.paper = _pick(rng, _PAPER)
        self.opacity = int(rng.integers(200, 256) if rng.random() < 0.75 else 110)
        self._font = int(rng.choice((cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX)))
        self._scale = width / _REFERENCE_WIDTH_PX

    def box(
        self,
        box: tuple[float, float, float, float],
        color: _Color | None = None,
        outlined: bool = False,
    ) -> None:
        """Fill a box (left, top, right, bottom) with the color, or the paper's."""
        first, last = self._pixel(box[:2]), self._pixel(box[2:])
        cv2.rectangle(self.color, first, last, self.paper if color is None else color, -1)
        cv2.rectangle(self.alpha, first, last, self.opacity, -1)
        if outlined:
            cv2.rectangle(self.color, first, last, self.ink, 1)

    def text(self, place: tuple[float, float], text: str, size_px: float) -> None:
        """Write a line whose lower left corner is at a place, in px at 640 px width high."""
        scale = max(size_px * self._scale / 22, 0.2)
        thickness = max(1, round(scale * 1.6))
        drawn = np.zeros_like(self.alpha)
        cv2.putText(
            drawn, text, self._pixel(place), self._font, scale, 255, thickness, cv2.LINE_AA
        )
        self._stamp(drawn, self.ink)

    def disc(self, center: tuple[float, float], radius_px: float, color: _Color) -> None:
        """Fill a disc of a radius in px at 640 px width and rim it."""
        radius = max(1, round(radius_px * self._scale))
        drawn = np.zeros_like(self.alpha)
        cv2.circle(drawn, self._pixel(center), radius, 255, -1, cv2.LINE_AA)
        self._stamp(drawn, color)
        cv2.circle(self.color, self._pixel(center), radius, self.ink, 1, cv2.LINE_AA)

    def icon(self, place: tuple[float, float], rng: np.random.Generator) -> None:
        """Draw a small sign of a few strokes."""
        center = np.array(self._pixel(place))
        points = center + rng.normal(0, 7 * self._scale, (int(rng.integers(3, 7)), 2))
        drawn = np.zeros_like(self.alpha)
        corners = [np.round(points).astype(np.int32)]
        if rng.random() < 0.5:
            cv2.fillPoly(drawn, corners, 255, cv2.LINE_AA)
        else:
            cv2.polylines(drawn, corners, True, 255, max(1, round(self._scale)), cv2.LINE_AA)
        self._stamp(drawn, _pick(rng, _INK))

    def _stamp(self, drawn: np.ndarray, color: _Color) -> None:
        share = drawn[..., None].astype(np.float32) / 255
        paint = np.array(color, np.float32)
        # Where nothing was drawn before, the edge of a glyph mixes with the scene instead.
        share[self.alpha == 0] = 1
        self.color[:] = self.color + share * (paint - self.color)
        np.maximum(self.alpha, drawn, out=self.alpha)

    def _pixel(self, place: tuple[float, ...]) -> tuple[int, int]:
        height, width = self.alpha.shape
        return round(place[0] * width), round(place[1] * height)


def _pick(rng: np.random.Generator, colors: tuple[_Color, ...]) -> _Color:
    return colors[rng.integers(len(colors))]


def _words(rng: np.random.Generator, most: int) -> str:
    return ' '.join(rng.choice(_WORDS, int(rng.integers(1, most + 1))))


def _console(canvas: _Canvas, rng: np.random.Generator) -> None:
    """Draw a banner, a row of instrument boxes, hints and numbered discs, or some of them."""
    if rng.random() < 0.6:
        depth = rng.uniform(0.025, 0.07)
        canvas.box((0, 0, 1, depth), outlined=rng.random() < 0.5)
        canvas.text((rng.uniform(0.02, 0.3), depth - 0.01), _words(rng, 4), rng.uniform(7, 12))
    if rng.random() < 0.85:
        _instrument_boxes(canvas, rng)
    for _ in range(int(rng.choice((0, 1, 2)))):
        x, y = _edge_place(rng)
        color = _pick(rng, ((20, 100, 130), (160, 120, 20), (30, 120, 50), (110, 110, 115)))
        canvas.disc((x, y), rng.uniform(9, 24), color)
        canvas.text((x - 0.01, y + 0.015), str(rng.integers(1, 5)), rng.uniform(14, 24))
    if rng.random() < 0.5:
        _hint(canvas, rng)


def _instrument_boxes(canvas: _Canvas, rng: np.random.Generator) -> None:
    depth = rng.uniform(0.035, 0.1)
    count = int(rng.integers(2, 5))
    for index in range(count):
        left, right = index / count, (index + 1) / count - rng.uniform(0, 0.04)
        active = rng.random() < 0.3
        canvas.box((left, 1 - depth, right, 1), _pick(rng, _PAPER) if active else None, True)
        canvas.text((left + 0.01, 1 - depth * 0.3), str(index + 1), rng.uniform(10, 16))
        for line in range(2):
            y = 1 - depth * (0.6 - 0.4 * line)
            canvas.text((left + 0.05, y), _words(rng, 1), rng.uniform(5, 9))
        if rng.random() < 0.5:
            canvas.icon((right - 0.03, 1 - depth / 2), rng)


def _hint(canvas: _Canvas, rng: np.random.Generator) -> None:
    """Draw a box of two lines and a sign beside an edge."""
    width, depth = rng.uniform(0.15, 0.35), rng.uniform(0.07, 0.14)
    left = rng.choice((0.0, 1 - width))
    top = rng.uniform(0.08, 0.9 - depth)
    canvas.box((left, top, left + width, top + depth))
    for line in (1, 2):
        canvas.text((left + 0.01, top + depth * 0.4 * line), _words(rng, 2), rng.uniform(7, 11))
    canvas.icon((left + width * 0.85, top + depth / 2), rng)


def _edge_place(rng: np.random.Generator) -> tuple[float, float]:
    """Return a place near the left or the right edge."""
    return float(rng.choice((0.06, 0.94)) + rng.uniform(-0.03, 0.03)), rng.uniform(0.1, 0.9)


def _caption(canvas: _Canvas, rng: np.random.Generator) -> None:
    """Draw a narrow bar with tiny text at the lower or the upper edge."""
    depth, width = rng.uniform(0.012, 0.045), rng.uniform(0.15, 1.0)
    left = rng.uniform(0, 1 - width)
    top = 1 - depth if rng.random() < 0.8 else 0.0
    canvas.box((left, top, left + width, top + depth), outlined=rng.random() < 0.4)
    canvas.text((left + 0.1 * width, top + 0.8 * depth), _words(rng, 3), depth * 380)


def _corners(canvas: _Canvas, rng: np.random.Generator) -> None:
    """Write date, time, names or numbers in one to three corners, some of them on a box."""
    for corner in rng.permutation(4)[: int(rng.integers(1, 4))]:
        size = rng.uniform(8, 20)
        lines = int(rng.integers(1, 4))
        top = 0.02 if corner < 2 else 0.96 - 0.002 * size * lines
        left = 0.02 if corner % 2 else rng.uniform(0.6, 0.8)
        if rng.random() < 0.3:
            canvas.box((left - 0.01, top - 0.01, left + 0.2, top + 0.0025 * size * lines))
        for line in range(lines):
            numbers = ':'.join(f'{value:02d}' for value in rng.integers(0, 60, 3))
            text = numbers if rng.random() < 0.6 else _words(rng, 2)
            canvas.text((left, top + 0.0022 * size * (line + 1)), text, size)


def _panel(canvas: _Canvas, rng: np.random.Generator) -> None:
    """Draw a larger panel at an edge, often translucent, with lines of text or another image."""
    width, depth = rng.uniform(0.15, 0.4), rng.uniform(0.12, 0.4)
    left = rng.choice((0.0, 1 - width, rng.uniform(0, 1 - width)))
    top = rng.choice((0.0, 1 - depth))
    if rng.random() < 0.5:
        canvas.opacity = int(rng.integers(70, 140))
    canvas.box((left, top, left + width, top + depth), outlined=rng.random() < 0.5)
    for line in range(int(rng.integers(0, 6))):
        canvas.text((left + 0.01, top + 0.035 + 0.045 * line), _words(rng, 2), rng.uniform(7, 13))
    for _ in range(int(rng.integers(0, 4))):
        place = (left + width * rng.uniform(0.1, 0.9), top + depth * rng.uniform(0.1, 0.9))
        canvas.icon(place, rng)


_KINDS: dict[str, Callable[[_Canvas, np.random.Generator], None]] = {
    'console': _console,
    'caption': _caption,
    'corners': _corners,
    'panel': _panel,
}
