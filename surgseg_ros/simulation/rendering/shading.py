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


"""
Deferred shading: linear radiance from the identity and depth of every pixel.

The geometry comes from MuJoCo; light, wet tissue and mirroring metal are computed here, which on
a CPU is both faster and closer to endoscope images than fixed-function OpenGL.
"""

import cv2
import numpy as np

from surgseg_ros.simulation.camera import StereoCamera
from surgseg_ros.simulation.noise import tileable_noise
from surgseg_ros.simulation.options import SceneOptions
from surgseg_ros.simulation.randomness import make_rng
from surgseg_ros.simulation.randomness import Stream
from surgseg_ros.simulation.rendering.lighting import Eye
from surgseg_ros.simulation.rendering.lighting import irradiance
from surgseg_ros.simulation.rendering.object_shading import ObjectShader
from surgseg_ros.simulation.world.backdrops import backdrop_detail
from surgseg_ros.simulation.world.scene import Scene
from surgseg_ros.simulation.world.scene import TISSUE_GEOM
from surgseg_ros.simulation.world.tissue import SURFACE_SIZE_M
from surgseg_ros.simulation.world.tissue import TEXTURE_SIZE

_DETAIL_SIZE = 512
_DETAIL_ZOOM = 2.7
_DETAIL_STEEPNESS = 1.6
_COARSE = 0.25
_BRIGHTEST_EDGE = 4.0


class Shader:
    """
    Computes what a scene looks like.

    :param scene: tissue, materials and poses
    :param camera: intrinsics of the eyes
    :param options: light and dirt
    """

    def __init__(self, scene: Scene, camera: StereoCamera, options: SceneOptions) -> None:
        rng = make_rng(options.seed, Stream.SURFACES)
        self._tissue = scene.tissue
        self._camera = camera
        self._options = options
        self._rays = camera.rays()
        self._tissue_value = scene.model.geom(TISSUE_GEOM).id + 1
        self._objects = ObjectShader(scene, camera, options, rng)
        self._detail = _tissue_detail(rng, options)
        self._stray = _stray_shadows(make_rng(options.seed, Stream.SHADOWS), options)

    def shade(self, identity: np.ndarray, depth: np.ndarray, eye: Eye) -> np.ndarray:
        """
        Return the light that reaches every pixel.

        :param identity: (H, W) uint8 geom id + 1, 0 where there is nothing
        :param depth: (H, W) float32 m
        :param eye: the point of view
        :return: (H, W, 3) float32 linear RGB, 1 is a well lit white surface
        """
        points: np.ndarray = cv2.transform(self._rays, eye.rotation.astype(np.float32))
        points *= cv2.merge((depth, depth, depth))
        points += eye.position.astype(np.float32)
        is_object = (identity != 0) & (identity != self._tissue_value)
        image = self._shade_tissue(points, eye, self._shadow(is_object, depth, eye))
        image[identity == 0] = 0
        index = np.flatnonzero(is_object)
        if len(index):
            image.reshape(-1, 3)[index] = self._objects.shade(index, identity, points, depth, eye)
        return _smooth_edges(image, identity)

    def _shade_tissue(self, points: np.ndarray, eye: Eye, shadow: np.ndarray) -> np.ndarray:
        slope_x, slope_y, albedo, gloss, tone = self._fetch_tissue(points)
        lit = self._light_field(points, eye)
        facing = lit[2] - slope_x * lit[0] - slope_y * lit[1]
        mirror = lit[5] - slope_x * lit[3] - slope_y * lit[4]
        normal = 1 / np.sqrt(slope_x * slope_x + slope_y * slope_y + 1)
        facing *= normal
        mirror *= normal
        light = lit[6]
        light *= shadow
        highlight = _highlights(mirror)
        highlight *= gloss
        highlight *= light

        # Light that enters tissue leaves it nearby and redder: shade turns soft and red.
        diffuse = np.maximum(facing * np.float32(0.85) + np.float32(0.15), 0)
        diffuse *= light
        diffuse += np.float32(self._options.ambient)
        red = diffuse
        if self._options.backdrop == 'tissue':
            red = np.sqrt(diffuse) * np.float32(0.25) + diffuse * np.float32(0.75)
            red *= tone
        diffuse *= tone
        albedo *= albedo
        albedo *= cv2.merge((red, diffuse, diffuse))
        albedo += cv2.merge((highlight, highlight, highlight))
        return albedo

    def _fetch_tissue(self, points: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return slopes along x and y, coded albedo (H, W, 3), gloss and tone of every pixel."""
        scale = TEXTURE_SIZE / SURFACE_SIZE_M
        column, row = (
            cv2.extractChannel(points, axis) * np.float32(scale)
            + np.float32(TEXTURE_SIZE / 2 - 0.5)
            for axis in (0, 1)
        )
        fetch = (column, row, cv2.INTER_LINEAR)
        border = cv2.BORDER_REFLECT
        surface = cv2.remap(self._tissue.surface, *fetch, borderMode=border)
        slopes = cv2.remap(self._tissue.slope, *fetch, borderMode=border)
        slope_x: np.ndarray = cv2.extractChannel(slopes, 0)
        slope_y: np.ndarray = cv2.extractChannel(slopes, 1)
        detail = cv2.remap(self._detail, _tiled(column), _tiled(row), cv2.INTER_LINEAR)
        steepness = np.float32(2 * _DETAIL_STEEPNESS / 255)
        for axis, slope in ((0, slope_x), (1, slope_y)):
            slope += cv2.extractChannel(detail, axis) * steepness
            slope -= np.float32(_DETAIL_STEEPNESS)
        tone = cv2.extractChannel(detail, 2) * np.float32(2 / 255)
        albedo = cv2.cvtColor(surface, cv2.COLOR_RGBA2RGB).astype(np.float32)
        albedo *= np.float32(1 / 255)
        gloss = cv2.extractChannel(surface, 3) * np.float32(1 / 255)
        return slope_x, slope_y, albedo, gloss, tone

    def _light_field(self, points: np.ndarray, eye: Eye) -> list[np.ndarray]:
        """
        Return what changes slowly over the image, computed on a coarse grid.

        :return: seven (H, W) float32 images: unit vectors to the light and halfway between light
            and eye, and the irradiance
        """
        height, width = points.shape[:2]
        size = (round(width * _COARSE), round(height * _COARSE))
        grid = np.asarray(cv2.resize(points, size, interpolation=cv2.INTER_NEAREST))
        to_light: np.ndarray = eye.light.astype(np.float32) - grid
        distance_2 = _squared(to_light)
        to_light /= np.sqrt(distance_2)
        to_eye = eye.position.astype(np.float32) - grid
        half: np.ndarray = to_light + to_eye / np.sqrt(_squared(to_eye))
        half /= np.sqrt(_squared(half))
        light = irradiance(distance_2[..., 0], self._options)
        planes = [*cv2.split(to_light), *cv2.split(half), light]
        return [cv2.resize(plane, (width, height)) for plane in planes]

    def _shadow(self, is_object: np.ndarray, depth: np.ndarray, eye: Eye) -> np.ndarray:
        """Return the share of light left beside objects: their outline moved off the light."""
        outline = is_object.view(np.uint8) * np.uint8(255)
        small = cv2.resize(outline, None, fx=_COARSE, fy=_COARSE, interpolation=cv2.INTER_AREA)
        near = small > 127
        if not near.any() or near.all():
            return self._stray.copy()
        distance = cv2.resize(depth, small.shape[::-1], interpolation=cv2.INTER_NEAREST)
        gap = 1 / distance[near].mean() - 1 / distance[~near].mean()
        light = eye.rotation.T @ (eye.light - eye.position)
        shift = -light[:2] * self._camera.fx * max(float(gap), 0.0) * _COARSE
        move = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float32)
        shadow = cv2.warpAffine(small, move, small.shape[::-1], borderMode=cv2.BORDER_REPLICATE)
        shadow = cv2.GaussianBlur(shadow, (0, 0), _penumbra_px(self._options))
        shadow = cv2.resize(shadow, depth.shape[::-1], interpolation=cv2.INTER_LINEAR)
        return self._stray - self._stray * shadow * np.float32(self._options.shadow / 255)


def _penumbra_px(options: SceneOptions) -> float:
    """Return the blur of shadows in pixels of the coarse grid."""
    return (1.5 + 0.006 * options.width) * max(2 * options.shadow_softness, 0.2)


def _stray_shadows(rng: np.random.Generator, options: SceneOptions) -> np.ndarray:
    """Return the (H, W) float32 share of light that things out of view leave."""
    size = np.array([round(options.width * _COARSE), round(options.height * _COARSE)])
    light = np.ones((size[1], size[0]), np.float32)
    for _ in range(options.stray_shadows):
        angle = rng.uniform(0, 2 * np.pi)
        along = np.array([np.cos(angle), np.sin(angle)])
        across = np.array([-along[1], along[0]]) * rng.uniform(0.02, 0.12) * size[0]
        end = (0.5 + rng.uniform(-0.3, 0.3, 2)) * size
        start = end + along * 1.5 * size[0]
        outline = [start - across, start + across, end + 0.5 * across, end - 0.5 * across]
        darkness = options.shadow * rng.uniform(0.4, 1.0)
        cv2.fillPoly(light, [np.round(outline).astype(np.int32)], (1 - darkness,))
    light = cv2.GaussianBlur(light, (0, 0), _penumbra_px(options))
    return cv2.resize(light, (options.width, options.height), interpolation=cv2.INTER_LINEAR)


def _smooth_edges(image: np.ndarray, identity: np.ndarray) -> np.ndarray:
    """Return the image with the staircase along outlines blurred away."""
    np.minimum(image, np.float32(_BRIGHTEST_EDGE), out=image)
    square = np.ones((3, 3), np.uint8)
    edges = cv2.morphologyEx(identity, cv2.MORPH_GRADIENT, square)
    cv2.copyTo(cv2.GaussianBlur(image, (3, 3), 0), edges, image)
    return image


def _tiled(position: np.ndarray) -> np.ndarray:
    """Return positions in the repeating detail texture for positions in the tissue texture."""
    tiles = position * np.float32(_DETAIL_ZOOM / _DETAIL_SIZE)
    tiles -= np.floor(tiles)
    tiles *= np.float32(_DETAIL_SIZE)
    return tiles


def _tissue_detail(rng: np.random.Generator, options: SceneOptions) -> np.ndarray:
    """
    Return the fine structure of tissue or what takes its place.

    :return: (N + 1, N + 1, 4) uint8 whose last row and column repeat the first: slopes along x
        and y, +-``_DETAIL_STEEPNESS`` around 127.5, brightness around 127.5, and nothing
    """
    noise = tileable_noise(rng, _DETAIL_SIZE, 32, 3)
    height = noise
    if options.backdrop != 'tissue':
        height, noise = backdrop_detail(options, make_rng(options.seed, Stream.BACKDROP, 1))
    padded = np.pad(height, 1, mode='wrap')
    steep = (0.1 + 0.3 * options.wetness) * 2 * options.texture * 127.5 / _DETAIL_STEEPNESS
    planes = [
        cv2.Sobel(padded, cv2.CV_32F, *axis, scale=steep)[1:-1, 1:-1] + 127.5
        for axis in ((1, 0), (0, 1))
    ]
    planes += [127.5 * (1 + 0.1 * noise), np.zeros_like(noise)]
    detail = np.clip(np.stack(planes, axis=-1), 0, 255).astype(np.uint8)
    return np.pad(detail, ((0, 1), (0, 1), (0, 0)), mode='wrap')


def _squared(vectors: np.ndarray) -> np.ndarray:
    """Return the squared length of (H, W, 3) vectors as (H, W, 1)."""
    return np.einsum('ijk,ijk->ij', vectors, vectors)[..., None]


def _highlights(mirror: np.ndarray) -> np.ndarray:
    """Return a broad sheen and a sharp wet highlight (powers 16 and 256) of a cosine."""
    power = np.maximum(mirror, 0)
    for _ in range(4):
        power *= power
    sheen = power * np.float32(0.03)
    for _ in range(4):
        power *= power
    power *= np.float32(3.0)
    power += sheen
    return power
