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


"""Off-screen OpenGL without a display: identity and depth of every pixel of a MuJoCo scene."""

import ctypes.util
import importlib
import os
from typing import Any
import weakref

import cv2
import mujoco
import numpy as np

from surgseg_ros.simulation.camera import StereoCamera

NEAR_M = 0.008
FAR_M = 1.2

_MAX_GEOMS = 250
"""Identities must fit the red channel of the segmentation image, 0 being "nothing"."""

_LIBRARIES = {'osmesa': 'OSMesa', 'egl': 'EGL'}
_APT_PACKAGES = {'osmesa': 'libosmesa6', 'egl': 'libegl1 libgl1-mesa-dri'}


class RenderingError(RuntimeError):
    """No off-screen OpenGL; the message names the package to install."""


def create_gl_context() -> Any:
    """
    Open an off-screen OpenGL context and make it current.

    ``MUJOCO_GL`` (``osmesa`` or ``egl``) decides when it is set. Otherwise OSMesa is tried first:
    it needs no device node and renders a frame as fast as EGL on the CPU.

    :return: the context, with a ``make_current`` and a ``free`` method
    :raises RenderingError: if no backend works
    """
    wanted = os.environ.get('MUJOCO_GL', '').strip().lower()
    if wanted and wanted not in _LIBRARIES:
        raise RenderingError(
            f"MUJOCO_GL='{wanted}' does not render off-screen; unset it or use osmesa or egl"
        )
    causes = []
    for backend in (wanted,) if wanted else _LIBRARIES:
        try:
            return _open_gl_context(backend)
        except (ImportError, RuntimeError, AttributeError, OSError) as error:
            causes.append(
                f'{backend}: {error} (install it with: apt-get install {_APT_PACKAGES[backend]})'
            )
    raise RenderingError('no off-screen OpenGL for the simulator. ' + '; '.join(causes))


def _open_gl_context(backend: str) -> Any:
    # PyOpenGL binds to the first backend that it is imported for, even in vain: one without a
    # library must not be imported at all, or no other works in this process.
    library = _LIBRARIES[backend]
    if ctypes.util.find_library(library) is None:
        raise OSError(f'lib{library}.so is not installed')
    context = importlib.import_module(f'mujoco.{backend}').GLContext(1, 1)
    context.make_current()
    return context


class IdentityRenderer:
    """
    Renders which geom every pixel shows, and how far away it is.

    :param model: the compiled scene
    :param camera: the intrinsics of both eyes
    :raises RenderingError: if OpenGL cannot be used off-screen or the scene is too large
    """

    def __init__(self, model: mujoco.MjModel, camera: StereoCamera) -> None:
        self._camera = camera
        self._model = model
        self._gl = create_gl_context()
        self._scene = mujoco.MjvScene(model, maxgeom=_MAX_GEOMS)
        self._scene.flags[mujoco.mjtRndFlag.mjRND_SEGMENT] = True
        self._scene.flags[mujoco.mjtRndFlag.mjRND_IDCOLOR] = True
        self._scene.flags[mujoco.mjtRndFlag.mjRND_SKYBOX] = False
        self._options = mujoco.MjvOption()
        self._options.sitegroup[:] = 0
        self._options.geomgroup[:] = 1
        self._view = mujoco.MjvCamera()
        self._context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_50)
        self._context.readDepthMap = mujoco.mjtDepthMap.mjDEPTH_ZEROFAR
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._context)
        self._viewport = mujoco.MjrRect(0, 0, camera.width, camera.height)
        self._color = np.empty((camera.height, camera.width, 3), np.uint8)
        self._depth = np.empty((camera.height, camera.width), np.float32)
        # Also at the end of the process: PyOpenGL cannot free a context while Python shuts down.
        self._free = weakref.finalize(self, _free, self._gl, self._context)

    def update(self, data: mujoco.MjData) -> None:
        """Take over the poses of a state, which are rendered until the next call."""
        mujoco.mjv_updateScene(
            self._model,
            data,
            self._options,
            None,
            self._view,
            mujoco.mjtCatBit.mjCAT_ALL,
            self._scene,
        )

    def render(self, position: np.ndarray, rotation: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """
        Render one eye.

        :param position: (3,) m, optical center in the world
        :param rotation: (3, 3) optical frame to world
        :return: (H, W) uint8 geom id + 1, 0 where there is nothing, and (H, W) float32 depth
            along the optical axis in m
        """
        self._gl.make_current()
        self._place_camera(position, rotation)
        mujoco.mjr_render(self._viewport, self._scene, self._context)
        mujoco.mjr_readPixels(self._color, self._depth, self._viewport, self._context)
        identity = cv2.LUT(np.ascontiguousarray(self._color[::-1, :, 0]), self._geom_table())
        # With a reversed depth buffer d: z = near * far / (near + d * (far - near)).
        depth = self._depth[::-1] * np.float32(FAR_M - NEAR_M)
        depth += np.float32(NEAR_M)
        np.divide(np.float32(NEAR_M * FAR_M), depth, out=depth)
        return identity, depth

    @property
    def is_open(self) -> bool:
        """Tell whether the renderer can be used."""
        return self._free.alive

    def close(self) -> None:
        """Free the OpenGL context; the renderer cannot be used any more."""
        self._free()

    def _place_camera(self, position: np.ndarray, rotation: np.ndarray) -> None:
        camera = self._camera
        for view in self._scene.camera:
            view.pos = position
            view.forward = rotation[:, 2]
            view.up = -rotation[:, 1]
            view.frustum_near = NEAR_M
            view.frustum_far = FAR_M
            view.frustum_bottom = NEAR_M * (camera.cy + 0.5 - camera.height) / camera.fy
            view.frustum_top = NEAR_M * (camera.cy + 0.5) / camera.fy
            view.frustum_center = NEAR_M * (camera.width / 2 - camera.cx - 0.5) / camera.fx
            view.frustum_width = NEAR_M * camera.width / 2 / camera.fx

    def _geom_table(self) -> np.ndarray:
        """Return the table from segmentation color to geom id + 1."""
        table = np.zeros(256, np.uint8)
        for index in range(self._scene.ngeom):
            geom = self._scene.geoms[index]
            if geom.objtype == mujoco.mjtObj.mjOBJ_GEOM:
                table[geom.segid + 1] = geom.objid + 1
        return table


def _free(gl: Any, context: mujoco.MjrContext) -> None:
    gl.make_current()
    context.free()
    gl.free()
