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


"""Named scenes for judging trackers: short, deterministic, each difficult in one way."""

from collections.abc import Mapping
import dataclasses
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from surgseg_ros.simulation.options import SceneOptions
from surgseg_ros.simulation.simulator import StereoEndoscopeSimulator
from surgseg_ros.simulation.world.motion import InstrumentScript
from surgseg_ros.simulation.world.motion import Waypoint


@dataclass(frozen=True)
class BlindSpell:
    """
    A time in which one eye sees nothing.

    :param eye: ``left`` or ``right``
    :param start_s: first instant without an image
    :param end_s: first instant with an image again
    """

    eye: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class ScriptedScene:
    """
    A scene whose instruments follow a script.

    :param name: of the scene
    :param description: what happens and what makes it difficult
    :param duration_s: after that the instruments rest
    :param options: its look, the camera, and the type of each instrument
    :param scripts: how each instrument moves
    :param right_eye_delay_s: the right eye sees the scene this much later than the left one
    :param blind_spell: when consumers must do without one eye; the simulator renders it all the
        same, so that there is truth
    """

    name: str
    description: str
    duration_s: float
    options: SceneOptions
    scripts: tuple[InstrumentScript, ...]
    right_eye_delay_s: float = 0.0
    blind_spell: BlindSpell | None = None

    @property
    def num_frames(self) -> int:
        """Return the number of frames in the scene."""
        return round(self.duration_s * self.options.rate_hz)

    def make_simulator(self, render_images: bool = True) -> StereoEndoscopeSimulator:
        """
        Return a simulator at the start of the scene; close it.

        :param render_images: render images; without them labels and truth come much faster
        :raises RenderingError: if there is no off-screen OpenGL
        """
        return StereoEndoscopeSimulator(
            self.options,
            scripts=self.scripts,
            right_eye_delay_s=self.right_eye_delay_s,
            render_images=render_images,
        )

    def is_blind(self, eye: str, time: float) -> bool:
        """Tell whether an eye sees nothing in the frame with a time in s."""
        spell = self.blind_spell
        return spell is not None and eye == spell.eye and spell.start_s <= time < spell.end_s


def get_scripted_scene(name: str, **overrides: Any) -> ScriptedScene:
    """
    Return a scene of :data:`SCRIPTED_SCENES`.

    :param name: of the scene
    :param overrides: options that replace those of the scene, such as ``width``, ``height`` and
        ``rate_hz``
    :raises ValueError: if there is no such scene, or an option is out of range
    """
    if name not in SCRIPTED_SCENES:
        raise ValueError(
            f"there is no scene '{name}'; the scenes are: {', '.join(SCRIPTED_SCENES)}"
        )
    scene = SCRIPTED_SCENES[name]
    return dataclasses.replace(scene, options=dataclasses.replace(scene.options, **overrides))


def _options(*instrument_types: str) -> SceneOptions:
    """Return the default look in a roomy, still scene."""
    return SceneOptions(
        seed=5,
        width=1280,
        height=1024,
        rate_hz=30.0,
        num_instruments=len(instrument_types),
        instrument_types=instrument_types,
        camera_motion=0.0,
        distance=0.14,
        tilt=0.25,
    )


def _path(*rows: tuple[float, float, float, float, float]) -> tuple[Waypoint, ...]:
    """Return waypoints of time in s, x, y, depth in mm and jaw angle in rad."""
    return tuple(Waypoint(time, x, y, depth / 1000, jaw) for time, x, y, depth, jaw in rows)


_FROM_LEFT = np.pi - 0.45
_FROM_RIGHT = 0.45

_CALM_SCRIPTS = (
    InstrumentScript(
        _path(
            (0.0, 0.34, 0.50, 85, 0.3),
            (2.5, 0.41, 0.42, 92, 0.6),
            (5.0, 0.36, 0.56, 80, 0.2),
            (7.5, 0.30, 0.46, 88, 0.5),
            (10.0, 0.34, 0.50, 85, 0.3),
        ),
        _FROM_LEFT,
        roll=0.6,
        wrist_pitch=0.2,
        wrist_yaw=-0.25,
    ),
    InstrumentScript(
        _path(
            (0.0, 0.64, 0.46, 95, 0.4),
            (2.0, 0.60, 0.54, 88, 0.1),
            (4.5, 0.68, 0.50, 100, 0.7),
            (7.0, 0.62, 0.38, 105, 0.3),
            (10.0, 0.64, 0.46, 95, 0.4),
        ),
        _FROM_RIGHT,
        roll=-0.8,
        wrist_pitch=-0.15,
        wrist_yaw=0.3,
    ),
)

_SCENES = (
    ScriptedScene(
        'calm',
        'Two instruments move slowly, apart from each other, both tips in view.',
        10.0,
        _options('large needle driver', 'prograsp forceps'),
        _CALM_SCRIPTS,
    ),
    ScriptedScene(
        'crossing',
        'Two instruments cross in the image twice and back, one in front of the other.',
        10.0,
        _options('large needle driver', 'bipolar forceps'),
        (
            InstrumentScript(
                _path(
                    (0.0, 0.34, 0.52, 72, 0.3),
                    (1.0, 0.34, 0.50, 70, 0.3),
                    (3.0, 0.62, 0.44, 66, 0.2),
                    (5.0, 0.34, 0.52, 70, 0.5),
                    (7.0, 0.64, 0.50, 66, 0.2),
                    (9.0, 0.34, 0.52, 72, 0.3),
                ),
                _FROM_LEFT,
                slope=0.25,
                roll=0.4,
                wrist_yaw=0.1,
            ),
            InstrumentScript(
                _path(
                    (0.0, 0.66, 0.48, 90, 0.3),
                    (1.0, 0.66, 0.50, 90, 0.4),
                    (3.0, 0.40, 0.50, 94, 0.2),
                    (5.0, 0.66, 0.46, 90, 0.4),
                    (7.0, 0.38, 0.44, 94, 0.2),
                    (9.0, 0.66, 0.48, 90, 0.3),
                ),
                _FROM_RIGHT,
                slope=0.2,
                roll=-0.5,
                wrist_yaw=-0.15,
            ),
        ),
    ),
    ScriptedScene(
        'reentry',
        'One instrument leaves the image for about a second and comes back; the other stays.',
        8.0,
        _options('prograsp forceps', 'large needle driver'),
        (
            InstrumentScript(
                _path(
                    (0.0, 0.36, 0.52, 85, 0.3),
                    (2.5, 0.40, 0.44, 90, 0.5),
                    (5.0, 0.34, 0.50, 82, 0.2),
                    (8.0, 0.38, 0.54, 86, 0.4),
                ),
                _FROM_LEFT,
                roll=0.7,
                wrist_yaw=0.2,
            ),
            InstrumentScript(
                _path(
                    (0.0, 0.62, 0.48, 92, 0.3),
                    (1.5, 0.66, 0.52, 90, 0.3),
                    (3.5, 1.06, 0.72, 84, 0.1),
                    (5.5, 0.64, 0.46, 94, 0.3),
                    (8.0, 0.60, 0.52, 90, 0.4),
                ),
                _FROM_RIGHT,
                roll=-0.3,
            ),
        ),
    ),
    ScriptedScene(
        'occlusion',
        'One instrument passes before the tip of the other and withdraws, twice.',
        8.0,
        _options('large needle driver', 'vessel sealer'),
        (
            InstrumentScript(
                _path(
                    (0.0, 0.52, 0.42, 108, 0.1),
                    (4.0, 0.53, 0.41, 110, 0.1),
                    (8.0, 0.52, 0.42, 108, 0.1),
                ),
                -1.5,
                slope=0.3,
                roll=0.3,
            ),
            InstrumentScript(
                _path(
                    (0.0, 0.44, 0.60, 80, 0.1),
                    (1.5, 0.46, 0.56, 80, 0.1),
                    (2.15, 0.505, 0.27, 80, 0.0),
                    (2.8, 0.46, 0.56, 80, 0.1),
                    (4.9, 0.44, 0.58, 80, 0.2),
                    (5.55, 0.51, 0.28, 80, 0.0),
                    (6.2, 0.46, 0.56, 80, 0.1),
                    (8.0, 0.44, 0.60, 80, 0.1),
                ),
                np.pi / 2 + 0.1,
                slope=0.3,
                roll=0.2,
            ),
        ),
    ),
    ScriptedScene(
        'fast',
        'Two instruments dart about, with up to 600 px/s at 1280 x 1024 (50 mm/s).',
        8.0,
        _options('large needle driver', 'monopolar curved scissors'),
        (
            InstrumentScript(
                _path(
                    (0.0, 0.26, 0.46, 90, 0.3),
                    (0.9, 0.46, 0.56, 86, 0.6),
                    (1.7, 0.30, 0.64, 94, 0.1),
                    (2.6, 0.38, 0.34, 90, 0.5),
                    (3.4, 0.20, 0.46, 82, 0.2),
                    (4.3, 0.43, 0.40, 96, 0.7),
                    (5.1, 0.32, 0.60, 90, 0.1),
                    (6.0, 0.44, 0.38, 92, 0.4),
                    (6.9, 0.24, 0.54, 84, 0.2),
                    (8.0, 0.26, 0.46, 90, 0.3),
                ),
                _FROM_LEFT,
                roll=0.6,
                wrist_yaw=0.3,
            ),
            InstrumentScript(
                _path(
                    (0.0, 0.74, 0.52, 96, 0.2),
                    (1.0, 0.60, 0.36, 100, 0.5),
                    (1.8, 0.72, 0.56, 92, 0.1),
                    (2.7, 0.58, 0.44, 98, 0.6),
                    (3.6, 0.80, 0.40, 90, 0.2),
                    (4.4, 0.64, 0.58, 96, 0.4),
                    (5.3, 0.82, 0.44, 100, 0.1),
                    (6.2, 0.60, 0.50, 94, 0.5),
                    (7.0, 0.70, 0.34, 98, 0.2),
                    (8.0, 0.74, 0.52, 96, 0.2),
                ),
                _FROM_RIGHT,
                roll=-0.7,
                wrist_yaw=-0.2,
            ),
        ),
    ),
    ScriptedScene(
        'one_eye_blind',
        'As calm, but the right eye sees nothing for a second in the middle.',
        10.0,
        _options('large needle driver', 'prograsp forceps'),
        _CALM_SCRIPTS,
        blind_spell=BlindSpell('right', 4.5, 5.5),
    ),
    ScriptedScene(
        'eye_offset',
        'Two instruments move briskly, and the right eye sees them 20 ms after the left one.',
        8.0,
        _options('bipolar forceps', 'large needle driver'),
        (
            InstrumentScript(
                _path(
                    (0.0, 0.30, 0.44, 84, 0.3),
                    (1.2, 0.44, 0.52, 88, 0.5),
                    (2.4, 0.28, 0.58, 80, 0.2),
                    (3.6, 0.42, 0.40, 92, 0.4),
                    (4.8, 0.26, 0.48, 84, 0.1),
                    (6.0, 0.44, 0.42, 90, 0.6),
                    (8.0, 0.30, 0.44, 84, 0.3),
                ),
                _FROM_LEFT,
                roll=0.5,
                wrist_yaw=-0.2,
            ),
            InstrumentScript(
                _path(
                    (0.0, 0.70, 0.54, 96, 0.3),
                    (1.1, 0.60, 0.42, 100, 0.4),
                    (2.3, 0.74, 0.48, 92, 0.2),
                    (3.5, 0.60, 0.56, 96, 0.5),
                    (4.7, 0.76, 0.42, 102, 0.1),
                    (5.9, 0.62, 0.50, 94, 0.3),
                    (8.0, 0.70, 0.54, 96, 0.3),
                ),
                _FROM_RIGHT,
                roll=-0.6,
                wrist_pitch=0.2,
            ),
        ),
        right_eye_delay_s=0.02,
    ),
)

SCRIPTED_SCENES: Mapping[str, ScriptedScene] = MappingProxyType(
    {scene.name: scene for scene in _SCENES}
)
"""The scenes by name."""
