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


"""What a simulated scene looks like: every option, and what it can be."""

from collections.abc import Mapping
import dataclasses
from dataclasses import dataclass
from typing import Any

from surgseg_ros.simulation.camera import BASELINE_M
from surgseg_ros.simulation.camera import FOCAL_LENGTH_PX_AT_1280
from surgseg_ros.simulation.names import BACKDROP_NAMES
from surgseg_ros.simulation.names import BORDER_NAMES
from surgseg_ros.simulation.names import COLOR_CAST_NAMES
from surgseg_ros.simulation.names import INSTRUMENT_NAMES
from surgseg_ros.simulation.names import OVERLAY_NAMES
from surgseg_ros.simulation.names import TISSUE_NAMES
from surgseg_ros.simulation.randomization import RANGES
from surgseg_ros.simulation.randomness import make_rng
from surgseg_ros.simulation.randomness import Stream

EYES = ('left', 'right')

MAX_INSTRUMENTS = 3


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
        :param ranges: one of :data:`surgseg_ros.simulation.randomization.RANGES`
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
