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


"""The light of the endoscope."""

from dataclasses import dataclass

import numpy as np

from surgseg_ros.simulation.options import SceneOptions

_MAX_IRRADIANCE = 5.0


@dataclass(frozen=True)
class Eye:
    """
    Where one eye is, and what lights the scene.

    :param position: (3,) m, optical center in the world
    :param rotation: (3, 3) optical frame to world
    :param light: (3,) m, in the world
    """

    position: np.ndarray
    rotation: np.ndarray
    light: np.ndarray


def irradiance(distance_2: np.ndarray, options: SceneOptions) -> np.ndarray:
    """
    Return the light per area, against the one at the tissue's distance.

    :param distance_2: (...) float32, squared distance from the light in m^2
    :param options: distance and fall-off are used
    """
    falloff = np.float32(options.falloff)
    reference = np.float32(options.distance**2)
    return np.minimum(
        (1 - falloff) + falloff * reference / distance_2, np.float32(_MAX_IRRADIANCE)
    )
