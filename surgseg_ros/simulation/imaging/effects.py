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


"""What camera and optics do to an image: smoke, vignetting, blur, tone, noise, border."""

import cv2
import numpy as np

from surgseg_ros.simulation.imaging.lens import Lens
from surgseg_ros.simulation.imaging.overlays import make_overlay
from surgseg_ros.simulation.imaging.recording import Recording
from surgseg_ros.simulation.noise import tileable_noise
from surgseg_ros.simulation.options import SceneOptions
from surgseg_ros.simulation.randomness import make_rng
from surgseg_ros.simulation.randomness import Stream

_REFERENCE_WIDTH_PX = 640
_METERED_MEAN = 0.22
_MAX_LIGHT = 1.6
_SMOKE_SIZE = 256
_SMOKE_SPEED = (14.0, 9.0)
_SMOKE_BRIGHTNESS = 0.5
_NOISE_BANK_MARGIN_PX = 64
_CHROMA_BLOTCH = 0.25

# Gains of red, green and blue at full strength.
_COLOR_CASTS = {
    'none': (1.0, 1.0, 1.0),
    'cold': (0.70, 0.98, 1.40),
    'violet': (1.10, 0.75, 1.40),
    'warm': (1.40, 0.98, 0.60),
    'green': (0.85, 1.25, 0.90),
}


class ImageEffects:
    """
    Turns linear radiance into the image of a camera.

    Nothing moves but the lines of interlaced images and the colors of misregistered ones, to both
    sides: labels stay exact.

    :param options: the effects and the image size
    :param eye: index of the eye; dirt and noise differ between the eyes
    """

    def __init__(self, options: SceneOptions, eye: int) -> None:
        shared = make_rng(options.seed, Stream.OPTICS)
        self._options = options
        self._scale = options.width / _REFERENCE_WIDTH_PX
        self._smoke_texture = tileable_noise(shared, _SMOKE_SIZE, 4, 5)
        self._motion_angle = shared.uniform(0, np.pi)
        self._gain = _vignette(options, shared)
        self._border = _border_mask(options, shared)
        self._color = _color_matrix(options, shared)
        self._curve = _tone_curve(options)
        self._noise = _noise_bank(options, make_rng(options.seed, Stream.NOISE, eye))
        self._lens = Lens(options, eye)
        self._recording = Recording(options, eye)
        self._overlay = make_overlay(options)
        self._visible = (
            self._border if self._overlay is None else self._border & ~self._overlay.hides
        )
        self._eye = eye
        self.gain = 1.0

    @property
    def visible(self) -> np.ndarray:
        """Return the (H, W) bool mask of pixels that neither border nor overlay hides."""
        return self._visible

    def metered_gain(self, radiance: np.ndarray) -> float:
        """Return the gain of a camera that exposes this (H, W, 3) linear image automatically."""
        shown = cv2.resize(radiance, None, fx=0.125, fy=0.125, interpolation=cv2.INTER_NEAREST)
        bright = np.minimum(shown.mean(axis=2), 1).mean()
        return float(_METERED_MEAN / max(bright, 0.01))

    def apply(self, radiance: np.ndarray, index: int, time: float) -> np.ndarray:
        """
        Return what the camera delivers.

        :param radiance: (H, W, 3) float32 linear RGB; changed in place
        :param index: frame number, decides the noise
        :param time: s, moves the smoke
        :return: (H, W, 3) uint8 RGB
        """
        image = radiance
        if self._options.smoke:
            self._add_smoke(image, time)
        image = np.asarray(cv2.transform(image, self._color * np.float32(self.gain)))
        image *= self._gain
        image = self._blur(self._lens.apply(image))
        np.clip(image, 0, _MAX_LIGHT, out=image)
        cv2.sqrt(image, image)
        image *= np.float32(255 / np.sqrt(_MAX_LIGHT))
        pixels = cv2.LUT(cv2.convertScaleAbs(image), self._curve)
        if self._options.noise or self._options.chroma_noise:
            self._add_noise(pixels, index)
        pixels = self._recording.process(pixels, index)
        pixels[~self._border] = 0
        if self._overlay is not None:
            self._overlay.draw_on(pixels)
        return self._recording.compress(pixels)

    def _add_smoke(self, image: np.ndarray, time: float) -> None:
        height, width = image.shape[:2]
        shift = np.mod(np.multiply(_SMOKE_SPEED, time), _SMOKE_SIZE)
        move = np.array([[1, 0, shift[0]], [0, 1, shift[1]]])
        texture = cv2.warpAffine(
            self._smoke_texture, move, (_SMOKE_SIZE, _SMOKE_SIZE), borderMode=cv2.BORDER_WRAP
        )
        density = cv2.resize(texture, (width, height), interpolation=cv2.INTER_LINEAR)
        density = np.clip(0.55 + 0.45 * density, 0, 1) * np.float32(0.75 * self._options.smoke)
        density = cv2.merge((density, density, density))
        image *= 1 - density
        image += density * np.float32(_SMOKE_BRIGHTNESS)

    def _blur(self, image: np.ndarray) -> np.ndarray:
        sigma = np.hypot(0.5, self._options.defocus * self._scale)
        image = cv2.GaussianBlur(image, (0, 0), sigma)
        length = self._options.motion_blur * self._scale
        if length < 1:
            return image
        return np.asarray(cv2.filter2D(image, -1, _line_kernel(length, self._motion_angle)))

    def _add_noise(self, pixels: np.ndarray, index: int) -> None:
        rng = make_rng(self._options.seed, Stream.NOISE_OF_FRAME, self._eye, index)
        row, column = rng.integers(0, _NOISE_BANK_MARGIN_PX, 2)
        height, width = pixels.shape[:2]
        noise = self._noise[row : row + height, column : column + width]
        cv2.add(pixels, noise, dst=pixels, dtype=cv2.CV_8U)


def _line_kernel(length: float, angle: float) -> np.ndarray:
    """Return a filter that smears over a length in px without moving the image."""
    size = int(np.ceil(length)) | 1
    kernel = np.zeros((size, size), np.float32)
    center = (size - 1) / 2
    reach = 0.5 * length * np.array([np.cos(angle), np.sin(angle)])
    start, end = (np.round((center + sign * reach) * 16).astype(int).tolist() for sign in (-1, 1))
    cv2.line(kernel, start, end, 1.0, 1, cv2.LINE_AA, 4)
    kernel += kernel[::-1, ::-1].copy()
    return kernel / kernel.sum()


def _vignette(options: SceneOptions, rng: np.random.Generator) -> np.ndarray:
    """Return (H, W, 3) float32 gains, 1 near the center of the light."""
    x = np.linspace(-1, 1, options.width, dtype=np.float32)[None, :] - rng.normal(0, 0.08)
    y = np.linspace(-0.8, 0.8, options.height, dtype=np.float32)[:, None] - rng.normal(0, 0.08)
    radius_2 = (x * x + y * y) / 1.64
    gain = (1 / (1 + 3.0 * options.vignetting * radius_2) ** 1.5).astype(np.float32)
    return cv2.merge((gain, gain, gain))


def _border_mask(options: SceneOptions, rng: np.random.Generator) -> np.ndarray:
    """Return the (H, W) bool mask of pixels that show the scene."""
    width, height = options.width, options.height
    mask = np.ones((height, width), np.uint8)
    thickness = rng.uniform(0.005, 0.03) * width
    shift = rng.uniform(-0.5, 1.0, 4)
    corner = rng.uniform(0.05, 0.25) * width
    radius = rng.uniform(0.5, 0.6) * width
    if options.black_border in ('circle', 'small circle'):
        if options.black_border == 'small circle':
            radius *= rng.uniform(0.6, 0.85)
        mask[:] = 0
        cv2.circle(mask, (width // 2, height // 2), int(radius), 1, -1)
    elif options.black_border == 'pillar':
        bars = np.full(2, rng.uniform(0.05, 0.2)) * rng.uniform(0.8, 1.2, 2)
        left, right = np.round(bars * width).astype(int)
        mask[:, :left] = 0
        mask[:, width - right :] = 0
    elif options.black_border != 'none':
        left, right, top, bottom = np.maximum(thickness * (1 + shift), 1).astype(int)
        mask[:] = 0
        mask[top : height - bottom, left : width - right] = 1
    if options.black_border == 'rounded':
        _round_corners(mask, int(corner))
    return mask.astype(bool)


def _round_corners(mask: np.ndarray, radius: int) -> None:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    y = np.arange(mask.shape[0])[:, None]
    x = np.arange(mask.shape[1])[None, :]
    inside_y = np.clip(y, rows[0] + radius, rows[-1] - radius)
    inside_x = np.clip(x, columns[0] + radius, columns[-1] - radius)
    mask[(y - inside_y) ** 2 + (x - inside_x) ** 2 > radius**2] = 0


def _color_matrix(options: SceneOptions, rng: np.random.Generator) -> np.ndarray:
    """Return the (3, 3) matrix of exposure, white balance, color cast and saturation."""
    cast = np.array(_COLOR_CASTS[options.color_cast]) ** rng.uniform(0.4, 1.0)
    luma = np.full((3, 3), 1.0) * np.array([0.30, 0.59, 0.11])
    saturate = luma + options.saturation * (np.eye(3) - luma)
    gains = np.diag(options.white_balance * cast) * options.exposure
    return (saturate @ gains).astype(np.float32)


def _tone_curve(options: SceneOptions) -> np.ndarray:
    """Return the (256,) uint8 table from coded light to display values, with a soft shoulder."""
    display = np.linspace(0, np.sqrt(_MAX_LIGHT), 256)
    shoulder = np.where(display < 0.75, display, 0.75 + 0.25 * np.tanh((display - 0.75) / 0.25))
    black = options.black_level
    shown = black + (1 - black) * shoulder**options.contrast
    return np.clip(255 * shown, 0, 255).round().astype(np.uint8)


def _noise_bank(options: SceneOptions, rng: np.random.Generator) -> np.ndarray:
    """Return more noise than an image needs; each frame shows another part of it."""
    margin = _NOISE_BANK_MARGIN_PX
    shape = (options.height + margin, options.width + margin, 3)
    noise = rng.standard_normal(shape, np.float32)
    noise += rng.standard_normal((*shape[:2], 1), np.float32)
    noise *= np.float32(options.noise / np.sqrt(2))
    if options.chroma_noise:
        noise += np.float32(options.chroma_noise) * _color_blotches(shape, rng)
    return np.round(noise).astype(np.int16)


def _color_blotches(shape: tuple[int, int, int], rng: np.random.Generator) -> np.ndarray:
    """Return (H, W, 3) float32 noise of color alone, coarser than the pixels."""
    height, width = (max(2, round(side * _CHROMA_BLOTCH)) for side in shape[:2])
    coarse = rng.standard_normal((height, width, 3), np.float32)
    coarse -= coarse.mean(axis=2, keepdims=True)
    return np.asarray(cv2.resize(coarse, shape[1::-1], interpolation=cv2.INTER_CUBIC))
