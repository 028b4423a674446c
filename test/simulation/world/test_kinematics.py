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
import numpy as np
import pytest

from surgseg_ros.simulation.world.kinematics import joint_angles


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
