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


from instrument_models import build
from instrument_models import pose
from instrument_models import PREFIX
from instrument_models import ROTATION
from instrument_models import TROCAR
from instrument_models import world_vertices
import mujoco
import numpy as np
import pytest

from surgseg_ros.simulation.world.instruments import INSTRUMENT_TYPES


def test_every_type_has_shaft_wrist_and_clasper(built):
    name, _, _, labels = built
    assert {label.part for label in labels} == {1, 2, 3}
    assert {label.class_id for label in labels} == {INSTRUMENT_TYPES[name].class_id}
    assert {label.instrument_id for label in labels} == {1}


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


def test_opening_moves_the_tips_apart(built):
    _, model, data, _ = built
    pose(model, data, (0, 0, 0.1, 0, 0, 0.4, -0.4))
    tip_a, tip_b = (data.site(f'{PREFIX}_{jaw}_tip').xpos for jaw in ('jaw_a', 'jaw_b'))
    assert np.linalg.norm(tip_a - tip_b) > 0.007


@pytest.mark.parametrize('name', ['bipolar forceps', 'prograsp forceps', 'other'])
def test_variants_of_one_type_have_other_jaws(name):
    sizes = []
    for variant in (0.0, 0.99):
        model, _, labels = build(name, variant=variant)
        jaws = [label.name for label in labels if label.part == 3]
        sizes.append(tuple(model.geom(jaw).size.round(6).tobytes() for jaw in jaws))
    assert sizes[0] != sizes[1]


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
