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

import numpy as np

from surgseg_ros.simulation.instruments import Look
from surgseg_ros.simulation.instruments import Material
from surgseg_ros.simulation.options import SceneOptions

_INSULATORS = ((0.28, 0.20, 0.06), (0.45, 0.45, 0.43), (0.03, 0.03, 0.035), (0.10, 0.07, 0.05))


def draw_look(class_name: str, options: SceneOptions, rng: np.random.Generator) -> Look:
    """
    Draw the materials of one instrument.

    :param class_name: class of the label set ``types``
    :param options: shaft brightness, fiber and metal contrast are used
    :param rng: decides everything random
    """
    metal = _metal(options, rng)
    brightness = np.clip(options.shaft_brightness + rng.normal(0, 0.12), 0, 1)
    gray = 0.008 + 0.42 * brightness**2.0
    # Carbon fiber shafts are brownish, metal and plastic ones neutral or bluish.
    tint = np.array([rng.uniform(0.98, 1.15), 1.0, rng.uniform(0.82, 1.2)])
    if rng.random() < 0.1:
        tint = np.array([0.75, 1.0, rng.uniform(1.2, 1.6)])
    shaft = Material(
        _color(gray * tint),
        metal=float(brightness * rng.uniform(0.0, 0.5)),
        highlight=float(rng.uniform(0.05, 0.7)),
        gloss=float(rng.uniform(0.05, 0.6)),
        fiber=float(options.shaft_fiber * rng.uniform(0.5, 1.0)),
        bump=0.1,
    )
    sleeve = metal if rng.random() < 0.7 else shaft
    colored = class_name in ('bipolar forceps', 'vessel sealer', 'monopolar curved scissors')
    insert = metal
    if colored and rng.random() < 0.7:
        base = _INSULATORS[rng.integers(len(_INSULATORS))]
        insert = Material(_color(np.array(base) * rng.uniform(0.2, 1.1)), 0.05, 0.4, 0.5, 0.1, 0.1)
    dark_jaw = rng.random() < 0.15
    return Look(
        shaft=shaft,
        sleeve=sleeve,
        wrist=metal,
        pin=_metal(options, rng),
        jaw=shaft if dark_jaw else _metal(options, rng),
        insert=insert,
    )


def _metal(options: SceneOptions, rng: np.random.Generator) -> Material:
    gray = rng.uniform(0.02, 0.2)
    tint = 1 + rng.normal(0, 0.05, 3)
    return Material(
        _color(gray * tint),
        metal=float(options.metal_contrast * rng.uniform(0.5, 1.0)),
        highlight=float(rng.uniform(0.8, 3.0)),
        gloss=float(rng.uniform(0.2, 0.9)),
        fiber=float(rng.uniform(0.0, 0.5)),
        bump=float(rng.uniform(0.02, 0.35)),
    )


def _color(rgb: np.ndarray) -> tuple[float, float, float]:
    red, green, blue = np.clip(rgb, 0, 1)
    return float(red), float(green), float(blue)
