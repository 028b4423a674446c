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


"""What may lie behind the instruments instead of tissue: drapes, boards, colors, patterns."""

from collections.abc import Callable

import cv2
import numpy as np

from surgseg_ros.simulation.noise import fractal_noise
from surgseg_ros.simulation.noise import smoothstep
from surgseg_ros.simulation.noise import to_unit
from surgseg_ros.simulation.noise import warp
from surgseg_ros.simulation.options import SceneOptions
from surgseg_ros.simulation.world.tissue import RELIEF_SIZE
from surgseg_ros.simulation.world.tissue import SURFACE_SIZE_M
from surgseg_ros.simulation.world.tissue import TEXTURE_SIZE
from surgseg_ros.simulation.world.tissue import Tissue

_PX_PER_M = TEXTURE_SIZE / SURFACE_SIZE_M
_WEAVE_SIZE = 512
_FOLD_M = 0.012
_DRAPES = ((0.05, 0.35, 0.20), (0.04, 0.22, 0.38), (0.10, 0.45, 0.12), (0.55, 0.57, 0.55))


def make_backdrop(options: SceneOptions, rng: np.random.Generator) -> Tissue:
    """
    Make the surface that takes the place of tissue.

    :param options: kind of backdrop and relief are used
    :param rng: decides everything random
    """
    shape_rng, color_rng, gloss_rng = rng.spawn(3)
    height = _height(shape_rng, options)
    color = _COLORS[options.backdrop](color_rng)
    gloss = np.full(height.shape, 255 * gloss_rng.uniform(0, _GLOSS[options.backdrop]), np.uint8)
    coded = cv2.convertScaleAbs(np.sqrt(np.clip(color, 0, 1)), alpha=255)
    return Tissue(
        cv2.resize(height, (RELIEF_SIZE, RELIEF_SIZE), interpolation=cv2.INTER_AREA),
        cv2.merge((*cv2.split(coded), gloss)),
        _slopes(height),
    )


def backdrop_detail(
    options: SceneOptions, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """
    Return the fine structure of a backdrop, which repeats.

    :param options: kind of backdrop is used
    :param rng: decides everything random
    :return: (N, N) float32 height and (N, N) float32 brightness around 0
    """
    size = _WEAVE_SIZE
    grain = rng.normal(0, 1, (size, size)).astype(np.float32)
    if options.backdrop != 'cloth':
        return 0.02 * grain, rng.uniform(0, 0.1) * grain
    # Whole numbers of threads in the repeating texture.
    threads = np.round(rng.uniform(30, 130, 2))
    slant = round(rng.uniform(0, 1)) * threads[0]
    axis = np.arange(size, dtype=np.float32) * np.float32(2 * np.pi / size)
    warp_thread = np.sin(axis[None, :] * np.float32(threads[0]))
    weft_thread = np.sin(
        axis[:, None] * np.float32(threads[1]) + axis[None, :] * np.float32(slant)
    )
    weave = np.float32(rng.uniform(0.1, 1)) * warp_thread + weft_thread
    fiber = np.float32(rng.uniform(0.05, 0.3)) * grain
    return 0.15 * weave, np.float32(rng.uniform(0.2, 1.2)) * (0.5 * weave + fiber)


def _slopes(height: np.ndarray) -> np.ndarray:
    """Return the (N, N, 2) derivatives of a height in m along x and y."""
    scale = _PX_PER_M / 8
    return cv2.merge(
        [cv2.Sobel(height, cv2.CV_32F, *axis, scale=scale) for axis in ((1, 0), (0, 1))]
    )


def _height(rng: np.random.Generator, options: SceneOptions) -> np.ndarray:
    """Return the (N, N) float32 height of the surface in m."""
    size = TEXTURE_SIZE
    if options.backdrop == 'board' or (options.backdrop == 'plain' and rng.random() < 0.5):
        return np.zeros((size, size), np.float32)
    broad = fractal_noise(rng, size, int(rng.integers(2, 5)), 2)
    if options.backdrop != 'cloth':
        return options.relief * np.float32(_FOLD_M) * broad
    # A drape lies flat between a few long folds.
    ridges = np.abs(warp(rng, fractal_noise(rng, size, int(rng.integers(2, 6)), 2), 0.03))
    folds = np.clip(1 - ridges / rng.uniform(0.05, 0.3), 0, 1) ** 2
    share = options.relief * rng.uniform(0, 1)
    return np.float32(share * _FOLD_M) * (broad + np.float32(0.5) * folds)


def _any_color(rng: np.random.Generator) -> np.ndarray:
    """Return a (3,) linear color of any hue, gray ones included."""
    hue, vivid, value = rng.uniform(0, 1), rng.uniform(0, 1) ** 0.6, rng.uniform(0.03, 0.9)
    wheel = np.clip(np.abs((6 * hue + np.array([0, 4, 2])) % 6 - 3) - 1, 0, 1)
    return np.asarray(value * (1 - vivid + vivid * wheel), np.float32)


def _flat(color: np.ndarray) -> np.ndarray:
    return np.full((TEXTURE_SIZE, TEXTURE_SIZE, 3), color, np.float32)


def _between(first: np.ndarray, second: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Mix two (3,) colors by an (N, N) share."""
    return cv2.merge([a + share * np.float32(b - a) for a, b in zip(first, second, strict=True)])


def _shaded(rng: np.random.Generator, color: np.ndarray) -> np.ndarray:
    """Return an image with the uneven brightness of a worn surface, in place."""
    small = 1 + rng.uniform(0, 0.25) * fractal_noise(rng, 256, 4, 5)
    wide = cv2.resize(small, (TEXTURE_SIZE, TEXTURE_SIZE))
    color *= cv2.merge((wide, wide, wide))
    return color


def _cloth(rng: np.random.Generator) -> np.ndarray:
    drape = np.array(_DRAPES[rng.integers(len(_DRAPES))]) * rng.uniform(0.5, 1.6, 3)
    color = drape.astype(np.float32) if rng.random() < 0.7 else _any_color(rng)
    image = _flat(color)
    if rng.random() < 0.3:
        stain = smoothstep(cv2.resize(fractal_noise(rng, 256, 5, 4), (TEXTURE_SIZE,) * 2), 0.2)
        dark = np.array([0.12, 0.01, 0.01]) if rng.random() < 0.5 else 0.5 * color
        image += (0.7 * stain)[..., None] * (dark.astype(np.float32) - image)
    return _shaded(rng, image)


def _plain(rng: np.random.Generator) -> np.ndarray:
    return _shaded(rng, _flat(_any_color(rng)))


def _grid(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, float]:
    """Return x and y of every texel in the frame of a print in m, and the print's pitch in m."""
    axis = (np.arange(TEXTURE_SIZE, dtype=np.float32) - TEXTURE_SIZE / 2) / np.float32(_PX_PER_M)
    angle = rng.uniform(0, np.pi)
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    x = cos * axis[None, :] + sin * axis[:, None]
    y = cos * axis[:, None] - sin * axis[None, :]
    return x, y, float(rng.uniform(0.004, 0.025))


def _board(rng: np.random.Generator) -> np.ndarray:
    """Return a checker, a ruled, a dotted, a lettered or a foamed board."""
    x, y, pitch = _grid(rng)
    u, v = x / np.float32(pitch), y / np.float32(pitch)
    kind = rng.integers(5)
    if kind == 0:
        ink = np.floor(u) + np.floor(v)
        ink = (ink % 2).astype(np.float32)
    elif kind == 1:
        near = np.minimum(np.abs(u - np.round(u)), np.abs(v - np.round(v)))
        ink = (near < rng.uniform(0.02, 0.1)).astype(np.float32)
    elif kind == 2:
        radius_2 = (u - np.round(u)) ** 2 + (v - np.round(v)) ** 2
        ink = (radius_2 < rng.uniform(0.1, 0.4) ** 2).astype(np.float32)
    elif kind == 3:
        ink = _print(rng)
    else:
        ink = to_unit(2 * fractal_noise(rng, TEXTURE_SIZE, 150, 2))
    pale, dark = _any_color(rng), _any_color(rng)
    if rng.random() < 0.5:
        pale, dark = np.full(3, rng.uniform(0.4, 0.9)), np.full(3, rng.uniform(0.01, 0.1))
    return _shaded(rng, _between(pale, dark, ink))


def _print(rng: np.random.Generator) -> np.ndarray:
    """Return lines of text, circles and lines, 1 where there is ink."""
    ink = np.zeros((TEXTURE_SIZE, TEXTURE_SIZE), np.uint8)
    for _ in range(int(rng.integers(6, 30))):
        x, y = (int(value) for value in rng.integers(100, TEXTURE_SIZE - 100, 2))
        thick = int(rng.integers(1, 5))
        kind = rng.integers(3)
        if kind == 0:
            text = ''.join(rng.choice(list('ABCDEFGHKMNRST 0123456789'), int(rng.integers(2, 9))))
            cv2.putText(ink, text, (x, y), 0, rng.uniform(0.5, 2), 255, thick, cv2.LINE_AA)
        elif kind == 1:
            cv2.circle(ink, (x, y), int(rng.integers(5, 80)), 255, thick, cv2.LINE_AA)
        else:
            end = (x + int(rng.integers(-200, 200)), y + int(rng.integers(-200, 200)))
            cv2.line(ink, (x, y), end, 255, thick, cv2.LINE_AA)
    # Seen from above, y points away from the text's last line.
    return ink[::-1].astype(np.float32) / 255


def _texture(rng: np.random.Generator) -> np.ndarray:
    """Return layers of random patterns of any colors."""
    image = _flat(_any_color(rng))
    for _ in range(int(rng.integers(2, 5))):
        pattern = _PATTERNS[rng.integers(len(_PATTERNS))](rng)
        share = np.float32(rng.uniform(0.3, 1.0)) * pattern
        color = _between(_any_color(rng), _any_color(rng), to_unit(_wide_noise(rng, 6, 4)))
        image += cv2.merge((share, share, share)) * (color - image)
    return image


def _wide_noise(rng: np.random.Generator, cells: int, octaves: int) -> np.ndarray:
    """Return noise computed at half the texture's resolution."""
    noise = fractal_noise(rng, TEXTURE_SIZE // 2, cells, octaves)
    return np.asarray(cv2.resize(noise, (TEXTURE_SIZE, TEXTURE_SIZE)))


def _patches(rng: np.random.Generator) -> np.ndarray:
    noise = _wide_noise(rng, int(rng.integers(3, 40)), 4)
    return smoothstep(noise, float(rng.uniform(0.01, 0.5)))


def _stripes(rng: np.random.Generator) -> np.ndarray:
    x, _, pitch = _grid(rng)
    bent = x + np.float32(rng.uniform(0, 0.02)) * _wide_noise(rng, 4, 3)
    waves = np.sin(bent * np.float32(2 * np.pi / pitch))
    return smoothstep(waves, float(rng.uniform(0.05, 1.0)))


def _cells(rng: np.random.Generator) -> np.ndarray:
    side = TEXTURE_SIZE // 2
    seeds = np.full((side, side), 255, np.uint8)
    count = int(rng.integers(50, 1500))
    seeds[tuple(rng.integers(0, side, (2, count)))] = 0
    distance = warp(rng, cv2.distanceTransform(seeds, cv2.DIST_L2, 3), 0.02)
    reach = rng.uniform(0.3, 0.8) * side / np.sqrt(count)
    cells = smoothstep(distance / np.float32(reach) - 1, float(rng.uniform(0.05, 0.8)))
    return np.asarray(cv2.resize(cells, (TEXTURE_SIZE, TEXTURE_SIZE)))


_PATTERNS = (_patches, _stripes, _cells)

_COLORS: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    'cloth': _cloth,
    'board': _board,
    'plain': _plain,
    'texture': _texture,
}

_GLOSS = {'cloth': 0.03, 'board': 0.5, 'plain': 0.4, 'texture': 0.6}
"""Strongest highlights of every kind."""
