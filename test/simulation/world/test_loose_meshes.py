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

from surgseg_ros.simulation.world.loose_meshes import knitted_tube
from surgseg_ros.simulation.world.loose_meshes import printed_text
from surgseg_ros.simulation.world.loose_meshes import ring
from surgseg_ros.simulation.world.loose_meshes import sheet


def test_text_lies_on_its_cylinder_where_it_was_put():
    vertices, faces = printed_text('ABC', 0.005, -0.04, 0.003, 1.0)
    assert np.hypot(vertices[:, 0], vertices[:, 1]) == pytest.approx(0.005)
    angle = np.arctan2(vertices[:, 1], vertices[:, 0])
    assert angle.mean() == pytest.approx(1.0, abs=0.2)
    assert vertices[:, 2].min() >= -0.04
    assert np.ptp(angle) * 0.005 == pytest.approx(0.003, rel=0.4)
    assert faces.max() == len(vertices) - 1


def test_longer_text_is_longer():
    short, long = (printed_text(text, 0.005, 0, 0.003, 0)[0] for text in ('II', 'WWWWWW'))
    assert np.ptp(long[:, 2]) > 2 * np.ptp(short[:, 2])


def test_a_sheet_lies_on_the_ground_without_sinking_in():
    rng = np.random.default_rng(1)
    points, faces = sheet((0.02, 0.01), lambda x, y: 0.03, rng, cells=20, folds=0.004)
    assert points.shape == (21, 21, 3)
    assert faces.shape == (20, 20, 4, 3)
    assert 0.027 < points[..., 2].min() < points[..., 2].max() < 0.045
    assert np.ptp(points[..., 0]) > np.ptp(points[..., 1])


def test_a_knitted_tube_is_bumpy_around_its_radius_and_closed_at_the_ends():
    path = np.column_stack((np.zeros(60), np.zeros(60), np.linspace(0, 0.06, 60)))
    vertices, faces = knitted_tube(path, 0.005, 0.002, 0.0005, sides=24)
    radius = np.hypot(vertices[:, 0], vertices[:, 1])
    body = radius[24 * 20 : 24 * 60]
    assert body.mean() == pytest.approx(0.005, rel=0.02)
    assert 0.0003 < body.max() - 0.005 <= 0.0005 + 1e-9
    assert radius[:24].max() < 1e-9
    assert faces.max() == len(vertices) - 1


def test_a_ring_lies_around_the_axis():
    vertices, _ = ring(0.004, 0.0005, 0.01)
    radius = np.hypot(vertices[:, 0], vertices[:, 1])
    assert radius.min() == pytest.approx(0.0035, abs=1e-4)
    assert radius.max() == pytest.approx(0.0045, abs=1e-4)
    assert np.abs(vertices[:, 2] - 0.01).max() <= 0.0005 + 1e-9
