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


"""Where rays enter and leave an instrument."""

import mujoco
import numpy as np

_BEHIND_M = 2.0
"""Farther from an eye than any instrument reaches."""


def surface_distances(
    model: mujoco.MjModel,
    data: mujoco.MjData,
    group: int,
    origin: np.ndarray,
    directions: np.ndarray,
) -> np.ndarray:
    """
    Return how far along each ray the first and the last surface of a group of geoms are.

    :param model: the compiled scene
    :param data: its state, with the poses of all geoms
    :param group: geom group; others are ignored
    :param origin: (3,) m, start of the rays in the world, outside of the geoms
    :param directions: (N, 3) unit vectors in the world
    :return: (N, 2) m, NaN for a ray that misses the geoms
    """
    groups = np.zeros(mujoco.mjNGROUP, np.uint8)
    groups[group] = 1
    hit = np.zeros(1, np.int32)
    ends = origin + _BEHIND_M * directions
    distances = np.empty((len(directions), 2))
    for row, end, direction in zip(distances, ends, directions, strict=True):
        row[0] = mujoco.mj_ray(model, data, origin, direction, groups, True, -1, hit)
        row[1] = mujoco.mj_ray(model, data, end, -direction, groups, True, -1, hit)
    # Close to an edge rounding may let only one of both casts hit.
    distances[(distances < 0).any(axis=1)] = np.nan
    distances[:, 1] = _BEHIND_M - distances[:, 1]
    return distances
