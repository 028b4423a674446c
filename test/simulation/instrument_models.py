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


"""One simulated instrument alone, in MuJoCo."""

import dataclasses

import mujoco
import numpy as np

from surgseg_ros.simulation import SceneOptions
from surgseg_ros.simulation.world.instrument_builder import InstrumentBuilder
from surgseg_ros.simulation.world.instrument_builder import JOINTS
from surgseg_ros.simulation.world.instruments import INSTRUMENT_TYPES
from surgseg_ros.simulation.world.materials import draw_look

PREFIX = 'instrument1'
ROTATION = np.diag([1.0, -1.0, -1.0])
TROCAR = np.array([0.01, 0.02, 0.2])


def build(name, **changes):
    """Return model, data and labels of one instrument alone, its look changed."""
    spec = mujoco.MjSpec()
    look = draw_look(name, SceneOptions(), np.random.default_rng(0))
    look = dataclasses.replace(look, **changes)
    builder = InstrumentBuilder(spec, 1, INSTRUMENT_TYPES[name], look, 0.0042)
    labels = builder.build(TROCAR, ROTATION)
    model = spec.compile()
    return model, mujoco.MjData(model), labels


def pose(model, data, joints):
    """Set the joints of the instrument, in the order of ``JOINTS``."""
    for name, value in zip(JOINTS, joints, strict=True):
        data.joint(f'{PREFIX}_{name}').qpos[0] = value
    mujoco.mj_kinematics(model, data)


def world_vertices(model, data, name):
    """Return the (V, 3) vertices of a mesh in the world in m."""
    mesh = model.mesh(name)
    vertices = model.mesh_vert[mesh.vertadr[0] : mesh.vertadr[0] + mesh.vertnum[0]]
    geom = data.geom(name)
    return vertices @ geom.xmat.reshape(3, 3).T + geom.xpos
