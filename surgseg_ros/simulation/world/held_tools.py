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


"""Things on rods that are not robotic instruments: probes, suction tubes, cannulas, retractors."""

from collections.abc import Callable
from dataclasses import dataclass

import mujoco
import numpy as np

from surgseg_ros.simulation.camera import StereoCamera
from surgseg_ros.simulation.options import SceneOptions
from surgseg_ros.simulation.world.geoms import GeomLabel
from surgseg_ros.simulation.world.geoms import Material
from surgseg_ros.simulation.world.loose_meshes import knitted_tube
from surgseg_ros.simulation.world.loose_meshes import Mesh
from surgseg_ros.simulation.world.loose_meshes import printed_text
from surgseg_ros.simulation.world.loose_meshes import ring
from surgseg_ros.simulation.world.meshes import add_shell_mesh
from surgseg_ros.simulation.world.motion import Wander

_ROD_M = 0.22
_MIN_DEPTH_M = 0.03
_REACH_M = 0.01
_STEPS = 60
_DARK = Material((0.004, 0.004, 0.005), 0.0, 0.05, 0.2, 0.0, 0.1)
_PRINT = Material((0.01, 0.01, 0.012), 0.0, 0.05, 0.2, 0.0, 0.0)
_PALE_PRINT = Material((0.7, 0.7, 0.7), 0.0, 0.05, 0.2, 0.0, 0.0)
_TEXTS = ('MEDICAL', 'PROBE 10', 'US 4-12', 'STERILE', 'LOT 2041', '10 mm', '5 mm', 'LAP')


@dataclass(frozen=True)
class View:
    """
    What the left eye sees at the start.

    :param camera: intrinsics
    :param position: (3,) m, optical center in the world
    :param rotation: (3, 3) optical frame to world
    :param height_at: height of the surface at (x, y), all in m
    :param free_direction: direction of a rod clear of the surface for the tip in m, the direction
        in the image that it comes from, its slope in depth and the rotation of the eye
    """

    camera: StereoCamera
    position: np.ndarray
    rotation: np.ndarray
    height_at: Callable[[float, float], float]
    free_direction: Callable[[np.ndarray, np.ndarray, float, np.ndarray], np.ndarray]

    def surface_depth(self, pixel: np.ndarray) -> float:
        """Return the depth in m at which the ray through a (2,) pixel meets the surface."""
        ray = self.rotation @ self.camera.back_project(pixel, 1.0)
        for depth in np.linspace(0.03, 0.3, _STEPS):
            x, y, z = self.position + depth * ray
            if z < self.height_at(x, y):
                return float(depth)
        return 0.15

    def point(self, pixel: np.ndarray, depth: float) -> np.ndarray:
        """Return the (3,) point in the world at a depth in m behind a (2,) pixel."""
        return self.position + self.rotation @ self.camera.back_project(pixel, depth)


@dataclass(frozen=True)
class HeldTool:
    """
    A tool that somebody else holds, with its motion.

    :param tip: (3,) m, in the world, at rest
    :param labels: of its geoms: background
    :param reach: m that it wanders about
    :param wander: its motion
    """

    tip: np.ndarray
    labels: list[GeomLabel]
    reach: float
    wander: Wander

    def position_at(self, time: float) -> np.ndarray:
        """Return the (3,) position of the tip in the world in m at a time in s."""
        return self.tip + self.reach * self.wander.at(time)


class _ToolBuilder:
    """
    Adds a body whose z axis points from the rod to its tip, at the origin.

    :param spec: the scene
    :param name: of the tool
    :param tip: (3,) m, in the world
    :param direction: (3,) unit vector from the rod to the tip
    :param eye: (3,) m, in the world
    """

    def __init__(
        self,
        spec: mujoco.MjSpec,
        name: str,
        tip: np.ndarray,
        direction: np.ndarray,
        eye: np.ndarray,
    ) -> None:
        self.labels: list[GeomLabel] = []
        quaternion, away, to_eye = np.empty(4), np.empty(4), np.empty(3)
        mujoco.mju_quatZ2Vec(quaternion, direction)
        mujoco.mju_negQuat(away, quaternion)
        mujoco.mju_rotVecQuat(to_eye, eye - tip, away)
        self.eye_angle = float(np.arctan2(to_eye[1], to_eye[0]))
        self._spec = spec
        self._name = name
        self._body = spec.worldbody.add_body(name=name, pos=tip, quat=quaternion, mocap=True)

    def rod(
        self, radius: float, start: float, end: float, material: Material, x: float = 0.0
    ) -> None:
        """Add a cylinder from z = start to z = end, in m."""
        geom = self._add(mujoco.mjtGeom.mjGEOM_CYLINDER, material)
        geom.size[0] = radius
        geom.fromto = (x, 0, start, x, 0, end)

    def hole(self, reach: float, radius: float, z: float, angle: float) -> None:
        """Add dark openings on both sides of a tube, in m and rad."""
        geom = self._add(mujoco.mjtGeom.mjGEOM_CYLINDER, _DARK)
        x, y = reach * np.cos(angle), reach * np.sin(angle)
        geom.size[0] = radius
        geom.fromto = (-x, -y, z, x, y, z)

    def solid(
        self,
        kind: mujoco.mjtGeom,
        size: tuple[float, float, float],
        place: tuple[float, float, float],
        material: Material,
    ) -> None:
        """Add a box or an ellipsoid of half the extents in m."""
        geom = self._add(kind, material)
        geom.size, geom.pos = size, place

    def mesh(self, mesh: Mesh, material: Material) -> None:
        """Add a mesh."""
        name = f'{self._name}_geom{len(self.labels)}'
        add_shell_mesh(self._spec, name, mesh)
        self._add(mujoco.mjtGeom.mjGEOM_MESH, material).meshname = name

    def _add(self, kind: mujoco.mjtGeom, material: Material) -> mujoco.MjsGeom:
        name = f'{self._name}_geom{len(self.labels)}'
        self.labels.append(GeomLabel(name, 0, 0, 0, material))
        return self._body.add_geom(name=name, type=kind, contype=0, conaffinity=0)


def add_held_tools(
    spec: mujoco.MjSpec, options: SceneOptions, rng: np.random.Generator, view: View
) -> list[HeldTool]:
    """
    Add the held tools that the options ask for, each a mocap body, in this order.

    :param spec: the scene
    :param options: numbers of tools and motion are used
    :param rng: decides everything random
    :param view: the tools come into this view from its sides
    """
    tools = []
    for (name, build, deepest), kind_rng in zip(_KINDS, rng.spawn(len(_KINDS)), strict=True):
        for index in range(getattr(options, name)):
            tip, direction = _place(kind_rng, view, deepest)
            builder = _ToolBuilder(spec, f'{name}{index}', tip, direction, view.position)
            build(builder, kind_rng)
            reach = min(options.motion, 2.0) * _REACH_M * kind_rng.uniform(0, 0.6)
            wander = Wander(kind_rng, 3, options.motion)
            tools.append(HeldTool(tip, builder.labels, reach, wander))
    return tools


def _place(rng: np.random.Generator, view: View, deepest: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the tip of a tool that reaches into the view from one side, and its direction."""
    camera = view.camera
    entry = rng.uniform(0, 2 * np.pi)
    toward = np.array([np.cos(entry), np.sin(entry)])
    pixel = np.array([camera.width, camera.height]) * (
        0.5 + toward * rng.uniform(-0.3, 0.3) + rng.uniform(-0.1, 0.1, 2)
    )
    # Some lie on the surface, below instruments, others cross above them.
    share = rng.uniform(0.55, 0.8) if rng.random() < 0.4 else rng.uniform(0.8, deepest)
    depth = max(share * view.surface_depth(pixel), _MIN_DEPTH_M)
    tip = view.point(pixel, depth)
    return tip, view.free_direction(tip, toward, rng.uniform(0.05, 0.9), view.rotation)


def _steel(rng: np.random.Generator) -> Material:
    return Material(
        _tinted(rng, rng.uniform(0.06, 0.3), 0.04),
        metal=float(rng.uniform(0.3, 0.9)),
        highlight=float(rng.uniform(0.5, 2.5)),
        gloss=float(rng.uniform(0.15, 0.8)),
        fiber=float(rng.uniform(0.0, 0.4)),
        bump=float(rng.uniform(0.02, 0.25)),
    )


def _plastic(rng: np.random.Generator, low: float, high: float) -> Material:
    return Material(
        _tinted(rng, rng.uniform(low, high), 0.08),
        metal=0.05,
        highlight=float(rng.uniform(0.1, 1.0)),
        gloss=float(rng.uniform(0.1, 0.7)),
        fiber=0.02,
        bump=float(rng.uniform(0.02, 0.2)),
    )


def _tinted(rng: np.random.Generator, gray: float, spread: float) -> tuple[float, float, float]:
    red, green, blue = np.clip(gray * (1 + rng.normal(0, spread, 3)), 0, 1)
    return float(red), float(green), float(blue)


def _body_material(rng: np.random.Generator) -> Material:
    """Return metal, black or gray plastic."""
    kind = rng.random()
    if kind < 0.5:
        return _steel(rng)
    return _plastic(rng, 0.004, 0.03) if kind < 0.85 else _plastic(rng, 0.1, 0.5)


def _add_print(
    builder: _ToolBuilder, rng: np.random.Generator, radius: float, material: Material
) -> None:
    """Write a word on a rod."""
    pale = np.mean(material.color) > 0.05 or material.metal > 0.2
    builder.mesh(
        printed_text(
            str(rng.choice(_TEXTS)),
            radius + 0.0001,
            -rng.uniform(0.03, 0.05),
            radius * rng.uniform(0.4, 0.9),
            builder.eye_angle + rng.normal(0, 0.7),
        ),
        _PRINT if pale else _PALE_PRINT,
    )


def _add_probe(builder: _ToolBuilder, rng: np.random.Generator) -> None:
    """Add a thick cylinder with a flat face at its side, a fin, print, and a rod or a cable."""
    radius = rng.uniform(0.0042, 0.0065)
    head = rng.uniform(0.025, 0.05)
    body, face = _body_material(rng), _plastic(rng, 0.02, 0.4)
    rod = body if rng.random() < 0.6 else _steel(rng)
    width = radius * rng.uniform(0.75, 1.0)
    builder.rod(width, -head, -width * 0.7, body)
    box, ellipsoid = mujoco.mjtGeom.mjGEOM_BOX, mujoco.mjtGeom.mjGEOM_ELLIPSOID
    knob = (width, width, width * rng.uniform(0.7, 1.2))
    builder.solid(ellipsoid, knob, (0, 0, -width * 0.7), body)
    flat = (width * 0.1, width * 0.55, head * 0.38)
    builder.solid(box, flat, (width * 0.92, 0, -head * 0.52), face)
    if rng.random() < 0.6:
        fin = (radius * 0.25, radius * 0.12, rng.uniform(0.002, 0.005))
        builder.solid(box, fin, (-radius * 1.05, 0, -head * rng.uniform(0.3, 0.9)), rod)
    builder.rod(radius * 1.06, -head - 0.004, -head, _steel(rng))
    _add_print(builder, rng, width, body)
    if rng.random() < 0.5:
        builder.rod(radius * rng.uniform(0.85, 1.1), -_ROD_M, -head - 0.004, rod)
        return
    # A cable instead of a rod.
    z = -np.linspace(head, _ROD_M, 40)
    bend = rng.uniform(-0.03, 0.03, 2)[:, None] * ((z + head) / 0.1) ** 2
    path = np.column_stack((bend[0], bend[1], z))
    cable = radius * rng.uniform(0.4, 1.0)
    sheath = _plastic(rng, 0.004, 0.02) if rng.random() < 0.5 else _plastic(rng, 0.01, 0.5)
    builder.mesh(knitted_tube(path, cable, 0.002, 0.0), sheath)


def _add_suction(builder: _ToolBuilder, rng: np.random.Generator) -> None:
    """Add a straight tube with an open rounded end and holes near it."""
    radius = rng.uniform(0.0022, 0.0052)
    material = _body_material(rng)
    builder.rod(radius, -_ROD_M, 0, material)
    builder.mesh(ring(radius * 0.82, radius * 0.2, 0), material)
    builder.rod(radius * 0.7, -0.001, 0.00003, _DARK)
    holes = int(rng.integers(0, 5))
    for index in range(holes):
        z = -0.004 - 0.0035 * index
        builder.hole(radius * 1.01, radius * 0.25, z, np.pi / 2 * index + rng.normal(0, 0.2))
    if rng.random() < 0.4:
        collar = -rng.uniform(0.015, 0.06)
        builder.rod(radius * 1.12, collar, collar + rng.uniform(0.002, 0.02), _body_material(rng))
    if rng.random() < 0.3:
        _add_print(builder, rng, radius, material)


def _add_cannula(builder: _ToolBuilder, rng: np.random.Generator) -> None:
    """Add the mouth of a wide tube."""
    radius = rng.uniform(0.005, 0.009)
    material = _body_material(rng) if rng.random() < 0.6 else _plastic(rng, 0.4, 0.8)
    builder.rod(radius, -_ROD_M, 0, material)
    builder.rod(radius * 0.86, -0.001, 0.00005, _DARK)
    builder.mesh(ring(radius * 0.93, radius * 0.09, 0), material)
    for index in range(int(rng.integers(0, 6))):
        z = -0.006 * (index + 1)
        builder.rod(radius * 1.03, z - 0.0006, z, material)


def _add_retractor(builder: _ToolBuilder, rng: np.random.Generator) -> None:
    """Add a dark knitted or padded body that bends into the view."""
    radius = rng.uniform(0.004, 0.011)
    length = rng.uniform(0.05, 0.14)
    pitch = rng.uniform(0.0012, 0.003)
    count = round(2 * length / pitch) + 2
    z = np.linspace(0, -length, count)
    bend = rng.normal(0, 0.012, 2)[:, None] * np.sin(np.pi * z / length * rng.uniform(0.5, 1.5))
    path = np.column_stack((bend[0], bend[1], z))
    color = _tinted(rng, rng.uniform(0.003, 0.02), 0.1)
    gloss = float(rng.uniform(0.1, 0.6))
    cloth = Material(color, 0.0, float(rng.uniform(0.05, 0.8)), gloss, 0.2, 0.3)
    depth = pitch * rng.uniform(0.05, 0.3)
    builder.mesh(knitted_tube(path, radius, pitch, depth), cloth)


_KINDS: tuple[tuple[str, Callable[[_ToolBuilder, np.random.Generator], None], float], ...] = (
    ('probes', _add_probe, 0.93),
    ('suctions', _add_suction, 0.97),
    ('cannulas', _add_cannula, 0.9),
    ('retractors', _add_retractor, 0.97),
)
"""Option, builder, and largest depth of the tip as a share of the surface's."""
