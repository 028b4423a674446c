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


"""Procedural anatomy: relief, color, vessels, blood and wetness of the tissue."""

from dataclasses import dataclass
from dataclasses import replace
from typing import Any

import cv2
import numpy as np

from surgseg_ros.simulation.noise import fractal_noise
from surgseg_ros.simulation.noise import smoothstep
from surgseg_ros.simulation.noise import to_unit
from surgseg_ros.simulation.noise import warp
from surgseg_ros.simulation.options import SceneOptions

SURFACE_SIZE_M = 0.28
"""Side of the square of tissue."""

TEXTURE_SIZE = 1024
RELIEF_SIZE = 160

_MAX_RELIEF_M = 0.014
_MAX_CAVITY_M = 0.03
_RIM_HEIGHT_M = 0.06

# sRGB colors: (surface, mottling)
_PALETTES = {
    'peritoneum': ((196, 96, 92), (158, 48, 52)),
    'bowel': ((226, 142, 138), (200, 96, 104)),
    'liver': ((118, 46, 42), (88, 28, 30)),
    'fat': ((234, 188, 142), (222, 148, 112)),
    'kidney': ((166, 128, 130), (140, 92, 104)),
    'pale': ((236, 198, 178), (218, 150, 128)),
    'spleen': ((112, 52, 66), (84, 34, 48)),
    'omentum': ((224, 158, 84), (196, 118, 58)),
    'mucosa': ((230, 128, 118), (206, 84, 84)),
    'fascia': ((226, 206, 200), (206, 164, 160)),
    'dark': ((72, 34, 30), (46, 18, 18)),
    'bruised': ((150, 120, 132), (108, 78, 100)),
    'necrotic': ((34, 24, 24), (14, 10, 12)),
}
_FAT = ((238, 196, 150), (226, 156, 122))
_BLOOD = (104, 8, 10)
_ARTERY = (172, 26, 30)
_VEIN = (96, 42, 78)
_CHAR = ((38, 24, 16), (150, 112, 84))


@dataclass(frozen=True)
class Tissue:
    """
    One patch of tissue.

    Texture pixel (row, column) covers the point with x = (column + 0.5) / N * size - size / 2
    and y likewise with the row.

    :param relief: (RELIEF_SIZE, RELIEF_SIZE) float32 height of the surface in m, for the geometry
    :param surface: (N, N, 4) uint8: square root of the linear diffuse RGB, and the strength of
        the wet highlights
    :param slope: (N, N, 2) float32, derivative of the height along x and y, with fine structure
    """

    relief: np.ndarray
    surface: np.ndarray
    slope: np.ndarray


@dataclass(frozen=True)
class _Anatomy:
    """
    Shape of the surface and where the organs are; all (N, N) float32.

    :param height: m
    :param organ: 0 on the first organ, 1 on the second
    :param bands: raised ligaments, 0..1
    :param crease: light left in creases and along the border of the organs, 0..1
    :param bodies: outline, 0..1, and palette of each organ that lies on the surface
    """

    height: np.ndarray
    organ: np.ndarray
    bands: np.ndarray
    crease: np.ndarray
    bodies: list[tuple[np.ndarray, str]]


def make_tissue(options: SceneOptions, rng: np.random.Generator) -> Tissue:
    """
    Grow tissue.

    :param options: its kind, relief, vessels, blood and wetness are used; none of them changes
        what the others look like
    :param rng: decides everything random
    """
    size = TEXTURE_SIZE
    shape_rng, vessel_rng, blood_rng, fine_rng, color_rng, body_rng, char_rng = rng.spawn(7)
    anatomy = _grow_anatomy(shape_rng, size, options)
    anatomy = _add_bodies(body_rng, anatomy, options.bodies)
    vessels = [
        _vessels(vessel_rng, size, options.vessels, thickness) for thickness in (0.7, 1.2, 2.6)
    ]
    blood = _patches(blood_rng, size, options.blood, blood_rng.uniform(0.03, 0.25))
    fine = 0.0002 * fractal_noise(fine_rng, size, 90, 3)
    fine += 0.0004 * fractal_noise(fine_rng, size, 24, 2)
    fine *= (0.4 + options.wetness) * (1 - 0.8 * blood)
    wet = smoothstep(fractal_noise(fine_rng, size, 10, 5) + fine_rng.uniform(-0.3, 0.15), 0.3)
    gloss = options.wetness * (0.15 + 0.85 * wet) + 0.4 * blood
    albedo = _albedo(color_rng, options, anatomy, vessels, blood)
    if options.char:
        albedo = _burn(char_rng, albedo, options.char)
    return Tissue(
        cv2.resize(anatomy.height, (RELIEF_SIZE, RELIEF_SIZE), interpolation=cv2.INTER_AREA),
        cv2.merge((*cv2.split(albedo), cv2.convertScaleAbs(gloss, alpha=255))),
        _slopes(anatomy.height + fine + 0.0004 * vessels[2]),
    )


def _slopes(height: np.ndarray) -> np.ndarray:
    """Return the (N, N, 2) derivatives of a height along x and y."""
    scale = height.shape[0] / (8 * SURFACE_SIZE_M)
    return cv2.merge(
        [cv2.Sobel(height, cv2.CV_32F, *axis, scale=scale) for axis in ((1, 0), (0, 1))]
    )


def _grow_anatomy(rng: np.random.Generator, size: int, options: SceneOptions) -> _Anatomy:
    border = warp(rng, fractal_noise(rng, size, 2, 3), 0.02)
    organ = smoothstep(border, 0.03)
    lobes = _lobules(rng, size, int(rng.integers(100, 900)))
    lobed = options.lobules * (0.25 + 0.75 * organ)
    bands = _vessels(rng, size, 0.35 * options.relief, 14.0)
    height = _hills(rng, size, options)
    height += 0.004 * lobed * lobes
    height += options.relief * (0.005 * bands + 0.004 * smoothstep(border, 0.1))
    height -= options.cavity * _MAX_CAVITY_M * _gaps(rng, size)
    seam = np.exp(-((border / 0.04) ** 2)) * to_unit(fractal_noise(rng, size, 9, 3))
    crease = (1 - 0.45 * lobed * (1 - lobes)) * (1 - 0.35 * seam)
    return _Anatomy(height, organ, bands, crease, [])


def _add_bodies(rng: np.random.Generator, anatomy: _Anatomy, amount: float) -> _Anatomy:
    """
    Lay rounded organs on the surface: loops of bowel, cords, glands and bulges.

    :param rng: source
    :param anatomy: without them
    :param amount: 0 none .. 1 up to eight
    """
    size = anatomy.height.shape[0]
    height, crease = anatomy.height, anatomy.crease
    bodies = []
    for _ in range(round(amount * rng.uniform(0, 8))):
        outline = _body_outline(rng, size // 2)
        inside = cv2.distanceTransform(outline, cv2.DIST_L2, 3)
        outside = cv2.distanceTransform(1 - outline, cv2.DIST_L2, 3)
        reach = max(float(inside.max()), 1.0)
        # Round in cross-section, so that the slope is steepest at the outline.
        profile = np.sqrt(np.clip(1 - (1 - inside / reach) ** 2, 0, 1))
        tall = reach * rng.uniform(0.3, 0.9) * 2 * SURFACE_SIZE_M / size
        rise = cv2.GaussianBlur(np.float32(tall) * profile, (0, 0), 1.5)
        shade = 1 - rng.uniform(0.2, 0.7) * np.exp(-outside / rng.uniform(2, 8))
        shade = np.where(outline > 0, 0.6 + 0.4 * profile, shade).astype(np.float32)
        height = height + cv2.resize(rise, (size, size))
        crease = crease * cv2.resize(shade, (size, size))
        soft = cv2.GaussianBlur(outline.astype(np.float32), (0, 0), 1.0)
        bodies.append((soft, str(rng.choice(list(_PALETTES)))))
    return replace(anatomy, height=height, crease=crease, bodies=bodies)


def _body_outline(rng: np.random.Generator, size: int) -> np.ndarray:
    """Return a (size, size) uint8 mask of a winding tube, or of a bulge."""
    canvas = np.zeros((size, size), np.uint8)
    # The endoscope looks at the middle.
    start = rng.normal(size / 2, 0.14 * size, 2)
    if rng.random() < 0.35:
        axes = rng.uniform(0.02, 0.14, 2) * size
        cv2.ellipse(canvas, (tuple(start), tuple(2 * axes), rng.uniform(0, 180)), 1, -1)
        return (warp(rng, canvas.astype(np.float32), 0.02) > 0.5).astype(np.uint8)
    steps = int(rng.integers(8, 60))
    turns = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, rng.uniform(0.02, 0.3), steps))
    path = start + np.cumsum(np.column_stack((np.cos(turns), np.sin(turns))) * 5.0, axis=0)
    path -= path.mean(axis=0) - start
    width = max(2, round(2 * size * 10 ** rng.uniform(-2.5, -1.35)))
    cv2.polylines(canvas, [np.round(path).astype(np.int32)], False, 1, width)
    return (warp(rng, canvas.astype(np.float32), 0.008) > 0.5).astype(np.uint8)


def _burn(rng: np.random.Generator, albedo: np.ndarray, share: float) -> np.ndarray:
    """Return coded colors with spots that cautery left: black with a pale rim."""
    burnt = _patches(rng, albedo.shape[0], 0.25 * share, 0.03)
    rim = np.clip(cv2.GaussianBlur(burnt, (0, 0), 6) * 2 - burnt, 0, 1)
    color = albedo.astype(np.float32)
    _blend(color, _CHAR[1], 0.6 * rim)
    _blend(color, _CHAR[0], 0.9 * burnt)
    return cv2.convertScaleAbs(color)


def _hills(rng: np.random.Generator, size: int, options: SceneOptions) -> np.ndarray:
    """Return organ-sized relief that rises to the rim like the wall of a cavity."""
    relief = options.relief * _MAX_RELIEF_M
    broad = fractal_noise(rng, size, int(rng.integers(3, 7)), 3)
    ridges = 1 - np.abs(warp(rng, fractal_noise(rng, size, int(rng.integers(4, 10)), 2), 0.03)) * 2
    axis = np.linspace(-1, 1, size, dtype=np.float32)
    radius = np.sqrt(axis[None, :] ** 2 + axis[:, None] ** 2)
    rim = np.clip(radius - 0.45, 0, None) ** 2 * _RIM_HEIGHT_M / 0.3
    return (relief * (1.0 * broad + 0.5 * ridges) + rim).astype(np.float32)


def _lobules(rng: np.random.Generator, size: int, count: int) -> np.ndarray:
    """Return rounded cells, 0 in the creases and 1 on top."""
    seeds = np.full((size // 2, size // 2), 255, np.uint8)
    seeds[tuple(rng.integers(0, size // 2, (2, count)))] = 0
    distance = cv2.distanceTransform(seeds, cv2.DIST_L2, 3)
    distance = warp(rng, distance, 0.02)
    reach = 0.8 * (size // 2) / np.sqrt(count)
    lobes = np.sqrt(np.clip(1 - (distance / reach) ** 2, 0, 1))
    lobes = cv2.GaussianBlur(lobes.astype(np.float32), (0, 0), 2)
    return cv2.resize(lobes, (size, size), interpolation=cv2.INTER_LINEAR)


def _gaps(rng: np.random.Generator, size: int) -> np.ndarray:
    """Return narrow winding gaps between organs, 1 at the bottom."""
    noise = fractal_noise(rng, size, 3, 3)
    gap = np.clip(1 - np.abs(noise) / 0.10, 0, 1)
    return cv2.GaussianBlur(gap * smoothstep(fractal_noise(rng, size, 3, 2), 0.2), (0, 0), 6)


def _patches(
    rng: np.random.Generator, size: int, share: float, softness: float = 0.05
) -> np.ndarray:
    """Return irregular patches that cover about a share of the surface."""
    if share == 0:
        return np.zeros((size, size), np.float32)
    noise = fractal_noise(rng, size, int(rng.integers(4, 12)), 5)
    return smoothstep(noise - np.quantile(noise[::16, ::16], 1 - share), softness)


def _vessels(rng: np.random.Generator, size: int, density: float, thickness: float) -> np.ndarray:
    """Return branching curves, 1 in the middle of a vessel."""
    canvas = np.zeros((size, size), np.uint8)
    roots = round(density * 50 / thickness)
    for _ in range(roots):
        _draw_vessel(
            rng,
            canvas,
            rng.uniform(0, size, 2),
            rng.uniform(0, 2 * np.pi),
            thickness * rng.uniform(1.2, 3.0),
            3,
        )
    return cv2.GaussianBlur(canvas, (0, 0), 1.0 * thickness).astype(np.float32) / 255


def _draw_vessel(
    rng: np.random.Generator,
    canvas: np.ndarray,
    start: np.ndarray,
    heading: float,
    width: float,
    branches: int,
) -> None:
    steps = int(rng.integers(14, 40))
    turns = np.cumsum(rng.normal(0, 0.22, steps)) + heading
    path = start + np.cumsum(np.column_stack((np.cos(turns), np.sin(turns))) * 7.0, axis=0)
    cv2.polylines(
        canvas,
        [np.round(path * 16).astype(np.int32)],
        False,
        int(rng.integers(110, 256)),
        max(1, round(width)),
        cv2.LINE_AA,
        4,
    )
    if width < 1.0 or branches == 0:
        return
    for index in rng.integers(2, steps, int(rng.integers(1, branches + 2))):
        turn = rng.choice((-1, 1)) * rng.uniform(0.35, 1.0)
        _draw_vessel(rng, canvas, path[index], turns[index] + turn, width * 0.62, branches - 1)


def _albedo(
    rng: np.random.Generator,
    options: SceneOptions,
    anatomy: _Anatomy,
    vessels: list[np.ndarray],
    blood: np.ndarray,
) -> np.ndarray:
    """Return the (N, N, 3) uint8 square root of the linear color."""
    organ = anatomy.organ
    size = organ.shape[0]
    # Vessels need every pixel of the texture; the colors beneath them do not.
    coarse = size // 2
    mottling = to_unit(1.4 * fractal_noise(rng, coarse, 12, 5))
    streaks = to_unit(1.5 * fractal_noise(rng, coarse, 40, 4))
    color = _mixed(_jittered(rng, _PALETTES[options.tissue]), mottling)
    other = _mixed(_jittered(rng, _PALETTES[options.second_tissue]), streaks * mottling)
    _blend(color, other, cv2.resize(organ, (coarse, coarse)))
    _blend(
        color,
        _jittered(rng, _PALETTES['bowel'])[0],
        0.6 * cv2.resize(anatomy.bands, (coarse, coarse)),
    )
    fat = 0.9 * _patches(rng, coarse, options.fat, 0.15)
    _blend(color, _mixed(_jittered(rng, _FAT), mottling), fat)
    for outline, palette in anatomy.bodies:
        body = _mixed(_jittered(rng, _PALETTES[palette]), mottling)
        _blend(color, body, cv2.resize(outline, (coarse, coarse)))
    color = np.asarray(cv2.resize(color, (size, size), interpolation=cv2.INTER_LINEAR))
    shown = (1 - 0.6 * cv2.resize(fat, (size, size))) * rng.uniform(0.6, 1.0)
    _blend(color, _VEIN, 0.6 * vessels[2] * shown)
    _blend(color, _ARTERY, 0.55 * vessels[0] * shown)
    _blend(color, _ARTERY, 0.8 * vessels[1] * shown)
    _blend(color, _BLOOD, 0.9 * blood)
    color *= cv2.merge([anatomy.crease] * 3)
    coded = 255 * (np.arange(256) / 255) ** 1.1
    return cv2.LUT(cv2.convertScaleAbs(color), coded.round().astype(np.uint8))


def _jittered(
    rng: np.random.Generator, palette: tuple[tuple[int, ...], tuple[int, ...]]
) -> tuple[np.ndarray, np.ndarray]:
    # Living tissue is never greener than it is red.
    tint = rng.uniform((0.95, 0.84, 0.92), (1.1, 0.98, 1.2)) * rng.uniform(0.85, 1.1)
    first, second = (np.asarray(color) * tint for color in palette)
    return first.astype(np.float32), second.astype(np.float32)


def _mixed(palette: tuple[np.ndarray, np.ndarray], share: np.ndarray) -> np.ndarray:
    first, second = palette
    return cv2.merge([a + share * np.float32(b - a) for a, b in zip(first, second, strict=True)])


def _blend(base: np.ndarray, over: Any, share: np.ndarray) -> None:
    """Mix a color or an image into ``base``, in place."""
    for channel in range(3):
        plane = base[..., channel]
        color = (
            over[..., channel]
            if isinstance(over, np.ndarray) and over.ndim == 3
            else over[channel]
        )
        plane += share * (color - plane)
