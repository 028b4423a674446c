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


"""From where an instrument's tip shall be to its joints."""

import numpy as np

from surgseg_ros.simulation.world.instrument_builder import InstrumentType
from surgseg_ros.simulation.world.instrument_builder import JAW_TIP_GAP_M

MAX_WRIST_ANGLE_RAD = 1.1


def joint_angles(
    rotation: np.ndarray,
    trocar: np.ndarray,
    goal: np.ndarray,
    offset: np.ndarray | tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> np.ndarray:
    """
    Return yaw, pitch and insertion that bring the wrist, or a point fixed to it, to a goal.

    :param rotation: (3, 3) of :meth:`.InstrumentBuilder.build`
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
