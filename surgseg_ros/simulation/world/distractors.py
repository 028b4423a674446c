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


"""Things that lie about and are no instruments: threads, needles, gauze, clips, drains, drops."""

from collections.abc import Callable
from dataclasses import dataclass

import mujoco
import numpy as np

from surgseg_ros.simulation.noise import fractal_noise
from surgseg_ros.simulation.options import SceneOptions
from surgseg_ros.simulation.world.geoms import GeomLabel
from surgseg_ros.simulation.world.geoms import Material
from surgseg_ros.simulation.world.loose_meshes import Mesh
from surgseg_ros.simulation.world.loose_meshes import ring
from surgseg_ros.simulation.world.loose_meshes import sheet
from surgseg_ros.simulation.world.meshes import add_shell_mesh
from surgseg_ros.simulation.world.meshes import sweep
from surgseg_ros.simulation.world.meshes import tube

_Color = tuple[float, float, float]

_THREAD_COLORS: tuple[_Color, ...] = (
    *((0.18, 0.12, 0.45), (0.02, 0.02, 0.03), (0.55, 0.55, 0.5), (0.05, 0.2, 0.35)),
    *((0.10, 0.05, 0.28), (0.75, 0.73, 0.68), (0.35, 0.45, 0.10)),
)
_DRAIN_COLORS: tuple[_Color, ...] = (
    *((0.70, 0.66, 0.58), (0.55, 0.38, 0.20), (0.45, 0.50, 0.52), (0.60, 0.25, 0.20)),
    *((0.25, 0.40, 0.45), (0.75, 0.75, 0.75), (0.01, 0.01, 0.012), (0.03, 0.03, 0.03)),
)
_LOOP_COLORS: tuple[_Color, ...] = (
    *((0.60, 0.02, 0.03), (0.03, 0.08, 0.55), (0.75, 0.55, 0.03), (0.75, 0.75, 0.72)),
)
_CLIP_COLORS: tuple[_Color, ...] = (
    *((0.14, 0.03, 0.26), (0.10, 0.02, 0.18), (0.75, 0.75, 0.73), (0.55, 0.35, 0.05)),
    *((0.03, 0.25, 0.28),),
)
_TOWEL_COLORS: tuple[_Color, ...] = (
    *((0.03, 0.15, 0.35), (0.03, 0.22, 0.15), (0.60, 0.60, 0.57), (0.12, 0.35, 0.50)),
)
_STEEL = Material((0.25, 0.25, 0.26), 0.8, 1.5, 0.8, 0.0, 0.1)
_BLOODY_COTTON = Material((0.32, 0.03, 0.03), 0.0, 0.15, 0.2, 0.0, 0.8)
_STRIPE = Material((0.03, 0.08, 0.35), 0.0, 0.05, 0.1, 0.0, 0.5)

_REACH_M = 0.045


@dataclass(frozen=True)
class Ground:
    """
    What the distractors lie on.

    :param height_at: height of the surface at (x, y), all in m
    :param color_at: (3,) linear color of the surface at (x, y) in m
    """

    height_at: Callable[[float, float], float]
    color_at: Callable[[float, float], np.ndarray]


def add_distractors(
    spec: mujoco.MjSpec, options: SceneOptions, rng: np.random.Generator, ground: Ground
) -> list[GeomLabel]:
    """
    Add the distractors that the options ask for.

    :param spec: the scene
    :param options: numbers of each kind of distractor; some boards carry pegs
    :param rng: decides everything random; no kind changes what another one looks like
    :param ground: what they lie on
    :return: the label of every geom that was added: background
    """
    adder = _Adder(spec)
    for (name, add), kind_rng in zip(_KINDS.items(), rng.spawn(len(_KINDS)), strict=True):
        for _ in range(getattr(options, name)):
            add(adder, kind_rng, ground)
    if options.backdrop == 'board':
        _add_pegs(adder, rng.spawn(1)[0], ground)
    return adder.labels


class _Adder:
    """Adds geoms to a scene and remembers their labels."""

    def __init__(self, spec: mujoco.MjSpec) -> None:
        self.labels: list[GeomLabel] = []
        self._spec = spec

    def mesh(
        self,
        mesh: Mesh,
        material: Material,
        place: tuple[float, float, float] = (0, 0, 0),
        turn: np.ndarray | None = None,
    ) -> None:
        """Add a mesh at a place in m, turned by a quaternion."""
        geom = self._geom(mujoco.mjtGeom.mjGEOM_MESH, material)
        add_shell_mesh(self._spec, geom.name, mesh)
        geom.meshname = geom.name
        geom.pos = place
        if turn is not None:
            geom.quat = turn

    def solid(
        self,
        kind: mujoco.mjtGeom,
        size: tuple[float, float, float],
        place: tuple[float, float, float],
        turn: np.ndarray,
        material: Material,
    ) -> None:
        """Add a box or an ellipsoid of half the extents in m."""
        geom = self._geom(kind, material)
        geom.size, geom.pos, geom.quat = size, place, turn

    def _geom(self, kind: mujoco.mjtGeom, material: Material) -> mujoco.MjsGeom:
        name = f'distractor{len(self.labels)}'
        self.labels.append(GeomLabel(name, 0, 0, 0, material))
        return self._spec.worldbody.add_geom(name=name, type=kind, contype=0, conaffinity=0)


def _pick(rng: np.random.Generator, colors: tuple[_Color, ...], spread: float = 0.15) -> _Color:
    """Return one of the colors, changed a little."""
    base = np.array(colors[rng.integers(len(colors))])
    red, green, blue = np.clip(base * (1 + rng.normal(0, spread, 3)), 0, 1)
    return float(red), float(green), float(blue)


def _lying_turn(rng: np.random.Generator, tilt: float = 0.2) -> np.ndarray:
    """Return the quaternion of something that lies in any direction, a little askew."""
    turn = rng.uniform(0, np.pi)
    product = np.empty(4)
    askew = np.array([1.0, *rng.normal(0, tilt, 2), 0.0])
    mujoco.mju_mulQuat(product, askew, np.array([np.cos(turn), 0, 0, np.sin(turn)]))
    return product / np.linalg.norm(product)


def _curve(
    rng: np.random.Generator, ground: Ground, length: float, bend: float, count: int = 70
) -> np.ndarray:
    """
    Return a smooth curve on the surface, its middle in view.

    :param length: m
    :param bend: standard deviation of the curvature in 1/m
    :return: (count, 3) m
    """
    step = length / count
    knots = rng.normal(0, bend, 9)
    curvature = np.interp(np.linspace(0, 8, count), np.arange(9), knots)
    turns = np.cumsum(curvature * step) + rng.uniform(0, 2 * np.pi)
    plane = np.cumsum(step * np.column_stack((np.cos(turns), np.sin(turns))), axis=0)
    plane += rng.uniform(-_REACH_M, _REACH_M, 2) * 0.7 - plane[count // 2]
    height = np.array([ground.height_at(x, y) for x, y in plane])
    height = np.convolve(np.pad(height, 4, mode='edge'), np.ones(9) / 9, mode='valid')
    return np.column_stack((plane, height))


def _lift(rng: np.random.Generator, count: int, most: float) -> np.ndarray:
    """Return how far a curve rises from the surface, in m."""
    phase = np.linspace(0, np.pi * rng.uniform(0.5, 3), count) + rng.uniform(0, np.pi)
    return rng.uniform(0, most) * np.sin(phase) ** 2


def _add_thread(adder: _Adder, rng: np.random.Generator, ground: Ground) -> None:
    path = _curve(rng, ground, rng.uniform(0.05, 0.14), rng.choice((25, 70, 140)))
    path[:, 2] += 0.0006 + _lift(rng, len(path), 0.015)
    adder.mesh(tube(path, rng.uniform(0.00014, 0.00032)), _thread_material(rng))


def _thread_material(rng: np.random.Generator) -> Material:
    return Material(_pick(rng, _THREAD_COLORS), 0.0, 0.3, 0.4, 0.0, 0.2)


def _add_needle(adder: _Adder, rng: np.random.Generator, ground: Ground) -> None:
    """Add an arc of a circle that lies askew on the surface, mostly with its thread."""
    x, y = rng.uniform(-_REACH_M, _REACH_M, 2) * 0.7
    angle = np.linspace(0, np.pi * rng.uniform(0.7, 1.1), 24)
    radius = rng.uniform(0.005, 0.010)
    arc = radius * np.column_stack((np.cos(angle), np.sin(angle), np.zeros(24)))
    axes, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    arc = arc @ axes.T + (x, y, ground.height_at(x, y) + radius)
    adder.mesh(tube(arc, rng.uniform(0.0003, 0.00045)), _STEEL)
    if rng.random() < 0.3:
        return
    path = _curve(rng, ground, rng.uniform(0.04, 0.1), 70)
    path[:, :2] += arc[-1, :2] - path[0, :2]
    path[:, 2] = [ground.height_at(*point) for point in path[:, :2]]
    path[:, 2] = np.convolve(np.pad(path[:, 2], 4, mode='edge'), np.ones(9) / 9, mode='valid')
    # The thread sinks from the eye of the needle to the surface.
    share = np.exp(-np.linspace(0, 6, len(path)))
    path[:, 2] = share * arc[-1, 2] + (1 - share) * (path[:, 2] + 0.0006)
    adder.mesh(tube(path, rng.uniform(0.00014, 0.0003)), _thread_material(rng))


def _add_gauze(adder: _Adder, rng: np.random.Generator, ground: Ground) -> None:
    """Add a crumpled swab, often with blood, an open weave and a colored stripe."""
    x, y = rng.uniform(-_REACH_M, _REACH_M, 2)
    gray = rng.uniform(0.5, 0.8)
    cotton = Material((gray, gray * 0.98, gray * 0.93), 0.0, 0.02, 0.0, 0.1, 1.0)
    points, faces = _lying_sheet(rng, ground, (x, y), rng.uniform(0.006, 0.022, 2))
    rows, columns = np.indices(faces.shape[:2])
    kind = np.zeros(faces.shape[:2], int)
    if rng.random() < 0.6:
        noise = fractal_noise(rng, len(kind), 3, 3)
        kind[noise > rng.uniform(-0.1, 0.5)] = 1
    if rng.random() < 0.3:
        kind[:, int(rng.integers(3, len(kind) - 3))] = 2
    if rng.random() < 0.5:
        kind[(rows % 2 == 1) & (columns % 2 == 1)] = -1
    _add_sheet(adder, points, faces, kind, (cotton, _BLOODY_COTTON, _STRIPE))


def _add_towel(adder: _Adder, rng: np.random.Generator, ground: Ground) -> None:
    """Add a colored cloth at the rim of the view."""
    angle = rng.uniform(0, 2 * np.pi)
    size = rng.uniform(0.018, 0.05, 2)
    x, y = rng.uniform(0.03, 0.07) * np.array([np.cos(angle), np.sin(angle)])
    color = _pick(rng, _TOWEL_COLORS, 0.3)
    cloth = Material(color, 0.0, float(rng.uniform(0, 0.3)), 0.1, 0.1, 0.8)
    stained = Material((color[0], color[1] * 0.4, color[2] * 0.4), 0.0, 0.1, 0.1, 0.1, 0.8)
    points, faces = _lying_sheet(rng, ground, (x, y), size, rng.uniform(0.004, 0.012))
    noise = fractal_noise(rng, faces.shape[0], 3, 3)
    kind = (noise > rng.uniform(0.1, 1.0)).astype(int)
    _add_sheet(adder, points, faces, kind, (cloth, stained))


def _lying_sheet(
    rng: np.random.Generator,
    ground: Ground,
    place: tuple[float, float],
    size: np.ndarray,
    folds: float | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return points and faces of :func:`sheet` at a place in the world in m."""
    x, y = place
    turn = rng.uniform(0, 2 * np.pi)
    cos, sin = np.cos(turn), np.sin(turn)

    def height_at(u: float, v: float) -> float:
        return ground.height_at(x + cos * u - sin * v, y + sin * u + cos * v)

    height = float(rng.uniform(0.001, 0.006)) if folds is None else folds
    points, faces = sheet((float(size[0]), float(size[1])), height_at, rng, folds=height)
    u, v = points[..., 0].copy(), points[..., 1].copy()
    points[..., 0] = x + cos * u - sin * v
    points[..., 1] = y + sin * u + cos * v
    return points, faces


def _add_sheet(
    adder: _Adder,
    points: np.ndarray,
    faces: np.ndarray,
    kind: np.ndarray,
    materials: tuple[Material, ...],
) -> None:
    """Add the cells of a sheet by the material that ``kind`` says; -1 leaves a hole."""
    for index, material in enumerate(materials):
        chosen = faces[kind == index].reshape(-1, 3)
        # MuJoCo refuses meshes of a few faces only.
        if len(chosen) > 16:
            used, renumbered = np.unique(chosen, return_inverse=True)
            mesh = points.reshape(-1, 3)[used], renumbered.reshape(-1, 3).astype(np.int32)
            adder.mesh(mesh, material)


def _add_clip(adder: _Adder, rng: np.random.Generator, ground: Ground) -> None:
    x, y = rng.uniform(-_REACH_M, _REACH_M, 2)
    size = (0.0006, 0.0035, 0.0006)
    place = (x, y, ground.height_at(x, y) + size[2])
    adder.solid(mujoco.mjtGeom.mjGEOM_BOX, size, place, _lying_turn(rng), _STEEL)


def _add_polymer_clip(adder: _Adder, rng: np.random.Generator, ground: Ground) -> None:
    """Add two legs with a hinge, closed or open."""
    x, y = rng.uniform(-_REACH_M, _REACH_M, 2) * 0.8
    length, gap = rng.uniform(0.005, 0.011), rng.uniform(0.0009, 0.0028)
    turn = np.linspace(-np.pi / 2, np.pi / 2, 9)
    hinge = np.column_stack((0.0008 * np.sin(turn), 0.0008 * (1 - np.cos(turn))))
    legs = np.linspace(1, 0.15, 6)[:, None] * (gap, length) + (0, 0.0008)
    lower = legs * (-1, 1)
    outline = np.vstack((lower, hinge, legs[::-1]))
    path = np.column_stack((np.zeros(len(outline)), outline))
    width, thickness = rng.uniform(0.0007, 0.0012), rng.uniform(0.0004, 0.0007)
    material = Material(_pick(rng, _CLIP_COLORS), 0.0, float(rng.uniform(0.3, 1.2)), 0.5, 0.0, 0.1)
    flat = np.empty(4)
    mujoco.mju_mulQuat(flat, _lying_turn(rng, 0.4), np.array([np.cos(0.8), np.sin(0.8), 0, 0]))
    place = (x, y, ground.height_at(x, y) + 0.002)
    adder.mesh(sweep(path, width, thickness), material, place, flat)


def _add_drain(adder: _Adder, rng: np.random.Generator, ground: Ground) -> None:
    """Add a soft tube that crosses the view, some with holes."""
    radius = rng.uniform(0.0014, 0.0055)
    path = _curve(rng, ground, rng.uniform(0.1, 0.22), 10)
    path[:, 2] += radius * rng.uniform(0.6, 1.2) + _lift(rng, len(path), 0.02)
    color = np.array(_pick(rng, _DRAIN_COLORS))
    # Silicone lets some of the color below through.
    color += rng.uniform(0, 0.6) * (ground.color_at(*path[35, :2]) - color)
    red, green, blue = (float(value) for value in np.clip(color, 0, 1))
    shine = float(rng.uniform(0.5, 2.0))
    material = Material((red, green, blue), 0.05, shine, float(rng.uniform(0.4, 0.8)), 0.0, 0.05)
    adder.mesh(tube(path, radius, 24), material)
    if rng.random() < 0.4:
        dark = Material((0.03, 0.01, 0.01), 0.0, 0.1, 0.3, 0.0, 0.1)
        size = (radius * 0.3, radius * 0.3, radius * 0.15)
        for x, y, z in path[10:60:6]:
            place = (x, y, z + radius * 0.95)
            adder.solid(mujoco.mjtGeom.mjGEOM_ELLIPSOID, size, place, _lying_turn(rng), dark)


def _add_vessel_loop(adder: _Adder, rng: np.random.Generator, ground: Ground) -> None:
    """Add a band that rises from the surface and comes back."""
    path = _curve(rng, ground, rng.uniform(0.05, 0.12), 30)
    arch = np.sin(np.linspace(0, np.pi, len(path))) ** rng.uniform(0.5, 2)
    path[:, 2] += 0.0008 + rng.uniform(0, 0.035) * arch
    material = Material(
        _pick(rng, _LOOP_COLORS), 0.0, float(rng.uniform(0.2, 1.0)), 0.5, 0.0, 0.05
    )
    adder.mesh(tube(path, rng.uniform(0.0005, 0.0012), 12), material)


def _add_bubble(adder: _Adder, rng: np.random.Generator, ground: Ground) -> None:
    """Add a clear drop; drops gather around the middle of the view."""
    x, y = rng.normal(0, 0.4 * _REACH_M, 2)
    radius = rng.uniform(0.0004, 0.0022)
    red, green, blue = (float(value) for value in np.clip(ground.color_at(x, y) * 1.1, 0, 1))
    material = Material((red, green, blue), 0.2, 4.0, 1.0, 0.0, 0.02)
    size = (radius, radius * rng.uniform(0.7, 1.0), radius * rng.uniform(0.4, 1.0))
    place = (x, y, ground.height_at(x, y) + 0.2 * radius)
    adder.solid(mujoco.mjtGeom.mjGEOM_ELLIPSOID, size, place, _lying_turn(rng), material)


def _add_pegs(adder: _Adder, rng: np.random.Generator, ground: Ground) -> None:
    """Add the pegs and rubber rings of a board for exercises, to every other board."""
    if rng.random() < 0.5:
        return
    pitch, radius, height = rng.uniform((0.011, 0.0008, 0.003), (0.022, 0.0028, 0.009))
    rubber = Material(_any_color(rng), 0.05, float(rng.uniform(0.1, 1.0)), 0.4, 0.0, 0.05)
    soft = Material(_any_color(rng), 0.0, float(rng.uniform(0.1, 0.5)), 0.3, 0.0, 0.1)
    turn = rng.uniform(0, np.pi)
    axes = pitch * np.array([(np.cos(turn), np.sin(turn)), (-np.sin(turn), np.cos(turn))])
    size = (radius, radius, height)
    upright = np.array([1.0, 0.0, 0.0, 0.0])
    for row in range(3):
        for column in range(4):
            x, y = (row - 1) * axes[0] + (column - 1.5) * axes[1]
            base = ground.height_at(x, y)
            adder.solid(
                mujoco.mjtGeom.mjGEOM_CYLINDER, size, (x, y, base + height), upright, rubber
            )
            if rng.random() < 0.3:
                adder.mesh(ring(1.6 * radius, 0.6 * radius, 0), soft, (x, y, base + 0.6 * radius))


def _any_color(rng: np.random.Generator) -> _Color:
    red, green, blue = rng.uniform(0.02, 0.7, 3)
    return float(red), float(green), float(blue)


_KINDS: dict[str, Callable[[_Adder, np.random.Generator, Ground], None]] = {
    'threads': _add_thread,
    'needles': _add_needle,
    'gauzes': _add_gauze,
    'clips': _add_clip,
    'drains': _add_drain,
    'vessel_loops': _add_vessel_loop,
    'polymer_clips': _add_polymer_clip,
    'towels': _add_towel,
    'bubbles': _add_bubble,
}
"""The option that says how many, and what adds one. New kinds come last."""
