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


"""What all wristed instruments have in common: trocar, joints, shaft and wrist."""

from collections.abc import Callable
from dataclasses import dataclass

import mujoco
import numpy as np

from surgseg_ros.data import get_label_set
from surgseg_ros.simulation.world.geoms import geom_group
from surgseg_ros.simulation.world.geoms import GeomLabel
from surgseg_ros.simulation.world.geoms import Material
from surgseg_ros.simulation.world.materials import Look
from surgseg_ros.simulation.world.meshes import add_shell_mesh
from surgseg_ros.simulation.world.meshes import straight_path
from surgseg_ros.simulation.world.meshes import sweep

SHAFT_RADIUS_M = 0.0042
SHAFT_LENGTH_M = 0.25

JAW_TIP_GAP_M = 0.0004
"""Distance of each jaw's tip from the middle plane of the closed jaws."""

JOINTS = ('yaw', 'pitch', 'insertion', 'roll', 'wrist_pitch', 'jaw_a', 'jaw_b')
"""Joints of one instrument, from the trocar to the jaws."""

_PARTS = get_label_set('parts')
SHAFT = _PARTS.index('shaft')
WRIST = _PARTS.index('wrist')
CLASPER = _PARTS.index('clasper')


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
        for material, size in (
            (look.pin, (radius * 0.34, radius * 0.93)),
            (look.insert, (radius * 0.2, radius * 0.95)),
        ):
            self.add_geom(body, cylinder, WRIST, material, size, (0, 0, length), axis=(0, 1, 0))

    def _add_cover(self, shaft: mujoco.MjsBody, wrist: mujoco.MjsBody, material: Material) -> None:
        """Add a sheath from the end of the shaft to the jaws, as monopolar instruments wear."""
        radius, length = self.radius, self._kind.wrist_length
        along = np.linspace(0, 1, 7)
        path = straight_path(0.0, -0.0125, 7)
        wide = radius * np.interp(along, (0, 0.08, 0.2, 1), (1.02, 1.14, 1.08, 1.08))
        self.add_mesh(shaft, SHAFT, material, sweep(path, wide, wide, squareness=2))
        self.add_geom(wrist, mujoco.mjtGeom.mjGEOM_SPHERE, WRIST, material, (radius * 1.08,))
        path = straight_path(length + 0.003, 0.0, 7)
        narrow = radius * np.interp(along, (0, 0.7, 1), (1.08, 0.98, 0.6))
        self.add_mesh(wrist, WRIST, material, sweep(path, narrow, narrow, squareness=2))


def _quaternion_to(axis: tuple[float, float, float]) -> np.ndarray:
    quaternion = np.empty(4)
    mujoco.mju_quatZ2Vec(quaternion, np.asarray(axis, dtype=np.float64))
    return quaternion
