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


import cv2
import mujoco
import numpy as np
import pytest

from surgseg_ros.simulation import SceneOptions
from surgseg_ros.simulation import StereoCamera
from surgseg_ros.simulation.rendering.offscreen import IdentityRenderer
from surgseg_ros.simulation.rendering.ray_casting import surface_distances
from surgseg_ros.simulation.world.instrument_builder import InstrumentBuilder
from surgseg_ros.simulation.world.instruments import INSTRUMENT_TYPES
from surgseg_ros.simulation.world.materials import draw_look

RADIUS_M = 0.0042
TOLERANCE_M = 1e-4
CAMERA = StereoCamera.centered(640, 512, 1050.0, 0.0044)


def state_of(spec):
    spec.stat.extent = 1.0
    spec.visual.global_.offwidth, spec.visual.global_.offheight = CAMERA.width, CAMERA.height
    spec.visual.quality.offsamples = 0
    model = spec.compile()
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    return model, data


def add_cylinder(spec, group, start, end):
    spec.worldbody.add_geom(
        type=mujoco.mjtGeom.mjGEOM_CYLINDER,
        size=(RADIUS_M, 0, 0),
        fromto=(*start, *end),
        group=group,
    )


def unit_rays(pixels):
    rays = CAMERA.back_project(pixels, 1.0)
    lengths = np.linalg.norm(rays, axis=1, keepdims=True)
    return rays / lengths, lengths


def test_a_ray_enters_and_leaves_a_cylinder_around_its_axis():
    start, end = np.array([-0.1, 0.0, 0.06]), np.array([0.1, 0.02, 0.10])
    spec = mujoco.MjSpec()
    add_cylinder(spec, 2, start, end)
    add_cylinder(spec, 1, (-0.1, 0.0, 0.03), (0.1, 0.0, 0.03))
    points = start + np.linspace(0.3, 0.7, 9)[:, None] * (end - start)
    lengths = np.linalg.norm(points, axis=1)
    directions = points / lengths[:, None]
    distances = surface_distances(*state_of(spec), 2, np.zeros(3), directions)
    assert distances.mean(axis=1) == pytest.approx(lengths, abs=TOLERANCE_M)
    axis = (end - start) / np.linalg.norm(end - start)
    thickness = 2 * RADIUS_M / np.linalg.norm(np.cross(directions, axis), axis=1)
    assert np.diff(distances, axis=1)[:, 0] == pytest.approx(thickness, abs=TOLERANCE_M)


def test_a_ray_beside_the_geoms_gives_nan():
    spec = mujoco.MjSpec()
    add_cylinder(spec, 1, (-0.1, 0.0, 0.06), (0.1, 0.0, 0.06))
    directions = np.array([[0.0, 0.0, 1.0], [0.0, 0.6, 0.8], [0.0, 0.0, -1.0]])
    missed = np.isnan(surface_distances(*state_of(spec), 1, np.zeros(3), directions))
    assert missed.tolist() == [[False, False], [True, True], [True, True]]


@pytest.mark.parametrize('name', list(INSTRUMENT_TYPES))
def test_rays_meet_the_surface_that_is_rendered(name):
    spec = mujoco.MjSpec()
    look = draw_look(name, SceneOptions(), np.random.default_rng(0))
    builder = InstrumentBuilder(spec, 3, INSTRUMENT_TYPES[name], look, RADIUS_M)
    direction = np.array([0.9, 0.2, 0.39])
    direction /= np.linalg.norm(direction)
    across = np.cross(direction, (0.0, 0.0, 1.0))
    across /= np.linalg.norm(across)
    rotation = np.column_stack((np.cross(across, direction), across, direction))
    builder.build(np.array([-0.02, 0.0, 0.07]), rotation)
    model, data = state_of(spec)
    renderer = IdentityRenderer(model, CAMERA)
    renderer.update(data)
    identity, depth = renderer.render(np.zeros(3), np.eye(3))
    renderer.close()
    inside = cv2.erode((identity > 0).astype(np.uint8), np.ones((3, 3), np.uint8))
    rows, columns = np.nonzero(inside)
    assert len(rows) > 5000
    chosen = np.random.default_rng(1).choice(len(rows), 2000, replace=False)
    pixels = np.column_stack((columns, rows))[chosen]
    rays, lengths = unit_rays(pixels)
    front = (surface_distances(model, data, 3, np.zeros(3), rays) / lengths)[:, 0]
    errors = np.abs(front - depth[pixels[:, 1], pixels[:, 0]])
    assert np.isnan(errors).mean() < 0.01
    # Only at edges, where one pixel spans a range of depths, do both differ.
    assert np.nanquantile(errors, 0.95) < TOLERANCE_M
