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


from collections import Counter

import numpy as np
import pytest

from surgseg_ros.simulation.world.meshes import loop_path
from surgseg_ros.simulation.world.meshes import sweep
from surgseg_ros.simulation.world.meshes import tube

STRAIGHT = np.column_stack((np.zeros(5), np.zeros(5), np.linspace(0, 0.02, 5)))


def is_closed(faces):
    """Tell whether every edge belongs to two triangles, once in each direction."""
    edges = Counter()
    for a, b, c in faces:
        edges.update(((a, b), (b, c), (c, a)))
    return all(count == 1 and edges[b, a] == 1 for (a, b), count in edges.items())


def volume(vertices, faces):
    a, b, c = (vertices[faces[:, corner]] for corner in range(3))
    return np.einsum('ij,ij->i', a, np.cross(b, c)).sum() / 6


@pytest.mark.parametrize(
    'mesh',
    [
        sweep(STRAIGHT, 0.001, 0.002),
        sweep(loop_path(0.004, 0.018, 0.002), 0.001, 0.0005, closed=True),
        tube(STRAIGHT, 0.0003),
    ],
    ids=['straight', 'loop', 'tube'],
)
def test_meshes_are_closed_and_point_outward(mesh):
    vertices, faces = mesh
    assert is_closed(faces)
    assert volume(vertices, faces) > 0


def test_sweep_has_the_size_it_was_asked_for():
    vertices, _ = sweep(STRAIGHT, 0.001, 0.002)
    assert np.ptp(vertices, axis=0) == pytest.approx((0.002, 0.004, 0.02), rel=0.03)


def test_loop_spans_the_jaw():
    path = loop_path(0.004, 0.018, 0.002)
    assert (path[:, 1].min(), path[:, 1].max()) == pytest.approx((-0.002, 0.002))
    assert path[:, 2].min() == pytest.approx(0.004, abs=1e-4)
    assert path[:, 2].max() == pytest.approx(0.018, abs=1e-4)


def test_tube_keeps_its_radius_around_bends():
    angle = np.linspace(0, np.pi, 40)
    path = 0.01 * np.column_stack((np.cos(angle), np.sin(angle), 0.3 * angle))
    vertices, _ = tube(path, 0.0003, sides=8)
    rings = vertices[:-2].reshape(40, 8, 3)
    distances = np.linalg.norm(rings - path[:, None], axis=2)
    assert distances == pytest.approx(0.0003)
