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


"""Shading of instruments and distractors, for the pixels that show one."""

import cv2
import mujoco
import numpy as np

from surgseg_ros.simulation.camera import StereoCamera
from surgseg_ros.simulation.noise import fractal_noise
from surgseg_ros.simulation.options import SceneOptions
from surgseg_ros.simulation.rendering.lighting import Eye
from surgseg_ros.simulation.rendering.lighting import irradiance
from surgseg_ros.simulation.world.scene import Scene

# Comparing an array with the enumeration itself goes through Python for every element.
_CYLINDER = int(mujoco.mjtGeom.mjGEOM_CYLINDER)
_CAPSULE = int(mujoco.mjtGeom.mjGEOM_CAPSULE)
_ELLIPSOID = int(mujoco.mjtGeom.mjGEOM_ELLIPSOID)
_BOX = int(mujoco.mjtGeom.mjGEOM_BOX)
_MESH = int(mujoco.mjtGeom.mjGEOM_MESH)

_NOISE_SIZE = 512
_NOISE_PX_PER_M = 20000.0
_NOISE_OFFSET_M = 0.0017
_SHAFT_RADIUS_M = 0.004
_CAP_TOLERANCE_M = 2e-5
_DEPTH_EDGE = 0.02
_BUMP = 0.25
_FACET_TILT = 0.5
_NUM_PLATES = 200
_PLATE_PX = (8.0, 90.0)
_INK = 0.6
_LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'
_ENVIRONMENT_SIZE = 192
_BLOOD = np.array([[0.14], [0.004], [0.005]], np.float32)


class ObjectShader:
    """
    Shades metal, carbon fiber, plastic, thread and cotton.

    Vectors are kept as (3, n) arrays: one row a coordinate, one column a pixel.

    :param scene: shapes, materials and poses
    :param camera: intrinsics of the eyes
    :param options: light, dirt and contrast of the metal
    :param rng: draws noise and mirrored surroundings
    """

    def __init__(
        self,
        scene: Scene,
        camera: StereoCamera,
        options: SceneOptions,
        rng: np.random.Generator,
    ) -> None:
        self._data = scene.data
        self._camera = camera
        self._options = options
        self._kind = scene.model.geom_type.copy()
        self._size = np.ascontiguousarray(scene.model.geom_size.T, np.float32)
        self._material = _material_table(scene)
        self._noise = _surface_noise(rng)
        self._environment = _environment(rng, scene.tissue.surface, options)

    def shade(
        self,
        index: np.ndarray,
        identity: np.ndarray,
        points: np.ndarray,
        depth: np.ndarray,
        eye: Eye,
    ) -> np.ndarray:
        """
        Return the radiance of the pixels that show objects.

        :param index: (n,) flat positions of these pixels
        :param identity: (H, W) uint8 geom id + 1
        :param points: (H, W, 3) float32 m, in the world
        :param depth: (H, W) float32 m
        :param eye: the point of view
        :return: (n, 3) float32 linear RGB
        """
        geom = identity.reshape(-1)[index].astype(np.intp) - 1
        position = np.ascontiguousarray(points.reshape(-1, 3)[index].T)
        material = {name: column[..., geom] for name, column in self._material.items()}
        local, normal = self._surface(index, geom, position, depth, eye)
        fiber, grain_x, grain_y, stain, plate, plate_x, plate_y, text = self._fetch_noise(
            geom, local
        )
        turn = eye.rotation.astype(np.float32)
        bump = material['bump'] * np.float32(_BUMP)
        facets = material['facets']
        tilt = facets * np.float32(_FACET_TILT)
        normal += (grain_x * bump + plate_x * tilt) * turn[:, :1]
        normal += (grain_y * bump + plate_y * tilt) * turn[:, 1:2]
        normal /= np.sqrt(_dot(normal, normal))

        to_light = eye.light.astype(np.float32)[:, None] - position
        distance_2 = _dot(to_light, to_light)
        to_light /= np.sqrt(distance_2)
        to_eye = eye.position.astype(np.float32)[:, None] - position
        to_eye /= np.sqrt(_dot(to_eye, to_eye))
        half = to_light + to_eye
        half /= np.sqrt(_dot(half, half))
        light = irradiance(distance_2, self._options)
        facing = np.maximum(_dot(normal, to_light), 0)
        mirror = np.clip(_dot(normal, half), 0, 1)

        blood = self._blood(stain)
        bare = 1 - facets * (1 - plate)
        metal = material['metal'] * (1 - np.float32(0.7) * blood) * bare
        color = material['color'] * (1 + material['fiber'] * (2 * fiber - 1)) * bare
        imprint = text * np.abs(material['imprint'])
        color += imprint * (np.float32(_INK) * (material['imprint'] > 0) - color)
        color += blood * (_BLOOD - color)
        image = color * (
            (facing * light + np.float32(self._options.ambient)) * (1 - np.float32(0.6) * metal)
        )
        reflected = self._reflections(2 * _dot(normal, to_eye) * normal - to_eye, turn)
        image += (metal * np.minimum(light, 2)) * reflected
        exponent = np.exp2(2 + 6 * material['gloss'])
        image += material['highlight'] * bare * np.power(mirror, exponent) * light
        return np.maximum(image, 0).T

    def _blood(self, stain: np.ndarray) -> np.ndarray:
        """Return the (n,) share of blood on a surface."""
        amount = self._options.tool_blood
        if amount == 0:
            return np.zeros_like(stain)
        covered = np.clip((stain - np.float32(0.95 - 0.5 * amount)) / np.float32(0.15), 0, 1)
        return covered * np.float32(0.9)

    def _surface(
        self,
        index: np.ndarray,
        geom: np.ndarray,
        position: np.ndarray,
        depth: np.ndarray,
        eye: Eye,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return positions in the geoms' frames in m, and unit normals in the world."""
        rotations = self._data.geom_xmat.astype(np.float32).reshape(-1, 3, 3)
        turn = np.ascontiguousarray(rotations.transpose(1, 2, 0))[..., geom]
        offset = position - self._data.geom_xpos.T.astype(np.float32)[:, geom]
        local = np.einsum('jin,jn->in', turn, offset)
        outward = self._outward(self._kind[geom], self._size[:, geom], local)
        normal = np.einsum('ijn,jn->in', turn, outward)
        mesh = self._kind[geom] == _MESH
        normal[:, mesh] = eye.rotation.astype(np.float32) @ self._depth_normals(index[mesh], depth)
        normal /= np.sqrt(_dot(normal, normal) + np.float32(1e-20))
        return local, normal

    @staticmethod
    def _outward(kind: np.ndarray, size: np.ndarray, local: np.ndarray) -> np.ndarray:
        """Return the direction away from primitives, in their frames; of any length."""
        outward = local.copy()
        cylinder = kind == _CYLINDER
        cap = cylinder & (np.abs(local[2]) > size[1] - np.float32(_CAP_TOLERANCE_M))
        outward[2, cylinder] = 0
        outward[:2, cap] = 0
        outward[2, cap] = local[2, cap]
        capsule = kind == _CAPSULE
        outward[2, capsule] -= np.clip(local[2, capsule], -size[1, capsule], size[1, capsule])
        ellipsoid = kind == _ELLIPSOID
        outward[:, ellipsoid] /= size[:, ellipsoid] ** 2
        box = kind == _BOX
        ratio = np.abs(local[:, box]) / size[:, box]
        outward[:, box] = np.sign(local[:, box]) * (ratio == ratio.max(axis=0, initial=0))
        return outward

    def _depth_normals(self, index: np.ndarray, depth: np.ndarray) -> np.ndarray:
        """
        Return (3, n) normals in the optical frame from the depth around pixels.

        On a plane 1 / z is linear in the pixel position, so that its gradient gives the normal
        exactly. Of both neighbors the nearer in depth is taken: the other may be behind the edge.
        """
        height, width = depth.shape
        row, column = np.divmod(index, width)
        inverse = 1 / depth
        here = inverse.reshape(-1)[index]
        slopes = []
        for step_row, step_column in ((0, 1), (1, 0)):
            after = inverse[
                np.minimum(row + step_row, height - 1), np.minimum(column + step_column, width - 1)
            ]
            before = inverse[np.maximum(row - step_row, 0), np.maximum(column - step_column, 0)]
            forward, backward = after - here, here - before
            smooth = np.abs(forward - backward) < np.float32(_DEPTH_EDGE) * here
            one_sided = np.where(np.abs(forward) < np.abs(backward), forward, backward)
            slopes.append(np.where(smooth, (forward + backward) / 2, one_sided))
        camera = self._camera
        return np.stack(
            (
                -slopes[0] * camera.fx,
                -slopes[1] * camera.fy,
                (column - camera.cx) * slopes[0] + (row - camera.cy) * slopes[1] - here,
            )
        ).astype(np.float32)

    def _fetch_noise(self, geom: np.ndarray, local: np.ndarray) -> np.ndarray:
        """Return the (8, n) planes of :func:`_surface_noise` at positions on the surfaces."""
        around = np.where(
            self._kind[geom] == _CYLINDER,
            np.arctan2(local[1], local[0]) * np.float32(_SHAFT_RADIUS_M),
            local[0] + local[1],
        )
        along = local[2] + geom * np.float32(_NOISE_OFFSET_M)
        mask = _NOISE_SIZE - 1
        column = (around * np.float32(_NOISE_PX_PER_M)).astype(np.int32) & mask
        row = (along * np.float32(_NOISE_PX_PER_M)).astype(np.int32) & mask
        return np.ascontiguousarray(self._noise[row, column].T)

    def _reflections(self, mirrored: np.ndarray, turn: np.ndarray) -> np.ndarray:
        """Return the (3, n) radiance that arrives from directions in the world."""
        x, y, z = turn.T @ mirrored
        last = _ENVIRONMENT_SIZE - 1
        column = np.clip((x + 1) * np.float32(last / 2), 0, last).astype(np.intp)
        row = np.clip((y + 1) * np.float32(last / 2), 0, last).astype(np.intp)
        return self._environment[:, (z > 0).astype(np.intp), row, column]


def _material_table(scene: Scene) -> dict[str, np.ndarray]:
    """Return the materials by geom id: (3, ngeom) color, (ngeom,) all else."""
    count = scene.model.ngeom
    table = {
        name: np.zeros(count, np.float32)
        for name in ('metal', 'highlight', 'gloss', 'fiber', 'bump', 'facets', 'imprint')
    }
    table['color'] = np.zeros((3, count), np.float32)
    for label in scene.labels:
        geom = scene.model.geom(label.name).id
        for name, column in table.items():
            column[..., geom] = getattr(label.material, name)
    return table


def _surface_noise(rng: np.random.Generator) -> np.ndarray:
    """
    Return what varies on surfaces, rows along the axis of a geom.

    :return: (N, N, 8) float32: fibers, two grains, stains, brightness and tilts of plates, and
        print; grains and tilts -1..1, the others 0..1
    """
    size = _NOISE_SIZE
    streaks, flecks = (
        cv2.resize(
            rng.random((size // length, size // 2)).astype(np.float32),
            (size, size),
            interpolation=cv2.INTER_CUBIC,
        )
        for length in (64, 16)
    )
    grain = [fractal_noise(rng, size, 32, 3) for _ in range(2)]
    stain = 0.5 + 0.5 * fractal_noise(rng, size, 5, 5)
    fiber = 0.5 * streaks + 0.5 * flecks
    return np.stack((fiber, *grain, stain, *_plates(rng), _print(rng)), axis=-1)


def _plates(rng: np.random.Generator) -> list[np.ndarray]:
    """Return brightness 0..1 and two tilts -1..1 of overlapping plates with dark gaps."""
    size = _NOISE_SIZE
    tone = np.full((size, size), 0.8, np.float32)
    tilts = [np.zeros((size, size), np.float32) for _ in range(2)]
    for _ in range(_NUM_PLATES):
        outline = _plate_outline(rng, size)
        bright = rng.choice((rng.uniform(0.0, 0.25), rng.uniform(0.5, 1.0)))
        cv2.fillPoly(tone, [outline], (float(bright),))
        cv2.polylines(tone, [outline], True, (0.1,), 2)
        for tilt in tilts:
            cv2.fillPoly(tilt, [outline], (float(rng.uniform(-1, 1)),))
    return [tone, *tilts]


def _plate_outline(rng: np.random.Generator, size: int) -> np.ndarray:
    """Return the (N, 2) int32 corners of a rectangle, or of a round screw."""
    center = rng.uniform(0, size, 2)
    extent = rng.uniform(*_PLATE_PX, 2)
    if rng.random() < 0.2:
        angle = np.arange(12) * (np.pi / 6)
        corners = 0.5 * extent.min() * np.column_stack((np.cos(angle), np.sin(angle)))
    else:
        turn = float(rng.choice((0.0, 0.5 * np.pi, rng.uniform(0, np.pi))))
        corners = 0.5 * extent * [(-1, -1), (1, -1), (1, 1), (-1, 1)]
        corners = corners @ [[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]]
    return np.round(center + corners).astype(np.int32)


def _print(rng: np.random.Generator) -> np.ndarray:
    """Return lines of text, 1 where there is ink."""
    size = _NOISE_SIZE
    ink = np.zeros((size, size), np.uint8)
    for row in (size // 4, 3 * size // 4):
        word = ''.join(rng.choice(list(_LETTERS), int(rng.integers(3, 9))))
        start = (int(rng.integers(0, size // 3)), row)
        font = cv2.FONT_HERSHEY_SIMPLEX
        cv2.putText(ink, word, start, font, rng.uniform(1.0, 2.5), 255, 4, cv2.LINE_AA)
    return ink.T.astype(np.float32) / 255


def _environment(
    rng: np.random.Generator, surface: np.ndarray, options: SceneOptions
) -> np.ndarray:
    """
    Return what metal mirrors.

    :return: (3, 2, N, N) float32 RGB: the side of the endoscope with its lamps, and the far side,
        by x and y of the direction in the optical frame
    """
    size = _ENVIRONMENT_SIZE
    axis = np.linspace(-1, 1, size)
    mean = (surface[::16, ::16, :3].astype(np.float32).mean(axis=(0, 1)) / 255) ** 2
    sides = []
    for tissue_share in (0.5, 1.0):
        patches = np.clip(0.5 + 1.3 * fractal_noise(rng, size, 5, 2), 0, 1.2)
        patches **= 1 + 2.5 * options.metal_contrast
        tint = tissue_share * mean + (1 - tissue_share) * mean.mean()
        sides.append(1.5 * tint[:, None, None] * patches)
    for _ in range(int(rng.integers(2, 5))):
        x, y = rng.normal(0, 0.35, 2)
        width = rng.uniform(0.02, 0.12)
        lamp = np.exp(-((axis[None, :] - x) ** 2 + (axis[:, None] - y) ** 2) / width)
        sides[0] += rng.uniform(0.5, 1.6) * lamp
    return np.stack(sides, axis=1).astype(np.float32)


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
