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


"""What a lens and the light do to linear radiance: bloom, fog, drops, separated colors."""

import cv2
import numpy as np

from surgseg_ros.data.image_files import size_of
from surgseg_ros.simulation.noise import fractal_noise
from surgseg_ros.simulation.noise import smoothstep
from surgseg_ros.simulation.options import EYES
from surgseg_ros.simulation.options import SceneOptions
from surgseg_ros.simulation.randomness import make_rng
from surgseg_ros.simulation.randomness import Stream

_REFERENCE_WIDTH_PX = 640
_COARSE = 0.25
_GLARE_FROM = 1.0
_BRIGHTEST_GLARE = 3.0
_FOG_BRIGHTNESS = 0.35


class Lens:
    """
    The lens of one eye. Nothing moves by more than the separation of the colors.

    :param options: bloom, fog, dirt and misregistration are used
    :param eye: index of the eye; fog and dirt are on the lens of one rendered eye only
    """

    def __init__(self, options: SceneOptions, eye: int) -> None:
        rng = make_rng(options.seed, Stream.LENS)
        self._options = options
        self._scale = options.width / _REFERENCE_WIDTH_PX
        dirty_eye = options.eyes[rng.integers(len(options.eyes))]
        fog_rng, dirt_rng, shift_rng = rng.spawn(3)
        angle = shift_rng.uniform(0, 2 * np.pi)
        self._shift = (
            options.misregistration * self._scale * np.array([np.cos(angle), np.sin(angle)])
        )
        self._fog: np.ndarray | None = None
        self._dirt: np.ndarray | None = None
        if EYES[eye] != dirty_eye:
            return
        if options.fog:
            self._fog = _fog_density(options, fog_rng)
        if options.lens_dirt:
            self._dirt = _dirt_mask(options, dirt_rng)
            self._dirt_tint = dirt_rng.uniform(0.3, 1.2) * dirt_rng.uniform((0.9, 0.6, 0.6), 1.0)

    def apply(self, image: np.ndarray) -> np.ndarray:
        """Return what an (H, W, 3) float32 linear image looks like through the lens."""
        if self._options.bloom:
            self._add_bloom(image)
        if self._fog is not None:
            image = self._add_fog(image, self._fog)
        if self._dirt is not None:
            image = self._add_dirt(image, self._dirt)
        if self._options.misregistration:
            image = self._separate_colors(image)
        return image

    def _add_bloom(self, image: np.ndarray) -> None:
        """Spread the light of what is too bright over its surroundings."""
        small = cv2.resize(image, None, fx=_COARSE, fy=_COARSE, interpolation=cv2.INTER_AREA)
        glare = np.clip(small - np.float32(_GLARE_FROM), 0, np.float32(_BRIGHTEST_GLARE))
        near = cv2.GaussianBlur(glare, (0, 0), 4 * self._scale * _COARSE + 0.3)
        far = cv2.GaussianBlur(glare, (0, 0), 24 * self._scale * _COARSE + 0.3)
        glare = np.asarray(near + 2 * far, np.float32) * np.float32(0.5 * self._options.bloom)
        image += np.asarray(cv2.resize(glare, size_of(image)), np.float32)

    def _blurred(self, image: np.ndarray, sigma_px: float) -> np.ndarray:
        """Return the image blurred by a radius in px at 640 px width."""
        small = cv2.resize(image, None, fx=_COARSE, fy=_COARSE, interpolation=cv2.INTER_AREA)
        small = cv2.GaussianBlur(small, (0, 0), sigma_px * self._scale * _COARSE + 0.3)
        return np.asarray(cv2.resize(small, size_of(image)))

    def _add_fog(self, image: np.ndarray, density: np.ndarray) -> np.ndarray:
        """Lay the scattered light of droplets over the image."""
        veil = self._blurred(image, 30)
        veil = np.float32(0.7) * veil + np.float32(0.3 * _FOG_BRIGHTNESS)
        return np.asarray(image + density * (veil - image))

    def _add_dirt(self, image: np.ndarray, mask: np.ndarray) -> np.ndarray:
        through = self._blurred(image, 9)
        through *= np.float32(self._dirt_tint)
        return np.asarray(image + mask * (through - image))

    def _separate_colors(self, image: np.ndarray) -> np.ndarray:
        """Move red and blue apart."""
        planes = list(cv2.split(image))
        for channel, sign in ((0, 0.5), (2, -0.5)):
            x, y = sign * self._shift
            move = np.array([[1, 0, x], [0, 1, y]])
            planes[channel] = cv2.warpAffine(
                planes[channel], move, size_of(image), borderMode=cv2.BORDER_REPLICATE
            )
        return cv2.merge(planes)


def _fog_density(options: SceneOptions, rng: np.random.Generator) -> np.ndarray:
    """Return (H, W, 3) float32 shares of fog, thicker on one side."""
    size = (options.width, options.height)
    center = rng.uniform(-1.0, 1.0, 2)
    axis = np.linspace(-1, 1, 64)
    radius = np.hypot(axis[None, :] - center[0], axis[:, None] - center[1])
    thick = np.clip(1.4 - radius * rng.uniform(0.3, 1.2), 0, 1)
    thick = thick * (0.7 + 0.3 * fractal_noise(rng, 64, 4, 3))
    density = cv2.resize(np.clip(options.fog * thick, 0, 0.95).astype(np.float32), size)
    return cv2.merge((density, density, density))


def _dirt_mask(options: SceneOptions, rng: np.random.Generator) -> np.ndarray:
    """Return (H, W, 3) float32 shares of drops and smears."""
    height, width = options.height, options.width
    mask = np.zeros((height, width), np.uint8)
    for _ in range(int(rng.integers(1, 3 + round(9 * options.lens_dirt)))):
        center = (int(rng.uniform(0, width)), int(rng.uniform(0, height)))
        size = width * rng.uniform(0.01, 0.09)
        # Drops are round, smears long.
        length = size * (1 if rng.random() < 0.6 else rng.uniform(2, 7))
        axes = (max(1, int(size)), max(1, int(length)))
        cv2.ellipse(
            mask, center, axes, rng.uniform(0, 180), 0, 360, int(rng.integers(90, 256)), -1
        )
    soft = cv2.GaussianBlur(mask, (0, 0), width * rng.uniform(0.004, 0.02)).astype(np.float32)
    ragged = fractal_noise(rng, 256, 8, 4)
    ragged = smoothstep(cv2.resize(ragged, (width, height)) + np.float32(0.7), 0.5)
    soft *= np.float32(options.lens_dirt / 255) * ragged
    return cv2.merge((soft, soft, soft))
