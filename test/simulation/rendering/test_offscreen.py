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


import os
import subprocess
import sys

import mujoco
import numpy as np
import pytest

from surgseg_ros.simulation import RenderingError
from surgseg_ros.simulation import StereoCamera
from surgseg_ros.simulation.rendering.offscreen import create_gl_context
from surgseg_ros.simulation.rendering.offscreen import IdentityRenderer

RADIUS_M = 0.0012
CENTERS_M = np.array(
    [(0.008 * i, 0.007 * j, 0.08 + 0.01 * i) for i in range(-3, 4) for j in range(-2, 3)]
)
CAMERAS = (
    StereoCamera.centered(640, 512, 1050.0, 0.0044),
    StereoCamera(640, 512, 525.0, 560.0, 300.0, 270.0, 0.0044),
)


@pytest.fixture(scope='module')
def spheres() -> mujoco.MjModel:
    spec = mujoco.MjSpec()
    spec.stat.extent = 1.0
    spec.visual.global_.offwidth, spec.visual.global_.offheight = 640, 512
    spec.visual.quality.offsamples = 0
    for center in CENTERS_M:
        spec.worldbody.add_geom(
            type=mujoco.mjtGeom.mjGEOM_SPHERE, size=(RADIUS_M, 0, 0), pos=center
        )
    return spec.compile()


def render(model, camera, position=(0.0, 0.0, 0.0), rotation=None):
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    renderer = IdentityRenderer(model, camera)
    renderer.update(data)
    images = renderer.render(np.array(position), np.eye(3) if rotation is None else rotation)
    renderer.close()
    return images


@pytest.mark.parametrize('camera', CAMERAS, ids=['centered', 'skewed'])
def test_known_points_appear_where_the_intrinsics_say(spheres, camera):
    identity, _ = render(spheres, camera)
    for value, center in enumerate(CENTERS_M, start=1):
        rows, columns = np.nonzero(identity == value)
        expected = camera.project(center)
        assert np.hypot(columns.mean() - expected[0], rows.mean() - expected[1]) < 0.4


def test_depth_is_the_distance_along_the_axis(spheres):
    identity, depth = render(spheres, CAMERAS[0])
    for value, center in enumerate(CENTERS_M, start=1):
        assert depth[identity == value].min() == pytest.approx(center[2] - RADIUS_M, abs=5e-5)


def test_moving_the_camera_moves_the_image_the_other_way(spheres):
    camera = CAMERAS[0]
    before, _ = render(spheres, camera)
    after, _ = render(spheres, camera, position=(camera.baseline, 0.0, 0.0))
    for value, center in enumerate(CENTERS_M, start=1):
        shift = np.nonzero(before == value)[1].mean() - np.nonzero(after == value)[1].mean()
        assert shift == pytest.approx(camera.fx * camera.baseline / center[2], abs=0.4)


def test_turning_the_camera_upside_down_turns_the_image(spheres):
    upright, _ = render(spheres, CAMERAS[0])
    turned, _ = render(spheres, CAMERAS[0], rotation=np.diag([-1.0, -1.0, 1.0]))
    assert np.mean(upright[::-1, ::-1] != turned) < 0.002


def test_nothing_is_zero(spheres):
    identity, _ = render(spheres, CAMERAS[0])
    assert identity[0, 0] == 0


def test_closing_twice_is_harmless(spheres):
    renderer = IdentityRenderer(spheres, CAMERAS[0])
    renderer.close()
    renderer.close()


def test_a_backend_that_needs_a_display_is_refused(monkeypatch):
    monkeypatch.setenv('MUJOCO_GL', 'glfw')
    with pytest.raises(RenderingError, match='unset it or use osmesa or egl'):
        create_gl_context()


def context_module(**environment):
    """Return the module of the context that a new process without OSMesa opens."""
    code = (
        'import ctypes.util as util; find = util.find_library; '
        'util.find_library = lambda name: None if name == "OSMesa" else find(name); '
        'from surgseg_ros.simulation.rendering.offscreen import create_gl_context; '
        'print(type(create_gl_context()).__module__)'
    )
    result = subprocess.run(
        [sys.executable, '-c', code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return result.stdout.strip() or result.stderr


def test_without_osmesa_egl_renders(monkeypatch):
    for variable in ('MUJOCO_GL', 'PYOPENGL_PLATFORM'):
        monkeypatch.delenv(variable, raising=False)
    if context_module(MUJOCO_GL='egl') != 'mujoco.egl':
        pytest.skip('this computer has no EGL that renders off-screen')
    assert context_module() == 'mujoco.egl'


def test_a_missing_library_is_named_with_its_package(monkeypatch):
    monkeypatch.setenv('MUJOCO_GL', 'osmesa')
    monkeypatch.setenv('PYOPENGL_PLATFORM', 'egl')
    monkeypatch.delitem(sys.modules, 'mujoco.osmesa', raising=False)
    with pytest.raises(RenderingError, match='apt-get install libosmesa6'):
        create_gl_context()
