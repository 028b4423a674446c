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


"""The kinds of wristed instruments, and their jaws."""

import mujoco
import numpy as np

from surgseg_ros.simulation.world.geoms import Material
from surgseg_ros.simulation.world.instrument_builder import CLASPER
from surgseg_ros.simulation.world.instrument_builder import InstrumentBuilder
from surgseg_ros.simulation.world.instrument_builder import InstrumentType
from surgseg_ros.simulation.world.instrument_builder import WRIST
from surgseg_ros.simulation.world.meshes import loop_path
from surgseg_ros.simulation.world.meshes import straight_path
from surgseg_ros.simulation.world.meshes import sweep


def _add_half(
    builder: InstrumentBuilder,
    body: mujoco.MjsBody,
    material: Material,
    mesh: tuple[np.ndarray, np.ndarray],
    x: float,
    fenestrated: bool = False,
) -> None:
    """Add a part of a jaw, moved by x in m from the middle plane of the closed jaws."""
    mesh[0][:, 0] += x
    builder.add_mesh(body, CLASPER, material, mesh, fenestrated)


def _add_hinge(
    builder: InstrumentBuilder, body: mujoco.MjsBody, side: float, reach: float
) -> None:
    """Add the disc around the jaw axis and the neck that leads to the blade."""
    radius = builder.radius
    builder.add_geom(
        body,
        mujoco.mjtGeom.mjGEOM_CYLINDER,
        CLASPER,
        builder.look.jaw,
        (radius * 0.5, radius * 0.2),
        (0, side * radius * 0.22, 0),
        axis=(0, 1, 0),
    )
    neck = np.zeros((4, 3))
    neck[:, 1] = np.linspace(side * radius * 0.2, 0, 4)
    neck[:, 2] = np.linspace(0, reach, 4)
    mesh = sweep(neck, np.linspace(0.0016, 0.0009, 4), np.linspace(0.0010, 0.0014, 4))
    _add_half(builder, body, builder.look.jaw, mesh, side * 0.0009)


def _fenestrated(
    builder: InstrumentBuilder,
    body: mujoco.MjsBody,
    side: float,
    start: float,
    end: float,
    half_width: float,
    rail: float,
    half_thickness: float,
) -> None:
    _add_hinge(builder, body, side, start + rail)
    loop = sweep(
        loop_path(start, end - rail, half_width - rail), half_thickness, rail, closed=True
    )
    x = side * (half_thickness + 0.0001)
    _add_half(builder, body, builder.look.jaw, loop, x, fenestrated=True)


def _blade(
    builder: InstrumentBuilder,
    body: mujoco.MjsBody,
    side: float,
    length: float,
    widths: tuple[float, ...],
    thickness: float,
) -> None:
    """Add a hinge and a solid jaw, as wide as ``widths`` say at equal distances."""
    _add_hinge(builder, body, side, 0.004)
    width = np.array(widths)
    path = straight_path(length, 0.003, len(width))
    mesh = sweep(path, thickness * width / width.max(), width)
    _add_half(builder, body, builder.look.jaw, mesh, side * thickness)


def _bipolar_jaw(builder: InstrumentBuilder, body: mujoco.MjsBody, side: float) -> None:
    if builder.look.variant < 0.5:
        _fenestrated(builder, body, side, 0.0065, 0.0205, 0.0020, 0.00065, 0.00075)
    else:
        _blade(builder, body, side, 0.0205, (0.0018, 0.0019, 0.0016, 0.0012, 0.0006), 0.0011)
    builder.add_geom(
        body,
        mujoco.mjtGeom.mjGEOM_ELLIPSOID,
        WRIST,
        builder.look.insert,
        (0.0016, 0.0022, 0.0032),
        (side * 0.0010, 0, 0.0028),
    )


def _prograsp_jaw(builder: InstrumentBuilder, body: mujoco.MjsBody, side: float) -> None:
    half_width = 0.0033 if builder.look.variant < 0.6 else 0.0026
    _fenestrated(builder, body, side, 0.0045, 0.0185, half_width, 0.00095, 0.0010)


def _retractor_jaw(builder: InstrumentBuilder, body: mujoco.MjsBody, side: float) -> None:
    _fenestrated(builder, body, side, 0.0060, 0.0310, 0.0027, 0.0010, 0.0012)


def _needle_driver_jaw(builder: InstrumentBuilder, body: mujoco.MjsBody, side: float) -> None:
    _add_hinge(builder, body, side, 0.004)
    path = straight_path(0.0100, 0.003)
    width = np.array([0.0019, 0.0021, 0.0020, 0.0018, 0.0016, 0.0012])
    thickness = np.array([0.0012, 0.0012, 0.0011, 0.0010, 0.0009, 0.0006])
    _add_half(builder, body, builder.look.jaw, sweep(path, thickness, width), side * 0.0011)


def _vessel_sealer_jaw(builder: InstrumentBuilder, body: mujoco.MjsBody, side: float) -> None:
    _add_hinge(builder, body, side, 0.004)
    path = straight_path(0.0205, 0.003, 8)
    width = np.array([0.0022, 0.0027, 0.0028, 0.0028, 0.0027, 0.0025, 0.0022, 0.0013])
    outside = sweep(path, width * 0.6, width * 0.75, squareness=2.6)
    _add_half(builder, body, builder.look.insert, outside, side * 0.0017)
    inside = sweep(path, 0.0005, width * 0.65, squareness=4)
    _add_half(builder, body, builder.look.jaw, inside, side * 0.0004)


def _scissors_jaw(builder: InstrumentBuilder, body: mujoco.MjsBody, side: float) -> None:
    _add_hinge(builder, body, side, 0.004)
    path = straight_path(0.0160, 0.002, 10)
    along = np.linspace(0, 1, 10)
    path[:, 1] = 0.0042 * along**2
    width = np.interp(along, (0, 0.3, 1), (0.0016, 0.0018, 0.0004))
    _add_half(builder, body, builder.look.jaw, sweep(path, width * 0.5, width), side * 0.0007)


def _other_jaw(builder: InstrumentBuilder, body: mujoco.MjsBody, side: float) -> None:
    variant = builder.look.variant
    if variant < 0.35:
        _stapler_jaw(builder, body, side)
    elif variant < 0.65:
        _blade(builder, body, side, 0.0200, (0.0016, 0.0017, 0.0017, 0.0022, 0.0024), 0.0016)
    elif side > 0:
        _hook(builder, body)


def _stapler_jaw(builder: InstrumentBuilder, body: mujoco.MjsBody, side: float) -> None:
    _add_hinge(builder, body, side, 0.004)
    path = straight_path(0.0200, 0.001, 6)
    width = np.array([0.0034, 0.0036, 0.0036, 0.0036, 0.0034, 0.0024])
    material = builder.look.jaw if side > 0 else builder.look.insert
    mesh = sweep(path, width * 0.55, width, squareness=4)
    _add_half(builder, body, material, mesh, side * 0.0021)


def _hook(builder: InstrumentBuilder, body: mujoco.MjsBody) -> None:
    """Add the single bent wire of a cautery hook, on an insulated foot."""
    radius = builder.radius
    foot = radius * np.array([0.62, 0.62, 0.5, 0.25])
    mesh = sweep(straight_path(0.007, -0.001, 4), foot, foot, squareness=2)
    builder.add_mesh(body, CLASPER, builder.look.insert, mesh)
    bend = np.linspace(0, 0.5 * np.pi, 5)
    path = np.zeros((9, 3))
    path[:4, 2] = np.linspace(0.006, 0.0162, 4)
    path[4:, 2] = 0.0167 + 0.003 * np.sin(bend)
    path[4:, 1] = 0.003 * (1 - np.cos(bend))
    builder.add_mesh(body, CLASPER, builder.look.jaw, sweep(path, 0.0006, 0.0007, squareness=2))


INSTRUMENT_TYPES: dict[str, InstrumentType] = {
    kind.class_name: kind
    for kind in (
        InstrumentType('bipolar forceps', 0.0095, 0.0205, 1.0, _bipolar_jaw),
        InstrumentType('prograsp forceps', 0.0090, 0.0185, 1.0, _prograsp_jaw),
        InstrumentType('large needle driver', 0.0090, 0.0100, 0.9, _needle_driver_jaw),
        InstrumentType('vessel sealer', 0.0110, 0.0205, 0.8, _vessel_sealer_jaw),
        InstrumentType('grasping retractor', 0.0095, 0.0310, 1.0, _retractor_jaw),
        InstrumentType('monopolar curved scissors', 0.0090, 0.0160, 0.9, _scissors_jaw, 0.0042),
        InstrumentType('other', 0.0095, 0.0200, 0.9, _other_jaw),
    )
}
"""The simulated instruments by their class name in the label set ``types``."""
