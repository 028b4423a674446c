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


"""Materials of instruments and distractors, drawn at random within what real ones show."""

from dataclasses import dataclass
from dataclasses import replace

import numpy as np

from surgseg_ros.simulation.options import SceneOptions
from surgseg_ros.simulation.world.geoms import Material

_INSULATED = ('bipolar forceps', 'vessel sealer', 'monopolar curved scissors', 'other')
_INSULATORS = ((0.28, 0.20, 0.06), (0.45, 0.45, 0.43), (0.03, 0.03, 0.035), (0.10, 0.07, 0.05))
_COVERS = ((0.42, 0.46, 0.52), (0.25, 0.30, 0.40), (0.03, 0.03, 0.035), (0.5, 0.48, 0.44))


@dataclass(frozen=True)
class Look:
    """
    The materials of one instrument, and which one of its kind it is.

    :param shaft: tube
    :param sleeve: the tube's end at the wrist
    :param wrist: plates and cables
    :param core: what is seen between the plates
    :param pin: axes, rings and cables
    :param jaw: blades and rails
    :param insert: insulators and colored jaws
    :param variant: 0..1, chooses among the forms that instruments of one class have
    :param cover: of the sheath over the wrist, if the instrument wears one
    """

    shaft: Material
    sleeve: Material
    wrist: Material
    core: Material
    pin: Material
    jaw: Material
    insert: Material
    variant: float = 0.0
    cover: Material | None = None


def draw_look(class_name: str, options: SceneOptions, rng: np.random.Generator) -> Look:
    """
    Draw the materials of one instrument.

    :param class_name: class of the label set ``types``
    :param options: shaft brightness, fiber and metal contrast are used
    :param rng: decides everything random
    """
    wrist = _metal(options, rng, 1.0)
    shaft = _shaft(options, rng)
    sleeve = replace(wrist, facets=0.15 * wrist.facets) if rng.random() < 0.7 else shaft
    insert = wrist
    if class_name in _INSULATED and rng.random() < 0.7:
        insert = _plastic(_INSULATORS, rng)
    core = _metal(options, rng, 1.0)
    if rng.random() < 0.5:
        core = replace(core, color=_color(np.array(core.color) * 0.15), metal=0.2 * core.metal)
    cover = None
    if class_name == 'monopolar curved scissors' and rng.random() < 0.6:
        cover = _plastic(_COVERS, rng)
    return Look(
        shaft=shaft,
        sleeve=sleeve,
        wrist=wrist,
        core=core,
        pin=_metal(options, rng, 0.5),
        jaw=_metal(options, rng, 0.4),
        insert=insert,
        variant=float(rng.random()),
        cover=cover,
    )


def _shaft(options: SceneOptions, rng: np.random.Generator) -> Material:
    """Draw a shaft of carbon fiber, of plastic or of metal."""
    brightness = np.clip(options.shaft_brightness + rng.normal(0, 0.12), 0, 1)
    gray = 0.008 + 0.42 * brightness**2.0
    # Carbon fiber shafts are brownish, metal and plastic ones neutral or bluish.
    tint = np.array([rng.uniform(0.98, 1.15), 1.0, rng.uniform(0.82, 1.2)])
    if rng.random() < 0.1:
        tint = np.array([0.75, 1.0, rng.uniform(1.2, 1.6)])
    fiber = options.shaft_fiber * rng.uniform(0.5, 1.0)
    imprint = float(rng.choice((0.0, 1.0, -1.0), p=(0.75, 0.2, 0.05)) * rng.uniform(0.3, 1.0))
    kind = rng.choice(('carbon', 'plastic', 'metal'), p=(0.5, 0.25, 0.25))
    if kind == 'carbon':
        return Material(
            _color(0.7 * gray * tint),
            metal=float(rng.uniform(0.0, 0.08)),
            highlight=float(rng.uniform(0.05, 0.5)),
            gloss=float(rng.uniform(0.05, 0.4)),
            fiber=float(fiber),
            bump=float(rng.uniform(0.1, 0.5)),
            imprint=imprint,
        )
    if kind == 'plastic':
        return Material(
            _color(gray * tint * (1.0, 1.0, rng.uniform(1.0, 1.4))),
            metal=float(rng.uniform(0.0, 0.05)),
            highlight=float(rng.uniform(0.1, 0.9)),
            gloss=float(rng.uniform(0.1, 0.6)),
            fiber=float(0.15 * fiber),
            bump=0.05,
            imprint=imprint,
        )
    return Material(
        _color(gray * tint),
        metal=float(brightness * rng.uniform(0.0, 0.5)),
        highlight=float(rng.uniform(0.05, 0.7)),
        gloss=float(rng.uniform(0.05, 0.6)),
        fiber=float(fiber),
        bump=0.1,
        imprint=imprint,
    )


def _metal(options: SceneOptions, rng: np.random.Generator, most_facets: float) -> Material:
    gray = rng.uniform(0.02, 0.2)
    tint = 1 + rng.normal(0, 0.05, 3)
    return Material(
        _color(gray * tint),
        metal=float(options.metal_contrast * rng.uniform(0.5, 1.0)),
        highlight=float(rng.uniform(0.8, 3.0)),
        gloss=float(rng.uniform(0.2, 0.9)),
        fiber=float(rng.uniform(0.0, 0.5)),
        bump=float(rng.uniform(0.02, 0.35)),
        facets=float(rng.uniform(0.0, most_facets)),
    )


def _plastic(colors: tuple[tuple[float, float, float], ...], rng: np.random.Generator) -> Material:
    base = np.array(colors[rng.integers(len(colors))])
    return Material(
        _color(base * rng.uniform(0.2, 1.1)),
        metal=0.05,
        highlight=float(rng.uniform(0.2, 0.9)),
        gloss=float(rng.uniform(0.2, 0.6)),
        fiber=0.1,
        bump=0.1,
        facets=float(rng.uniform(0.0, 0.1)),
    )


def _color(rgb: np.ndarray) -> tuple[float, float, float]:
    red, green, blue = np.clip(rgb, 0, 1)
    return float(red), float(green), float(blue)
