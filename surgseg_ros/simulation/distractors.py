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


"""Things in view that are not instruments: threads, needles, gauze, clips. All background."""

from collections.abc import Callable

import mujoco
import numpy as np

from surgseg_ros.simulation.instruments import GeomLabel
from surgseg_ros.simulation.instruments import Material
from surgseg_ros.simulation.meshes import tube
from surgseg_ros.simulation.options import SceneOptions

_THREAD_COLORS = ((0.18, 0.12, 0.45), (0.02, 0.02, 0.03), (0.55, 0.55, 0.5), (0.05, 0.2, 0.35))
_STEEL = Material((0.25, 0.25, 0.26), 0.8, 1.5, 0.8, 0.0, 0.1)
_COTTON = Material((0.75, 0.74, 0.70), 0.0, 0.02, 0.0, 0.0, 1.0)

_REACH_M = 0.045


def add_distractors(
    spec: mujoco.MjSpec,
    options: SceneOptions,
    rng: np.random.Generator,
    height_at: Callable[[float, float], float],
) -> list[GeomLabel]:
    """
    Add the distractors that the options ask for.

    :param spec: the scene
    :param options: numbers of threads, needles, gauzes and clips
    :param rng: decides everything random
    :param height_at: height of the tissue at (x, y), all in m
    :return: the label of every geom that was added: background
    """
    labels = []
    for index in range(options.threads):
        color = _THREAD_COLORS[rng.integers(len(_THREAD_COLORS))]
        path = _thread_path(rng, height_at)
        material = Material(color, 0.0, 0.3, 0.4, 0.0, 0.2)
        labels.append(
            _add_tube(spec, f'thread{index}', path, rng.uniform(0.00015, 0.0003), material)
        )
    for index in range(options.needles):
        path = _needle_path(rng, height_at)
        labels.append(_add_tube(spec, f'needle{index}', path, 0.00035, _STEEL))
    for index in range(options.gauzes):
        labels.append(
            _add_box(
                spec,
                f'gauze{index}',
                rng,
                height_at,
                _COTTON,
                (rng.uniform(0.005, 0.02), rng.uniform(0.005, 0.02), 0.001),
            )
        )
    for index in range(options.clips):
        labels.append(
            _add_box(spec, f'clip{index}', rng, height_at, _STEEL, (0.0006, 0.0035, 0.0006))
        )
    return labels


def _thread_path(
    rng: np.random.Generator, height_at: Callable[[float, float], float]
) -> np.ndarray:
    """Return a curve that lies on the tissue and rises from it in places."""
    count = 40
    turns = np.cumsum(rng.normal(0, 0.18, count)) + rng.uniform(0, 2 * np.pi)
    steps = np.column_stack((np.cos(turns), np.sin(turns))) * rng.uniform(0.0015, 0.003)
    plane = np.cumsum(steps, axis=0)
    plane += rng.uniform(-_REACH_M, _REACH_M, 2) - plane[count // 2]
    height = np.array([height_at(x, y) for x, y in plane])
    height = np.convolve(np.pad(height, 3, mode='edge'), np.ones(7) / 7, mode='valid')
    lift = rng.uniform(0, 0.015) * np.sin(np.linspace(0, np.pi * rng.uniform(0.5, 3), count)) ** 2
    return np.column_stack((plane, height + 0.0006 + lift))


def _needle_path(
    rng: np.random.Generator, height_at: Callable[[float, float], float]
) -> np.ndarray:
    """Return an arc of a circle that lies askew on the tissue."""
    x, y = rng.uniform(-_REACH_M, _REACH_M, 2) * 0.7
    angle = np.linspace(0, np.pi * rng.uniform(0.7, 1.1), 24)
    radius = rng.uniform(0.005, 0.010)
    arc = radius * np.column_stack((np.cos(angle), np.sin(angle), np.zeros(24)))
    axes, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    return arc @ axes.T + (x, y, height_at(x, y) + radius)


def _add_tube(
    spec: mujoco.MjSpec, name: str, path: np.ndarray, radius: float, material: Material
) -> GeomLabel:
    vertices, faces = tube(path, radius)
    spec.add_mesh(
        name=name,
        uservert=vertices.ravel(),
        userface=faces.ravel(),
        inertia=mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL,
    )
    spec.worldbody.add_geom(
        name=name,
        type=mujoco.mjtGeom.mjGEOM_MESH,
        meshname=name,
        contype=0,
        conaffinity=0,
    )
    return GeomLabel(name, 0, 0, 0, material)


def _add_box(
    spec: mujoco.MjSpec,
    name: str,
    rng: np.random.Generator,
    height_at: Callable[[float, float], float],
    material: Material,
    size: tuple[float, float, float],
) -> GeomLabel:
    x, y = rng.uniform(-_REACH_M, _REACH_M, 2)
    quaternion = np.array([1.0, *rng.normal(0, 0.2, 2), 0.0])
    turn = rng.uniform(0, np.pi)
    product = np.empty(4)
    mujoco.mju_mulQuat(product, quaternion, np.array([np.cos(turn), 0, 0, np.sin(turn)]))
    spec.worldbody.add_geom(
        name=name,
        type=mujoco.mjtGeom.mjGEOM_BOX,
        size=size,
        pos=(x, y, height_at(x, y) + size[2]),
        quat=product / np.linalg.norm(product),
        contype=0,
        conaffinity=0,
    )
    return GeomLabel(name, 0, 0, 0, material)
