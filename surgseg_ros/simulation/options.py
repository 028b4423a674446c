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


"""What a simulated scene looks like: every option, and the ranges of randomized scenes."""

from collections.abc import Mapping
import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from surgseg_ros.simulation.camera import BASELINE_M
from surgseg_ros.simulation.camera import FOCAL_LENGTH_PX_AT_1280
from surgseg_ros.simulation.randomness import make_rng
from surgseg_ros.simulation.randomness import Stream

EYES = ('left', 'right')

MAX_INSTRUMENTS = 3

INSTRUMENT_NAMES = (
    'bipolar forceps',
    'prograsp forceps',
    'large needle driver',
    'vessel sealer',
    'grasping retractor',
    'monopolar curved scissors',
    'other',
)

TISSUE_NAMES = (
    *('peritoneum', 'bowel', 'liver', 'fat', 'kidney', 'pale'),
    *('spleen', 'omentum', 'mucosa', 'fascia', 'dark', 'bruised'),
)

BORDER_NAMES = ('none', 'frame', 'rounded', 'circle', 'small circle', 'pillar')

BACKDROP_NAMES = ('tissue', 'cloth', 'board', 'plain', 'texture')

COLOR_CAST_NAMES = ('none', 'cold', 'violet', 'warm', 'green')

OVERLAY_NAMES = ('none', 'console', 'caption', 'corners', 'panel')


@dataclass(frozen=True)
class SceneOptions:
    """
    Everything that decides what the simulator shows. Equal options give equal images.

    Strengths are 0 (off) to 1 (strongest that still shows the instruments) unless a unit is given.

    :param seed: of everything random: anatomy, instruments, motion, dirt, noise
    :param width: of one eye's image, px
    :param height: of one eye's image, px
    :param rate_hz: frames per simulated second
    :param eyes: eyes that are rendered, of ``left`` and ``right``
    :param focal_length: px of a 1280 px wide image; scales with the width
    :param baseline: distance between the eyes in m
    :param num_instruments: 0..3
    :param instrument_types: one class name of ``types`` an instrument; empty: random ones
    :param instrument_scale: thickness of the instruments relative to the 8.4 mm ones
    :param instrument_distance: distance of the tips, relative to the tissue's
    :param motion: speed and extent of the instruments' motion, 1 is calm surgery
    :param camera_motion: m that the endoscope wanders about
    :param distance: from the eyes to the tissue along the optical axis in m
    :param tilt: of the optical axis against the tissue's normal in rad
    :param tissue: kind of the main organ
    :param second_tissue: kind of the organ beside it
    :param fat: share of the surface under yellow fat
    :param relief: height of folds and bulges
    :param lobules: how much the surface consists of rounded lobes
    :param bodies: how many rounded organs, loops and cords lie on the surface
    :param char: what cautery has burnt
    :param texture: fineness of the tissue's wet structure: 0 smooth .. 1 rough
    :param vessels: density of the vessels
    :param wetness: strength of the highlights on tissue
    :param cavity: depth of dark gaps
    :param light_offset: distance of the light from the endoscope's center in m
    :param falloff: 0 even light .. 1 inverse square of the distance
    :param ambient: light that comes from everywhere
    :param shadow: darkness of the shadows that objects throw
    :param shadow_softness: of the edges of shadows: 0 sharp .. 1 blurred
    :param stray_shadows: shadows of things that are out of view
    :param shaft_brightness: 0 black .. 1 bright metal
    :param shaft_fiber: visibility of fibers and brushing on the shaft
    :param metal_contrast: of the reflections on wrist and jaws
    :param tool_blood: blood on the instruments
    :param blood: share of the tissue under blood
    :param smoke: density of the smoke
    :param defocus: blur radius in px at 640 px width
    :param motion_blur: length of the smear in px at 640 px width
    :param noise: standard deviation of the sensor noise in gray levels of 255
    :param vignetting: darkening of the corners
    :param black_border: ``none``, ``frame``, ``rounded``, ``circle``, ``small circle`` or
        ``pillar``, which is black bars on the left and the right
    :param exposure: gain before clipping, 1 is well exposed
    :param contrast: exponent of the tone curve, 1 is neutral
    :param saturation: 1 is neutral, 0 is gray
    :param white_balance: gains of red, green and blue
    :param grayscale: make all channels equal
    :param jpeg_quality: 1..100; 0 leaves the image uncompressed
    :param fill_fenestrations: label what is seen through the openings of a jaw as that jaw, as the
        EndoVis annotations do; otherwise as what it is
    :param threads: suture threads
    :param needles: curved needles
    :param gauzes: white patches
    :param clips: small metal clips
    :param backdrop: what lies behind the instruments: ``tissue``; ``cloth``, a drape of any color
        with weave and folds; ``board``, printed or pegged as in a dry lab; ``plain``, one color;
        or ``texture``, random patterns of any colors
    :param probes: drop-in ultrasound probes on a rod
    :param suctions: straight suction and irrigation tubes
    :param cannulas: mouths of trocars
    :param retractors: dark knitted or padded bodies
    :param drains: silicone drains and hoses
    :param vessel_loops: colored elastic bands
    :param polymer_clips: purple or white locking clips
    :param towels: colored cloths
    :param bubbles: drops and bubbles on the surface
    :param sharpening: edge enhancement of the camera
    :param bloom: glare around what is too bright
    :param black_level: display value of black, below 0 dark areas are cut off
    :param color_cast: ``none``, ``cold``, ``violet``, ``warm`` or ``green`` light
    :param chroma_noise: standard deviation of blotches of color in gray levels of 255
    :param near_infrared: share of the look of near infrared images: gray, bright tissue, black
        shadows, heavy grain where the light is strong
    :param misregistration: shift between the color channels in px at 640 px width
    :param fog: condensation on the lens of one of the rendered eyes
    :param lens_dirt: drops and smears on the lens of one of the rendered eyes
    :param interlacing: horizontal shift between even and odd lines in px at 640 px width; the
        labels lie midway
    :param video_compression: loss of detail and blocks of a small video stream
    :param overlay: what a console or a recorder draws over the image: ``none``, ``console``
        (banner, names of the instruments, hints), ``caption`` (bar at an edge), ``corners``
        (text in corners) or ``panel``. Pixels under what hides the scene are background
    :raises ValueError: naming the option that is out of range
    """

    seed: int = 0
    width: int = 640
    height: int = 512
    rate_hz: float = 30.0
    eyes: tuple[str, ...] = EYES
    focal_length: float = FOCAL_LENGTH_PX_AT_1280
    baseline: float = BASELINE_M
    num_instruments: int = 2
    instrument_types: tuple[str, ...] = ()
    instrument_scale: float = 1.0
    instrument_distance: float = 0.85
    motion: float = 1.0
    camera_motion: float = 0.001
    distance: float = 0.085
    tilt: float = 0.45
    tissue: str = 'peritoneum'
    second_tissue: str = 'bowel'
    fat: float = 0.15
    relief: float = 0.5
    lobules: float = 0.3
    bodies: float = 0.0
    char: float = 0.0
    texture: float = 0.5
    vessels: float = 0.5
    wetness: float = 0.5
    cavity: float = 0.4
    light_offset: float = 0.006
    falloff: float = 0.8
    ambient: float = 0.08
    shaft_brightness: float = 0.35
    shaft_fiber: float = 0.6
    metal_contrast: float = 0.7
    tool_blood: float = 0.1
    blood: float = 0.05
    smoke: float = 0.0
    defocus: float = 0.3
    motion_blur: float = 0.0
    noise: float = 2.0
    vignetting: float = 0.35
    black_border: str = 'none'
    exposure: float = 1.0
    contrast: float = 1.0
    saturation: float = 1.0
    white_balance: tuple[float, float, float] = (1.0, 1.0, 1.0)
    grayscale: bool = False
    jpeg_quality: int = 0
    fill_fenestrations: bool = True
    threads: int = 0
    needles: int = 0
    gauzes: int = 0
    clips: int = 0
    backdrop: str = 'tissue'
    probes: int = 0
    suctions: int = 0
    cannulas: int = 0
    retractors: int = 0
    drains: int = 0
    vessel_loops: int = 0
    polymer_clips: int = 0
    towels: int = 0
    bubbles: int = 0
    sharpening: float = 0.0
    bloom: float = 0.0
    black_level: float = 0.0
    color_cast: str = 'none'
    chroma_noise: float = 0.0
    near_infrared: float = 0.0
    misregistration: float = 0.0
    fog: float = 0.0
    lens_dirt: float = 0.0
    interlacing: float = 0.0
    video_compression: float = 0.0
    overlay: str = 'none'
    shadow: float = 0.55
    shadow_softness: float = 0.5
    stray_shadows: int = 0

    def __post_init__(self) -> None:
        """Check every option."""
        for name, (low, high) in LIMITS.items():
            if not low <= getattr(self, name) <= high:
                raise ValueError(
                    f'{name} must be between {low} and {high}, got {getattr(self, name)}'
                )
        for name, choices in CHOICES.items():
            chosen = getattr(self, name)
            for value in (chosen,) if isinstance(chosen, str) else chosen:
                if value not in choices:
                    raise ValueError(f"{name}: '{value}' is not one of: {', '.join(choices)}")
        if not self.eyes:
            raise ValueError("eyes must name at least one of 'left' and 'right'")

    @classmethod
    def randomized(cls, seed: int, ranges: str = 'standard', **overrides: Any) -> 'SceneOptions':
        """
        Draw a scene.

        :param seed: decides every draw and the scene itself
        :param ranges: one of :data:`RANGES`
        :param overrides: options that are given instead of drawn; the others do not change
        """
        rng = make_rng(seed, Stream.OPTIONS)
        drawn = {name: draw.sample(rng) for name, draw in RANGES[ranges].items()}
        return dataclasses.replace(cls(seed=seed), **{**drawn, **overrides})


LIMITS: Mapping[str, tuple[float, float]] = {
    'width': (32, 4096),
    'height': (32, 4096),
    'rate_hz': (0.01, 1000.0),
    'focal_length': (200.0, 5000.0),
    'baseline': (0.0, 0.02),
    'num_instruments': (0, MAX_INSTRUMENTS),
    'instrument_scale': (0.4, 1.5),
    'instrument_distance': (0.3, 1.1),
    'motion': (0.0, 5.0),
    'camera_motion': (0.0, 0.01),
    'distance': (0.03, 0.3),
    'tilt': (0.0, 1.1),
    'fat': (0.0, 1.0),
    'relief': (0.0, 1.0),
    'lobules': (0.0, 1.0),
    'bodies': (0.0, 1.0),
    'char': (0.0, 1.0),
    'texture': (0.0, 1.0),
    'vessels': (0.0, 1.0),
    'wetness': (0.0, 1.0),
    'cavity': (0.0, 1.0),
    'light_offset': (0.0, 0.03),
    'falloff': (0.0, 1.0),
    'ambient': (0.0, 1.0),
    'shaft_brightness': (0.0, 1.0),
    'shaft_fiber': (0.0, 1.0),
    'metal_contrast': (0.0, 1.0),
    'tool_blood': (0.0, 1.0),
    'blood': (0.0, 1.0),
    'smoke': (0.0, 1.0),
    'defocus': (0.0, 5.0),
    'motion_blur': (0.0, 30.0),
    'noise': (0.0, 50.0),
    'vignetting': (0.0, 1.0),
    'exposure': (0.1, 5.0),
    'contrast': (0.3, 3.0),
    'saturation': (0.0, 3.0),
    'jpeg_quality': (0, 100),
    'threads': (0, 5),
    'needles': (0, 3),
    'gauzes': (0, 3),
    'clips': (0, 10),
    'probes': (0, 1),
    'suctions': (0, 2),
    'cannulas': (0, 2),
    'retractors': (0, 1),
    'drains': (0, 2),
    'vessel_loops': (0, 3),
    'polymer_clips': (0, 8),
    'towels': (0, 2),
    'bubbles': (0, 30),
    'sharpening': (0.0, 1.0),
    'bloom': (0.0, 1.0),
    'black_level': (-0.2, 0.2),
    'chroma_noise': (0.0, 30.0),
    'near_infrared': (0.0, 1.0),
    'misregistration': (0.0, 5.0),
    'fog': (0.0, 1.0),
    'lens_dirt': (0.0, 1.0),
    'interlacing': (0.0, 10.0),
    'video_compression': (0.0, 1.0),
    'shadow': (0.0, 1.0),
    'shadow_softness': (0.0, 1.0),
    'stray_shadows': (0, 3),
}
"""Smallest and largest value of every number."""

CHOICES: Mapping[str, tuple[str, ...]] = {
    'eyes': EYES,
    'instrument_types': INSTRUMENT_NAMES,
    'tissue': TISSUE_NAMES,
    'second_tissue': TISSUE_NAMES,
    'black_border': BORDER_NAMES,
    'backdrop': BACKDROP_NAMES,
    'color_cast': COLOR_CAST_NAMES,
    'overlay': OVERLAY_NAMES,
}
"""Names an option can take."""


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
