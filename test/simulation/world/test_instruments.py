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


import dataclasses

import mujoco
import numpy as np
import pytest

from surgseg_ros.simulation import SceneOptions
from surgseg_ros.simulation.world.instruments import INSTRUMENT_TYPES
from surgseg_ros.simulation.world.instruments import InstrumentBuilder
from surgseg_ros.simulation.world.instruments import joint_angles
from surgseg_ros.simulation.world.instruments import JOINTS
from surgseg_ros.simulation.world.materials import draw_look

PREFIX = 'instrument1'
ROTATION = np.diag([1.0, -1.0, -1.0])
TROCAR = np.array([0.01, 0.02, 0.2])


def build(name, **changes):
    spec = mujoco.MjSpec()
    look = draw_look(name, SceneOptions(), np.random.default_rng(0))
    look = dataclasses.replace(look, **changes)
    builder = InstrumentBuilder(spec, 1, INSTRUMENT_TYPES[name], look, 0.0042)
    labels = builder.build(TROCAR, ROTATION)
    model = spec.compile()
    return model, mujoco.MjData(model), labels


def pose(model, data, joints):
    for name, value in zip(JOINTS, joints, strict=True):
        data.joint(f'{PREFIX}_{name}').qpos[0] = value
    mujoco.mj_kinematics(model, data)


@pytest.fixture(
    params=[(name, variant) for name in INSTRUMENT_TYPES for variant in (0.0, 0.5, 0.99)],
    ids=lambda param: f'{param[0]} {param[1]}',
)
def built(request):
    name, variant = request.param
    return name, *build(name, variant=variant)


def test_every_type_has_shaft_wrist_and_clasper(built):
    name, _, _, labels = built
    assert {label.part for label in labels} == {1, 2, 3}
    assert {label.class_id for label in labels} == {INSTRUMENT_TYPES[name].class_id}
    assert {label.instrument_id for label in labels} == {1}


def test_labels_cover_every_geom(built):
    _, model, _, labels = built
    assert model.ngeom == len(labels)
    assert {model.geom(label.name).id for label in labels} == set(range(model.ngeom))


def test_closed_tips_meet_at_the_far_end(built):
    name, model, data, _ = built
    pose(model, data, (0, 0, 0.1, 0, 0, 0, 0))
    kind = INSTRUMENT_TYPES[name]
    tip_a, tip_b = (data.site(f'{PREFIX}_{jaw}_tip').xpos for jaw in ('jaw_a', 'jaw_b'))
    assert np.linalg.norm(tip_a - tip_b) < 0.001
    reach = 0.1 + kind.wrist_length + kind.jaw_length
    assert (ROTATION.T @ ((tip_a + tip_b) / 2 - TROCAR))[2] == pytest.approx(reach)


def test_the_tip_lies_at_the_end_of_the_jaw(built):
    _, model, data, labels = built
    pose(model, data, (0, 0, 0.1, 0, 0, 0, 0))
    farthest = max(
        (ROTATION.T @ (point - TROCAR))[2]
        for label in labels
        if model.geom(label.name).type[0] == mujoco.mjtGeom.mjGEOM_MESH
        for point in world_vertices(model, data, label.name)
    )
    tip = (ROTATION.T @ (data.site(f'{PREFIX}_jaw_a_tip').xpos - TROCAR))[2]
    assert tip == pytest.approx(farthest, abs=0.0006)


def world_vertices(model, data, name):
    mesh = model.mesh(name)
    vertices = model.mesh_vert[mesh.vertadr[0] : mesh.vertadr[0] + mesh.vertnum[0]]
    geom = data.geom(name)
    return vertices @ geom.xmat.reshape(3, 3).T + geom.xpos


def test_opening_moves_the_tips_apart(built):
    _, model, data, _ = built
    pose(model, data, (0, 0, 0.1, 0, 0, 0.4, -0.4))
    tip_a, tip_b = (data.site(f'{PREFIX}_{jaw}_tip').xpos for jaw in ('jaw_a', 'jaw_b'))
    assert np.linalg.norm(tip_a - tip_b) > 0.007


def test_joint_angles_bring_the_wrist_to_its_goal():
    model, data, _ = build('large needle driver')
    for goal in np.random.default_rng(2).uniform(-0.05, 0.05, (10, 3)):
        yaw, pitch, insertion = joint_angles(ROTATION, TROCAR, goal)
        pose(model, data, (yaw, pitch, insertion, 0.3, 0, 0, 0))
        assert data.body(f'{PREFIX}_wrist_pitch').xpos == pytest.approx(goal, abs=1e-9)


def test_the_shaft_passes_through_the_trocar():
    model, data, _ = build('vessel sealer')
    pose(model, data, (*joint_angles(ROTATION, TROCAR, np.array([0.03, 0.0, 0.05])), 0, 0, 0, 0))
    wrist = data.body(f'{PREFIX}_wrist_pitch').xpos
    axis = data.body(f'{PREFIX}_roll').xmat.reshape(3, 3)[:, 2]
    assert np.linalg.norm(np.cross(TROCAR - wrist, axis)) < 1e-9


@pytest.mark.parametrize('name', ['bipolar forceps', 'prograsp forceps', 'other'])
def test_variants_of_one_type_have_other_jaws(name):
    sizes = []
    for variant in (0.0, 0.99):
        model, _, labels = build(name, variant=variant)
        jaws = [label.name for label in labels if label.part == 3]
        sizes.append(tuple(model.geom(jaw).size.round(6).tobytes() for jaw in jaws))
    assert sizes[0] != sizes[1]


def test_a_cover_hides_the_wrist_and_belongs_to_the_instrument():
    rng = np.random.default_rng(0)
    sheath = draw_look('prograsp forceps', SceneOptions(), rng).insert
    bare, covered = (build('prograsp forceps', cover=cover)[2] for cover in (None, sheath))
    more = [label for label in covered if label.material is sheath]
    assert len(covered) == len(bare) + 3
    assert {label.part for label in more} >= {1, 2}
    assert all(label.instrument_id == 1 for label in more)


def test_jaws_of_the_types_differ_visibly():
    lengths, widths = {}, {}
    for name in INSTRUMENT_TYPES:
        model, data, labels = build(name)
        pose(model, data, (0, 0, 0.1, 0, 0, 0, 0))
        jaw = np.vstack(
            [
                world_vertices(model, data, label.name)
                for label in labels
                if label.part == 3 and model.geom(label.name).type[0] == mujoco.mjtGeom.mjGEOM_MESH
            ]
        )
        lengths[name], widths[name] = np.ptp(jaw[:, 2]), np.ptp(jaw[:, :2], axis=0).round(4)
    assert lengths['grasping retractor'] > 1.3 * lengths['bipolar forceps']
    assert lengths['large needle driver'] < 0.7 * lengths['prograsp forceps']
    assert len({(round(lengths[name], 4), *widths[name]) for name in lengths}) == len(lengths)
