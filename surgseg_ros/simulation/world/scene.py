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


"""A MuJoCo scene: tissue, instruments, distractors, endoscope, and how they move."""

import mujoco
import numpy as np

from surgseg_ros.simulation.camera import StereoCamera
from surgseg_ros.simulation.options import SceneOptions
from surgseg_ros.simulation.randomness import make_rng
from surgseg_ros.simulation.randomness import Stream
from surgseg_ros.simulation.world import distractors
from surgseg_ros.simulation.world.backdrops import make_backdrop
from surgseg_ros.simulation.world.geoms import GeomLabel
from surgseg_ros.simulation.world.held_tools import add_held_tools
from surgseg_ros.simulation.world.held_tools import View
from surgseg_ros.simulation.world.instrument_builder import InstrumentBuilder
from surgseg_ros.simulation.world.instrument_builder import InstrumentType
from surgseg_ros.simulation.world.instrument_builder import JOINTS
from surgseg_ros.simulation.world.instrument_builder import SHAFT_RADIUS_M
from surgseg_ros.simulation.world.instruments import INSTRUMENT_TYPES
from surgseg_ros.simulation.world.materials import draw_look
from surgseg_ros.simulation.world.motion import Instrument
from surgseg_ros.simulation.world.motion import InstrumentScript
from surgseg_ros.simulation.world.motion import ScriptedInstrument
from surgseg_ros.simulation.world.motion import ScriptView
from surgseg_ros.simulation.world.motion import Wander
from surgseg_ros.simulation.world.motion import WanderingInstrument
from surgseg_ros.simulation.world.tissue import make_tissue
from surgseg_ros.simulation.world.tissue import SURFACE_SIZE_M
from surgseg_ros.simulation.world.tissue import Tissue

TISSUE_GEOM = 'tissue'

_TROCAR_DISTANCE_M = 0.16
_MIN_TIP_DEPTH_M = 0.042
_SHAFT_WAY_M = (0.02, 0.13)
_MAX_SLOPE = 3.0
_SLOPE_STEP = 0.3
_BASE_THICKNESS_M = 0.01


class Scene:
    """
    Everything in front of the endoscope, and the endoscope.

    :param options: what to build; equal options build equal scenes
    :param camera: intrinsics, used to place the instruments in view
    :param scripts: one an instrument; empty: the instruments move about at random
    :raises ValueError: if there are scripts, but not one an instrument
    """

    def __init__(
        self,
        options: SceneOptions,
        camera: StereoCamera,
        scripts: tuple[InstrumentScript, ...] = (),
    ) -> None:
        if scripts and len(scripts) != options.num_instruments:
            raise ValueError(
                f'{len(scripts)} scripts for {options.num_instruments} instruments; '
                "give one an instrument or change the option 'num_instruments'"
            )
        rng = make_rng(options.seed, Stream.INSTRUMENTS)
        self._options = options
        self._camera = camera
        self._scripts = scripts
        self.tissue = _make_surface(options)
        self._target = np.array([0.0, 0.0, self.height_at(0.0, 0.0)])
        self._azimuth, self._roll = rng.uniform(0, 2 * np.pi), rng.normal(0, 0.25)
        self._endoscope = Wander(rng, 6, options.motion)
        self._light = rng.uniform(0, 2 * np.pi)
        spec = self._make_spec()
        self.labels: list[GeomLabel] = []
        self.instruments = self._add_instruments(spec, rng)
        self.labels += distractors.add_distractors(
            spec,
            options,
            make_rng(options.seed, Stream.DISTRACTORS),
            distractors.Ground(self.height_at, self.color_at),
        )
        view = View(camera, *self.endoscope_at(0.0), self.height_at, self._free_direction)
        self._held_tools = add_held_tools(
            spec, options, make_rng(options.seed, Stream.HELD_TOOLS), view
        )
        self.labels += [label for tool in self._held_tools for label in tool.labels]
        self.model: mujoco.MjModel = spec.compile()
        self.data = mujoco.MjData(self.model)
        self._addresses = [self._joint_addresses(item) for item in self.instruments]

    def move_to(self, time: float) -> None:
        """Set every joint to its position at a time in s."""
        for instrument, addresses in zip(self.instruments, self._addresses, strict=True):
            self.data.qpos[addresses] = instrument.joints_at(time)
        for index, tool in enumerate(self._held_tools):
            self.data.mocap_pos[index] = tool.position_at(time)
        mujoco.mj_kinematics(self.model, self.data)

    def endoscope_at(self, time: float) -> tuple[np.ndarray, np.ndarray]:
        """
        Return the pose of the left eye.

        :param time: s
        :return: (3,) optical center in the world in m, and (3, 3) optical frame to world
        """
        values = self._endoscope.at(time)
        wander = self._options.camera_motion
        tilt = self._options.tilt + 8 * wander * values[3]
        azimuth = self._azimuth + 8 * wander * values[4]
        roll = self._roll + 8 * wander * values[5]
        forward = np.array(
            [np.sin(tilt) * np.cos(azimuth), np.sin(tilt) * np.sin(azimuth), -np.cos(tilt)]
        )
        level = np.array([np.sin(azimuth), -np.cos(azimuth), 0.0])
        down = np.cross(forward, level)
        right = np.cos(roll) * level + np.sin(roll) * down
        rotation = np.column_stack((right, np.cross(forward, right), forward))
        position = self._target - self._options.distance * forward + wander * values[:3]
        return position, rotation

    def light_at(self, time: float) -> np.ndarray:
        """Return the (3,) position of the light in the left optical frame in m."""
        angle = self._light + 0.3 * np.sin(0.7 * time)
        offset = self._options.light_offset
        return np.array([offset * np.cos(angle), offset * np.sin(angle), -0.002])

    def height_at(self, x: float, y: float) -> float:
        """Return the height of the tissue at a point of the plane in m."""
        count = self.tissue.relief.shape[0]
        column, row = (
            int(np.clip((value / SURFACE_SIZE_M + 0.5) * count, 0, count - 1)) for value in (x, y)
        )
        return float(self.tissue.relief[row, column])

    def color_at(self, x: float, y: float) -> np.ndarray:
        """Return the (3,) linear color of the tissue at a point of the plane in m."""
        count = self.tissue.surface.shape[0]
        column, row = (
            int(np.clip((value / SURFACE_SIZE_M + 0.5) * count, 0, count - 1)) for value in (x, y)
        )
        return (self.tissue.surface[row, column, :3] / 255.0) ** 2

    def tip(self, instrument: Instrument) -> np.ndarray:
        """Return the (3,) point midway between the tips of both jaws, in the world in m."""
        return self.jaw_tips(instrument).mean(axis=0)

    def jaw_tips(self, instrument: Instrument) -> np.ndarray:
        """Return the (2, 3) tips of both jaws, in the world in m."""
        name = f'instrument{instrument.instrument_id}'
        return np.stack([self.data.site(f'{name}_jaw_{jaw}_tip').xpos for jaw in 'ab'])

    def jaw_angle(self, instrument: Instrument) -> float:
        """Return the angle between both jaws in rad."""
        name = f'instrument{instrument.instrument_id}'
        return float(
            self.data.joint(f'{name}_jaw_a').qpos[0] - self.data.joint(f'{name}_jaw_b').qpos[0]
        )

    def _make_spec(self) -> mujoco.MjSpec:
        spec = mujoco.MjSpec()
        spec.stat.extent = 1.0
        visual = spec.visual
        visual.global_.offwidth = self._camera.width
        visual.global_.offheight = self._camera.height
        visual.quality.offsamples = 0
        visual.quality.shadowsize = 0
        relief = self.tissue.relief
        low, high = float(relief.min()), float(relief.max())
        scaled = (relief - low) / max(high - low, 1e-6)
        half = SURFACE_SIZE_M / 2
        spec.add_hfield(
            name=TISSUE_GEOM,
            size=(half, half, max(high - low, 1e-6), _BASE_THICKNESS_M),
            nrow=relief.shape[0],
            ncol=relief.shape[1],
            userdata=scaled.ravel(),
        )
        spec.worldbody.add_geom(
            name=TISSUE_GEOM,
            type=mujoco.mjtGeom.mjGEOM_HFIELD,
            hfieldname=TISSUE_GEOM,
            pos=(0, 0, low),
            contype=0,
            conaffinity=0,
        )
        return spec

    def _add_instruments(self, spec: mujoco.MjSpec, rng: np.random.Generator) -> list[Instrument]:
        options = self._options
        entries = _entry_angles(rng, options.num_instruments)
        instruments: list[Instrument] = []
        for index, entry in enumerate(entries):
            instrument_rng = np.random.default_rng(rng.integers(2**63))
            kind = self._draw_kind(instrument_rng, index)
            if self._scripts:
                instrument = self._place_scripted(index + 1, kind, self._scripts[index])
            else:
                instrument = self._place(instrument_rng, index + 1, kind, entry)
            builder = InstrumentBuilder(
                spec,
                instrument.instrument_id,
                kind,
                draw_look(kind.class_name, options, instrument_rng),
                SHAFT_RADIUS_M * options.instrument_scale,
            )
            self.labels += builder.build(instrument.trocar, instrument.rotation)
            instruments.append(instrument)
        return instruments

    def _draw_kind(self, rng: np.random.Generator, index: int) -> InstrumentType:
        drawn = rng.choice(list(INSTRUMENT_TYPES))
        given = self._options.instrument_types
        return INSTRUMENT_TYPES[given[index % len(given)] if given else drawn]

    def _place(
        self, rng: np.random.Generator, instrument_id: int, kind: InstrumentType, entry: float
    ) -> Instrument:
        """Choose a trocar so that the shaft enters from an image direction, in rad."""
        options, camera = self._options, self._camera
        position, rotation = self.endoscope_at(0.0)
        toward = np.array([np.cos(entry), np.sin(entry)])
        extent_px = np.array([camera.width, camera.height])
        # Most tips are near the middle; some shafts cross the whole image.
        reach = rng.uniform(-0.32, 0.14) if rng.random() < 0.92 else rng.uniform(-0.65, -0.45)
        pixel = extent_px * (0.5 + toward * reach + rng.uniform(-0.10, 0.10, 2))
        ray = rotation @ camera.back_project(pixel, 1.0)
        surface = (self._target[2] - position[2]) / min(ray[2], -0.2)
        surface = np.clip(surface, 0.6 * options.distance, 1.6 * options.distance)
        depth = surface * np.clip(options.instrument_distance * rng.uniform(0.85, 1.1), 0.3, 1.0)
        depth = max(depth, _MIN_TIP_DEPTH_M)
        tip = position + depth * ray
        direction = self._free_direction(tip, toward, rng.uniform(0.15, 1.0), rotation)
        wrist = tip - direction * (kind.wrist_length + kind.jaw_length)
        motion = options.motion
        return WanderingInstrument(
            instrument_id,
            kind,
            wrist - _TROCAR_DISTANCE_M * direction,
            _frame_along(direction),
            wrist,
            np.array(
                [rng.uniform(-np.pi, np.pi), *rng.normal(0, 0.35, 2), rng.uniform(-0.1, 0.8)]
            ),
            Wander(rng, 7, motion),
            min(motion, 2.0) * rng.uniform(0.004, 0.012),
        )

    def _place_scripted(
        self, instrument_id: int, kind: InstrumentType, script: InstrumentScript
    ) -> Instrument:
        """Choose the trocar so that the shaft enters as scripted at the first waypoint."""
        position, rotation = self.endoscope_at(0.0)
        view = ScriptView(self._camera, position, rotation)
        direction = rotation @ [-np.cos(script.entry), -np.sin(script.entry), script.slope]
        direction /= np.linalg.norm(direction)
        behind = kind.wrist_length + kind.jaw_length + _TROCAR_DISTANCE_M
        return ScriptedInstrument(
            instrument_id,
            kind,
            view.position_of(script.waypoints[0]) - behind * direction,
            _frame_along(direction),
            script,
            view,
        )

    def _free_direction(
        self, tip: np.ndarray, toward: np.ndarray, slope: float, rotation: np.ndarray
    ) -> np.ndarray:
        """
        Return the direction of a shaft that does not run through tissue on its way to the tip.

        :param tip: (3,) m, in the world
        :param toward: (2,) direction in the image that the shaft comes from
        :param slope: depth gained per length across the image, raised until the way is free
        :param rotation: (3, 3) optical frame to world
        """
        behind = np.linspace(*_SHAFT_WAY_M, 12)[:, None]
        while True:
            direction = rotation @ (np.array([-toward[0], -toward[1], slope]))
            direction /= np.linalg.norm(direction)
            way = tip - behind * direction
            clearance = way[:, 2] - [self.height_at(x, y) for x, y in way[:, :2]]
            if clearance.min() > SHAFT_RADIUS_M or slope > _MAX_SLOPE:
                return direction
            slope += _SLOPE_STEP

    def _joint_addresses(self, instrument: Instrument) -> np.ndarray:
        names = [f'instrument{instrument.instrument_id}_{joint}' for joint in JOINTS]
        return np.array([self.model.joint(name).qposadr[0] for name in names])


def _make_surface(options: SceneOptions) -> Tissue:
    if options.backdrop == 'tissue':
        return make_tissue(options, make_rng(options.seed, Stream.TISSUE))
    return make_backdrop(options, make_rng(options.seed, Stream.BACKDROP))


def _entry_angles(rng: np.random.Generator, count: int) -> list[float]:
    """
    Return where the shafts come from, in rad in the image: 0 right, pi/2 below, pi left.

    The first two instruments come from opposite sides, as with two hands, a third from anywhere.
    """
    first_side = int(rng.integers(2))
    angles = [
        side * np.pi + (1 - 2 * side) * rng.normal(0.35, 0.5)
        for side in (first_side, 1 - first_side)
    ]
    angles.append(rng.uniform(0, 2 * np.pi))
    return angles[:count]


def _frame_along(direction: np.ndarray) -> np.ndarray:
    """Return a rotation whose z axis is a direction."""
    helper = np.eye(3)[np.argmin(np.abs(direction))]
    x = np.cross(helper, direction)
    x /= np.linalg.norm(x)
    return np.column_stack((x, np.cross(direction, x), direction))
