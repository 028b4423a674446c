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


"""Wristed instruments: geometry, materials, labels and kinematics."""

from collections.abc import Callable
from dataclasses import dataclass

import mujoco
import numpy as np

from surgseg_ros.data import get_label_set
from surgseg_ros.simulation.world.meshes import add_shell_mesh
from surgseg_ros.simulation.world.meshes import loop_path
from surgseg_ros.simulation.world.meshes import sweep

SHAFT_RADIUS_M = 0.0042
SHAFT_LENGTH_M = 0.25

JAW_TIP_GAP_M = 0.0004
"""Distance of each jaw's tip from the middle plane of the closed jaws."""

MAX_WRIST_ANGLE_RAD = 1.1
MAX_JAW_ANGLE_RAD = 1.2

JOINTS = ('yaw', 'pitch', 'insertion', 'roll', 'wrist_pitch', 'jaw_a', 'jaw_b')
"""Joints of one instrument, from the trocar to the jaws."""

_PARTS = get_label_set('parts')
SHAFT = _PARTS.index('shaft')
WRIST = _PARTS.index('wrist')
CLASPER = _PARTS.index('clasper')


@dataclass(frozen=True)
class Material:
    """
    How a geom looks.

    :param color: linear RGB of the diffuse reflection
    :param metal: share of the mirrored surroundings, 0..1
    :param highlight: strength of the light's reflection
    :param gloss: sharpness of the highlight: 0 dull .. 1 polished
    :param fiber: strength of brushing and fibers along the axis, 0..1
    :param bump: roughness of the surface normal, 0..1
    :param facets: how much the surface consists of small plates, slots and screws, 0..1
    :param imprint: visibility of print along the axis: 1 white, -1 black
    """

    color: tuple[float, float, float]
    metal: float
    highlight: float
    gloss: float
    fiber: float
    bump: float
    facets: float = 0.0
    imprint: float = 0.0


@dataclass(frozen=True)
class GeomLabel:
    """
    What the geom ``name`` of the model is.

    :param name: of the geom
    :param instrument_id: 1..n, or 0 if it belongs to no instrument
    :param part: class id in the label set ``parts``
    :param class_id: class id in the label set ``types``
    :param material: its look
    :param fenestrated: it has an opening
    """

    name: str
    instrument_id: int
    part: int
    class_id: int
    material: Material
    fenestrated: bool = False


@dataclass(frozen=True)
class Look:
    """
    The materials of one instrument, and which one of its kind it is.

    :param shaft: tube
    :param sleeve: the tube's end at the wrist
    :param wrist: plates and cables
    :param core: what is seen between the plates
    :param pin: axes, rings and cables
    :param jaw: blades and rails
    :param insert: insulators and colored jaws
    :param variant: 0..1, chooses among the forms that instruments of one class have
    :param cover: of the sheath over the wrist, if the instrument wears one
    """

    shaft: Material
    sleeve: Material
    wrist: Material
    core: Material
    pin: Material
    jaw: Material
    insert: Material
    variant: float = 0.0
    cover: Material | None = None


@dataclass(frozen=True)
class InstrumentType:
    """
    One kind of instrument.

    :param class_name: its class in the label set ``types``
    :param wrist_length: distance from the wrist pitch axis to the jaw axis in m
    :param jaw_length: distance from the jaw axis to the tip in m
    :param max_jaw_angle: widest opening between the jaws in rad
    :param add_jaw: adds the geoms of one jaw
    :param tip_offset: y of the tip in the jaw frame in m, for curved jaws
    """

    class_name: str
    wrist_length: float
    jaw_length: float
    max_jaw_angle: float
    add_jaw: Callable[['InstrumentBuilder', mujoco.MjsBody, float], None]
    tip_offset: float = 0.0

    @property
    def class_id(self) -> int:
        """Return the class id in the label set ``types``."""
        return get_label_set('types').index(self.class_name)


class InstrumentBuilder:
    """
    Adds one instrument to a scene.

    :param spec: the scene
    :param instrument_id: 1..n, also the value in the instance label image
    :param kind: which instrument
    :param look: its materials
    :param shaft_radius: m
    """

    def __init__(
        self,
        spec: mujoco.MjSpec,
        instrument_id: int,
        kind: InstrumentType,
        look: Look,
        shaft_radius: float,
    ) -> None:
        self.labels: list[GeomLabel] = []
        self.look = look
        self.radius = shaft_radius
        self._spec = spec
        self._id = instrument_id
        self._kind = kind

    def build(self, trocar: np.ndarray, rotation: np.ndarray) -> list[GeomLabel]:
        """
        Add bodies, joints and geoms.

        :param trocar: (3,) m, the fixed point the shaft passes through, in the world
        :param rotation: (3, 3) whose z axis points along the shaft when yaw and pitch are zero
        :return: the label of every geom that was added
        """
        name = f'instrument{self._id}'
        quaternion = np.empty(4)
        mujoco.mju_mat2Quat(quaternion, np.ascontiguousarray(rotation).reshape(9))
        body = self._spec.worldbody.add_body(name=f'{name}_trocar', pos=trocar, quat=quaternion)
        body = self._jointed(body, 'yaw', (0, 1, 0))
        body = self._jointed(body, 'pitch', (1, 0, 0))
        body = self._jointed(body, 'insertion', (0, 0, 1), mujoco.mjtJoint.mjJNT_SLIDE)
        shaft = self._jointed(body, 'roll', (0, 0, 1))
        self._add_shaft(shaft)
        wrist = self._jointed(shaft, 'wrist_pitch', (1, 0, 0))
        self._add_wrist(wrist)
        if self.look.cover is not None:
            self._add_cover(shaft, wrist, self.look.cover)
        for side, joint in ((1.0, 'jaw_a'), (-1.0, 'jaw_b')):
            jaw = self._jointed(wrist, joint, (0, 1, 0), offset=(0, 0, self._kind.wrist_length))
            self._kind.add_jaw(self, jaw, side)
            jaw.add_site(
                name=f'{name}_{joint}_tip',
                pos=(side * JAW_TIP_GAP_M, self._kind.tip_offset, self._kind.jaw_length),
            )
        return self.labels

    def add_geom(
        self,
        body: mujoco.MjsBody,
        kind: mujoco.mjtGeom,
        part: int,
        material: Material,
        size: tuple[float, ...],
        offset: tuple[float, float, float] = (0, 0, 0),
        end: tuple[float, float, float] | None = None,
        axis: tuple[float, float, float] | None = None,
    ) -> None:
        """
        Add a primitive.

        :param offset: position in the body in m (the first end if ``end`` is given)
        :param end: second end of a capsule or cylinder in m
        :param axis: direction of the local z axis, instead of ``end``
        """
        name = f'instrument{self._id}_geom{len(self.labels)}'
        geom = body.add_geom(
            name=name, type=kind, contype=0, conaffinity=0, group=geom_group(self._id)
        )
        geom.size[: len(size)] = size
        geom.rgba = (*material.color, 1.0)
        if end is None:
            geom.pos = offset
            if axis is not None:
                geom.quat = _quaternion_to(axis)
        else:
            geom.fromto = (*offset, *end)
        self.labels.append(GeomLabel(name, self._id, part, self._kind.class_id, material))

    def add_mesh(
        self,
        body: mujoco.MjsBody,
        part: int,
        material: Material,
        mesh: tuple[np.ndarray, np.ndarray],
        fenestrated: bool = False,
    ) -> None:
        """Add a mesh of (V, 3) vertices in m, in the body frame, and (F, 3) faces."""
        name = f'instrument{self._id}_geom{len(self.labels)}'
        add_shell_mesh(self._spec, name, mesh)
        geom = body.add_geom(
            name=name,
            type=mujoco.mjtGeom.mjGEOM_MESH,
            meshname=name,
            contype=0,
            conaffinity=0,
            group=geom_group(self._id),
        )
        geom.rgba = (*material.color, 1.0)
        self.labels.append(
            GeomLabel(name, self._id, part, self._kind.class_id, material, fenestrated)
        )

    def _jointed(
        self,
        parent: mujoco.MjsBody,
        joint: str,
        axis: tuple[float, float, float],
        kind: mujoco.mjtJoint = mujoco.mjtJoint.mjJNT_HINGE,
        offset: tuple[float, float, float] = (0, 0, 0),
    ) -> mujoco.MjsBody:
        name = f'instrument{self._id}_{joint}'
        body = parent.add_body(name=name, pos=offset)
        body.explicitinertial = True
        body.mass = 0.01
        body.inertia = (1e-6, 1e-6, 1e-6)
        body.add_joint(name=name, type=kind, axis=axis)
        return body

    def _add_shaft(self, body: mujoco.MjsBody) -> None:
        cylinder = mujoco.mjtGeom.mjGEOM_CYLINDER
        radius, look = self.radius, self.look
        self.add_geom(
            body, cylinder, SHAFT, look.shaft, (radius,), (0, 0, -SHAFT_LENGTH_M), (0, 0, -0.016)
        )
        self.add_geom(
            body, cylinder, SHAFT, look.sleeve, (radius * 1.03,), (0, 0, -0.016), (0, 0, -0.005)
        )
        self.add_geom(
            body, cylinder, SHAFT, look.pin, (radius * 1.045,), (0, 0, -0.0163), (0, 0, -0.0156)
        )
        for side in (1, -1):
            self.add_geom(
                body,
                mujoco.mjtGeom.mjGEOM_ELLIPSOID,
                SHAFT,
                look.sleeve,
                (radius * 0.34, radius * 0.72, 0.0062),
                (side * radius * 0.68, 0, -0.0035),
            )

    def _add_wrist(self, body: mujoco.MjsBody) -> None:
        radius, look, length = self.radius, self.look, self._kind.wrist_length
        cylinder = mujoco.mjtGeom.mjGEOM_CYLINDER
        capsule = mujoco.mjtGeom.mjGEOM_CAPSULE
        self.add_geom(
            body, cylinder, WRIST, look.pin, (radius * 0.72, radius * 0.5), axis=(1, 0, 0)
        )
        self.add_geom(
            body, cylinder, WRIST, look.wrist, (radius * 0.3, radius * 1.02), axis=(1, 0, 0)
        )
        self.add_geom(
            body,
            mujoco.mjtGeom.mjGEOM_ELLIPSOID,
            WRIST,
            look.core,
            (radius * 0.62, radius * 0.78, length * 0.42),
            (0, 0, length * 0.42),
        )
        for side in (1, -1):
            self.add_geom(
                body,
                capsule,
                WRIST,
                look.wrist,
                (radius * 0.27,),
                (0, side * radius * 0.62, length * 0.3),
                (0, side * radius * 0.66, length),
            )
            self.add_geom(
                body,
                capsule,
                WRIST,
                look.pin,
                (0.0004,),
                (side * radius * 0.5, side * radius * 0.3, 0),
                (side * radius * 0.4, side * radius * 0.35, length * 0.95),
            )
        self.add_geom(
            body,
            cylinder,
            WRIST,
            look.pin,
            (radius * 0.34, radius * 0.93),
            (0, 0, length),
            axis=(0, 1, 0),
        )
        self.add_geom(
            body,
            cylinder,
            WRIST,
            look.insert,
            (radius * 0.2, radius * 0.95),
            (0, 0, length),
            axis=(0, 1, 0),
        )

    def _add_cover(self, shaft: mujoco.MjsBody, wrist: mujoco.MjsBody, material: Material) -> None:
        """Add a sheath from the end of the shaft to the jaws, as monopolar instruments wear."""
        radius, length = self.radius, self._kind.wrist_length
        along = np.linspace(0, 1, 7)
        path = _straight(0.0, -0.0125, 7)
        wide = radius * np.interp(along, (0, 0.08, 0.2, 1), (1.02, 1.14, 1.08, 1.08))
        self.add_mesh(shaft, SHAFT, material, sweep(path, wide, wide, squareness=2))
        self.add_geom(wrist, mujoco.mjtGeom.mjGEOM_SPHERE, WRIST, material, (radius * 1.08,))
        path = _straight(length + 0.003, 0.0, 7)
        narrow = radius * np.interp(along, (0, 0.7, 1), (1.08, 0.98, 0.6))
        self.add_mesh(wrist, WRIST, material, sweep(path, narrow, narrow, squareness=2))


def geom_group(instrument_id: int) -> int:
    """Return the geom group of an instrument; all that is no instrument is in group 0."""
    return instrument_id


def joint_angles(
    rotation: np.ndarray,
    trocar: np.ndarray,
    goal: np.ndarray,
    offset: np.ndarray | tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> np.ndarray:
    """
    Return yaw, pitch and insertion that bring the wrist, or a point fixed to it, to a goal.

    :param rotation: (3, 3) of :meth:`InstrumentBuilder.build`
    :param trocar: (3,) m
    :param goal: (3,) m, wanted position in the world
    :param offset: (3,) m, from the wrist pitch axis to the point, in the frame of the shaft that
        does not roll
    :return: (3,) rad, rad, m
    """
    x, y, z = rotation.T @ (goal - trocar)
    aside, above, ahead = offset
    across = np.hypot(x, z)
    reach = np.sqrt(across**2 - aside**2)
    depth = np.sqrt(reach**2 + y**2 - above**2)
    yaw = np.arctan2(x, z) - np.arcsin(aside / across)
    pitch = np.arctan2(above, depth) - np.arctan2(y, reach)
    return np.array([yaw, pitch, depth - ahead])


def tip_offset(
    kind: InstrumentType, roll: float, wrist_pitch: float, wrist_yaw: float, jaw_angle: float
) -> np.ndarray:
    """
    Return the way from the wrist pitch axis to the middle of both jaw tips.

    :param kind: which instrument
    :param roll: rad
    :param wrist_pitch: rad
    :param wrist_yaw: mean of both jaw joints in rad
    :param jaw_angle: between both jaws in rad
    :return: (3,) m, in the frame of the shaft that does not roll
    """
    half = jaw_angle / 2
    along = kind.jaw_length * np.cos(half) - JAW_TIP_GAP_M * np.sin(half)
    x = along * np.sin(wrist_yaw)
    z = along * np.cos(wrist_yaw) + kind.wrist_length
    y = kind.tip_offset * np.cos(wrist_pitch) - z * np.sin(wrist_pitch)
    z = kind.tip_offset * np.sin(wrist_pitch) + z * np.cos(wrist_pitch)
    return np.array(
        [
            x * np.cos(roll) - y * np.sin(roll),
            x * np.sin(roll) + y * np.cos(roll),
            z,
        ]
    )


def _quaternion_to(axis: tuple[float, float, float]) -> np.ndarray:
    quaternion = np.empty(4)
    mujoco.mju_quatZ2Vec(quaternion, np.asarray(axis, dtype=np.float64))
    return quaternion


def _straight(length: float, start: float = 0.0, points: int = 6) -> np.ndarray:
    path = np.zeros((points, 3))
    path[:, 2] = np.linspace(start, length, points)
    return path


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
    mesh[0][:, 0] += side * 0.0009
    builder.add_mesh(body, CLASPER, builder.look.jaw, mesh)


def _shifted(mesh: tuple[np.ndarray, np.ndarray], x: float) -> tuple[np.ndarray, np.ndarray]:
    mesh[0][:, 0] += x
    return mesh


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
    builder.add_mesh(
        body,
        CLASPER,
        builder.look.jaw,
        _shifted(loop, side * (half_thickness + 0.0001)),
        fenestrated=True,
    )


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
    path = _straight(length, 0.003, len(width))
    mesh = sweep(path, thickness * width / width.max(), width)
    builder.add_mesh(body, CLASPER, builder.look.jaw, _shifted(mesh, side * thickness))


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
    path = _straight(0.0100, 0.003)
    width = np.array([0.0019, 0.0021, 0.0020, 0.0018, 0.0016, 0.0012])
    thickness = np.array([0.0012, 0.0012, 0.0011, 0.0010, 0.0009, 0.0006])
    builder.add_mesh(
        body, CLASPER, builder.look.jaw, _shifted(sweep(path, thickness, width), side * 0.0011)
    )


def _vessel_sealer_jaw(builder: InstrumentBuilder, body: mujoco.MjsBody, side: float) -> None:
    _add_hinge(builder, body, side, 0.004)
    path = _straight(0.0205, 0.003, 8)
    width = np.array([0.0022, 0.0027, 0.0028, 0.0028, 0.0027, 0.0025, 0.0022, 0.0013])
    builder.add_mesh(
        body,
        CLASPER,
        builder.look.insert,
        _shifted(sweep(path, width * 0.6, width * 0.75, squareness=2.6), side * 0.0017),
    )
    builder.add_mesh(
        body,
        CLASPER,
        builder.look.jaw,
        _shifted(sweep(path, 0.0005, width * 0.65, squareness=4), side * 0.0004),
    )


def _scissors_jaw(builder: InstrumentBuilder, body: mujoco.MjsBody, side: float) -> None:
    _add_hinge(builder, body, side, 0.004)
    path = _straight(0.0160, 0.002, 10)
    along = np.linspace(0, 1, 10)
    path[:, 1] = 0.0042 * along**2
    width = np.interp(along, (0, 0.3, 1), (0.0016, 0.0018, 0.0004))
    builder.add_mesh(
        body,
        CLASPER,
        builder.look.jaw,
        _shifted(sweep(path, width * 0.5, width), side * 0.0007),
    )


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
    path = _straight(0.0200, 0.001, 6)
    width = np.array([0.0034, 0.0036, 0.0036, 0.0036, 0.0034, 0.0024])
    material = builder.look.jaw if side > 0 else builder.look.insert
    mesh = sweep(path, width * 0.55, width, squareness=4)
    builder.add_mesh(body, CLASPER, material, _shifted(mesh, side * 0.0021))


def _hook(builder: InstrumentBuilder, body: mujoco.MjsBody) -> None:
    """Add the single bent wire of a cautery hook, on an insulated foot."""
    radius = builder.radius
    foot = radius * np.array([0.62, 0.62, 0.5, 0.25])
    mesh = sweep(_straight(0.007, -0.001, 4), foot, foot, squareness=2)
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
