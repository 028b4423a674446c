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


import numpy as np
import pytest

from surgseg_ros.simulation.noise import fractal_noise
from surgseg_ros.simulation.noise import smoothstep
from surgseg_ros.simulation.noise import tileable_noise
from surgseg_ros.simulation.noise import to_unit


def test_noise_is_seeded_centered_and_smooth():
    noise = fractal_noise(np.random.default_rng(1), 256, 8, 4)
    assert np.array_equal(noise, fractal_noise(np.random.default_rng(1), 256, 8, 4))
    assert abs(noise.mean()) < 0.2
    assert noise.std() > 0.15
    assert np.abs(np.diff(noise, axis=0)).max() < 0.25


def test_tileable_noise_continues_over_its_edges():
    noise = tileable_noise(np.random.default_rng(1), 256, 8, 2)
    inside = np.abs(np.diff(noise, axis=1)).max()
    assert np.abs(noise[:, 0] - noise[:, -1]).max() < 1.5 * inside
    assert np.abs(noise[0] - noise[-1]).max() < 1.5 * inside


def test_to_unit_clips():
    assert to_unit(np.array([-3.0, 0.0, 1.0])) == pytest.approx((0.0, 0.5, 1.0))


def test_smoothstep_is_flat_outside_its_width():
    assert smoothstep(np.array([-1.0, -0.5, 0.0, 0.5, 1.0]), 0.5) == pytest.approx(
        (0, 0, 0.5, 1, 1)
    )
