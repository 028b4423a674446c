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


"""Ranges of randomized scenes: how each option is drawn."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from surgseg_ros.simulation.names import BACKDROP_NAMES
from surgseg_ros.simulation.names import BORDER_NAMES
from surgseg_ros.simulation.names import COLOR_CAST_NAMES
from surgseg_ros.simulation.names import OVERLAY_NAMES
from surgseg_ros.simulation.names import TISSUE_NAMES


@dataclass(frozen=True)
class Uniform:
    """
    A uniform draw, or the value ``off`` with probability ``1 - probability``.

    :param low: smallest value
    :param high: largest value
    :param probability: that the draw is made at all
    :param off: the value otherwise
    :param power: larger than 1 makes small values likelier
    """

    low: float
    high: float
    probability: float = 1.0
    off: float = 0.0
    power: float = 1.0

    def sample(self, rng: np.random.Generator) -> float:
        """Draw one value."""
        chance, position = rng.random(2)
        if chance >= self.probability:
            return self.off
        return float(self.low + (self.high - self.low) * position**self.power)


@dataclass(frozen=True)
class Gains:
    """Three independent gains around 1, ``spread`` wide on a logarithmic scale."""

    spread: float

    def sample(self, rng: np.random.Generator) -> tuple[float, float, float]:
        """Draw red, green and blue."""
        red, green, blue = np.exp(rng.uniform(-self.spread, self.spread, 3))
        return float(red), float(green), float(blue)


@dataclass(frozen=True)
class Choice:
    """One of ``values``, with ``weights``."""

    values: tuple[Any, ...]
    weights: tuple[float, ...] | None = None

    def sample(self, rng: np.random.Generator) -> Any:
        """Draw one value."""
        weights = np.ones(len(self.values)) if self.weights is None else np.array(self.weights)
        return self.values[rng.choice(len(self.values), p=weights / weights.sum())]


RANDOMIZATION: Mapping[str, Uniform | Gains | Choice] = {
    'focal_length': Uniform(850.0, 1350.0),
    'num_instruments': Choice((0, 1, 2, 3), (0.04, 0.2, 0.5, 0.26)),
    'instrument_scale': Uniform(0.8, 1.15),
    'instrument_distance': Uniform(0.65, 1.05),
    'motion': Uniform(0.5, 2.0),
    'camera_motion': Uniform(0.0, 0.004),
    'distance': Uniform(0.055, 0.15),
    'tilt': Uniform(0.0, 0.95),
    'tissue': Choice(TISSUE_NAMES[:6]),
    'second_tissue': Choice(TISSUE_NAMES[:6]),
    'fat': Uniform(0.05, 0.6, 0.5),
    'relief': Uniform(0.1, 1.0),
    'lobules': Uniform(0.0, 1.0, 0.7, power=2.0),
    'vessels': Uniform(0.05, 1.0, 0.9),
    'wetness': Uniform(0.1, 1.0),
    'cavity': Uniform(0.1, 1.0, 0.6),
    'light_offset': Uniform(0.0, 0.015),
    'falloff': Uniform(0.3, 1.0),
    'ambient': Uniform(0.0, 0.25, power=2.0),
    'shaft_brightness': Uniform(0.0, 1.0),
    'shaft_fiber': Uniform(0.0, 1.0),
    'metal_contrast': Uniform(0.3, 1.0),
    'tool_blood': Uniform(0.05, 0.7, 0.4),
    'blood': Uniform(0.03, 0.5, 0.5),
    'smoke': Uniform(0.05, 0.6, 0.2),
    'defocus': Uniform(0.0, 2.0, power=2.0),
    'motion_blur': Uniform(1.0, 10.0, 0.2),
    'noise': Uniform(0.5, 9.0, power=1.5),
    'vignetting': Uniform(0.0, 1.0),
    'black_border': Choice(BORDER_NAMES[:4], (0.55, 0.25, 0.1, 0.1)),
    'exposure': Uniform(0.55, 1.8),
    'contrast': Uniform(0.75, 1.35),
    'saturation': Uniform(0.55, 1.25),
    'white_balance': Gains(0.12),
    'grayscale': Choice((False, True), (0.9, 0.1)),
    'jpeg_quality': Uniform(35, 95, 0.5),
    'threads': Choice((0, 1, 2), (0.65, 0.25, 0.1)),
    'needles': Choice((0, 1), (0.85, 0.15)),
    'gauzes': Choice((0, 1), (0.88, 0.12)),
    'clips': Choice((0, 2, 4), (0.85, 0.1, 0.05)),
}
"""How each option of a randomized scene is drawn. Options that are missing keep their default."""

WIDE_RANDOMIZATION: Mapping[str, Uniform | Gains | Choice] = {
    **RANDOMIZATION,
    'focal_length': Uniform(850.0, 1500.0),
    'num_instruments': Choice((0, 1, 2, 3), (0.09, 0.23, 0.44, 0.24)),
    'instrument_scale': Uniform(0.75, 1.3),
    'instrument_distance': Uniform(0.6, 1.05),
    'distance': Uniform(0.045, 0.15),
    'tissue': Choice(TISSUE_NAMES),
    'second_tissue': Choice(TISSUE_NAMES),
    'bodies': Uniform(0.1, 1.0, 0.65),
    'char': Uniform(0.05, 1.0, 0.15, power=2.0),
    'texture': Uniform(0.0, 1.0),
    'noise': Uniform(0.5, 12.0, power=1.8),
    'black_border': Choice(BORDER_NAMES, (0.52, 0.22, 0.08, 0.08, 0.05, 0.05)),
    'exposure': Uniform(0.4, 1.9),
    'contrast': Uniform(0.7, 1.45),
    'saturation': Uniform(0.55, 1.3),
    'white_balance': Gains(0.18),
    'grayscale': Choice((False, True), (0.88, 0.12)),
    'jpeg_quality': Uniform(20, 95, 0.5),
    'backdrop': Choice(BACKDROP_NAMES, (0.8, 0.06, 0.03, 0.07, 0.04)),
    # Tubes and bodies that are no instruments are rare: from many of them, as in the crowded
    # ranges, a network learns to leave out whatever shaft shows no wrist.
    'probes': Choice((0, 1), (0.97, 0.03)),
    'suctions': Choice((0, 1), (0.96, 0.04)),
    'cannulas': Choice((0, 1), (0.97, 0.03)),
    'retractors': Choice((0, 1), (0.94, 0.06)),
    'drains': Choice((0, 1), (0.97, 0.03)),
    'vessel_loops': Choice((0, 1, 2), (0.93, 0.05, 0.02)),
    'polymer_clips': Choice((0, 2, 5), (0.92, 0.05, 0.03)),
    'towels': Choice((0, 1), (0.96, 0.04)),
    'bubbles': Choice((0, 8, 25), (0.9, 0.06, 0.04)),
    'sharpening': Uniform(0.1, 1.0, 0.5),
    'bloom': Uniform(0.1, 1.0, 0.35, power=1.5),
    'black_level': Uniform(-0.1, 0.1, 0.5),
    'color_cast': Choice(COLOR_CAST_NAMES, (0.72, 0.09, 0.07, 0.07, 0.05)),
    'chroma_noise': Uniform(1.0, 15.0, 0.25, power=2.0),
    'near_infrared': Uniform(0.4, 1.0, 0.05),
    'misregistration': Uniform(0.3, 2.0, 0.1),
    'fog': Uniform(0.1, 0.7, 0.06),
    'lens_dirt': Uniform(0.2, 1.0, 0.1),
    'interlacing': Uniform(2.0, 6.0, 0.06),
    'video_compression': Uniform(0.1, 1.0, 0.25),
    'overlay': Choice(OVERLAY_NAMES, (0.76, 0.09, 0.06, 0.05, 0.04)),
    'light_offset': Uniform(0.0, 0.03),
    'shadow': Uniform(0.2, 0.95),
    'shadow_softness': Uniform(0.05, 1.0),
    'stray_shadows': Choice((0, 1, 2), (0.55, 0.28, 0.17)),
}
"""Wider ranges, of weights that shall hold on real images: more tools, backdrops and cameras."""

CROWDED_RANDOMIZATION: Mapping[str, Uniform | Gains | Choice] = {
    **WIDE_RANDOMIZATION,
    'num_instruments': Choice((0, 1, 2, 3), (0.15, 0.2, 0.42, 0.23)),
    'backdrop': Choice(BACKDROP_NAMES, (0.82, 0.08, 0.03, 0.03, 0.04)),
    'probes': Choice((0, 1), (0.9, 0.1)),
    'suctions': Choice((0, 1), (0.89, 0.11)),
    'cannulas': Choice((0, 1), (0.96, 0.04)),
    'retractors': Choice((0, 1), (0.87, 0.13)),
    'drains': Choice((0, 1), (0.92, 0.08)),
    'stray_shadows': Choice((0, 1, 2), (0.7, 0.2, 0.1)),
}
"""Wide ranges with a tube or body that is no instrument in two scenes of five."""

RANGES: Mapping[str, Mapping[str, Uniform | Gains | Choice]] = {
    'standard': RANDOMIZATION,
    'wide': WIDE_RANDOMIZATION,
    'crowded': CROWDED_RANDOMIZATION,
}
"""Ranges of randomized scenes by name."""
