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


"""What cameras and recorders do to pixels: sharpening, near infrared look, fields, codecs."""

import cv2
import numpy as np

from surgseg_ros.simulation.options import SceneOptions
from surgseg_ros.simulation.randomness import make_rng
from surgseg_ros.simulation.randomness import Stream

_REFERENCE_WIDTH_PX = 640
_GRAIN_BANK = 64
_INFRARED_MIX = (0.7, 0.2, 0.1)


class Recording:
    """
    The way of an image through a camera's processor and a recorder.

    :param options: sharpening, near infrared look, interlacing and compression are used
    :param eye: index of the eye; grain differs between the eyes
    """

    def __init__(self, options: SceneOptions, eye: int) -> None:
        rng = make_rng(options.seed, Stream.RECORDING)
        self._options = options
        self._eye = eye
        self._scale = options.width / _REFERENCE_WIDTH_PX
        self._halo_px = max(0.6, rng.uniform(0.7, 2.0) * self._scale)
        self._direction = int(rng.choice((-1, 1)))
        self._curve = _infrared_curve(options, rng)
        if options.near_infrared:
            side = (options.height + _GRAIN_BANK, options.width + _GRAIN_BANK)
            grain = make_rng(options.seed, Stream.RECORDING, eye).standard_normal(side, np.float32)
            self._grain = cv2.GaussianBlur(grain, (0, 0), 0.45) * np.float32(1.3)

    def process(self, pixels: np.ndarray, index: int) -> np.ndarray:
        """
        Return what the camera's processor makes of an (H, W, 3) uint8 image.

        :param pixels: RGB
        :param index: frame number, decides the grain
        """
        options = self._options
        if options.sharpening:
            pixels = self._sharpen(pixels)
        if options.near_infrared:
            pixels = self._look_infrared(pixels, index)
        if options.grayscale:
            pixels = cv2.merge([cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)] * 3)
        if options.interlacing:
            pixels = self._interlace(pixels)
        return pixels

    def compress(self, pixels: np.ndarray) -> np.ndarray:
        """Return an (H, W, 3) uint8 RGB image as it comes back from a recorder or a network."""
        loss = self._options.video_compression
        if loss:
            pixels = _stream(pixels, loss)
        quality = int(self._options.jpeg_quality)
        return _jpeg(pixels, quality) if quality else pixels

    def _sharpen(self, pixels: np.ndarray) -> np.ndarray:
        soft = cv2.GaussianBlur(pixels, (0, 0), self._halo_px)
        amount = 2.0 * self._options.sharpening
        return np.asarray(cv2.addWeighted(pixels, 1 + amount, soft, -amount, 0))

    def _look_infrared(self, pixels: np.ndarray, index: int) -> np.ndarray:
        """Return gray pixels with hard contrast and the grain of strong light."""
        gray = cv2.transform(pixels, np.array([_INFRARED_MIX], np.float32))
        gray = np.asarray(cv2.LUT(gray, self._curve), np.float32)
        rng = make_rng(self._options.seed, Stream.RECORDING, self._eye, index + 1)
        row, column = rng.integers(0, _GRAIN_BANK, 2)
        height, width = gray.shape[:2]
        grain = self._grain[row : row + height, column : column + width]
        strength = np.float32(6) + gray * gray * np.float32(0.16 / 255)
        grainy = gray + np.float32(self._options.near_infrared) * strength * grain
        hard = cv2.convertScaleAbs(np.maximum(grainy, 0))
        return cv2.merge((hard, hard, hard))

    def _interlace(self, pixels: np.ndarray) -> np.ndarray:
        """Move even and odd lines apart, as the two fields of a moving scene are."""
        shift = round(self._options.interlacing * self._scale / 2) * self._direction
        if shift == 0:
            return pixels
        shifted = pixels.copy()
        for first, move in ((0, shift), (1, -shift)):
            lines = pixels[first::2]
            padded = np.pad(lines, ((0, 0), (abs(move), abs(move)), (0, 0)), mode='edge')
            start = abs(move) - move
            shifted[first::2] = padded[:, start : start + lines.shape[1]]
        return shifted


def _infrared_curve(options: SceneOptions, rng: np.random.Generator) -> np.ndarray:
    """Return the (256,) uint8 table that makes tissue bright and shadows black."""
    share = options.near_infrared
    level = np.linspace(0, 1, 256)
    lifted = np.tanh(rng.uniform(0.9, 1.7) * np.clip(level - rng.uniform(0.03, 0.15), 0, 1))
    return np.clip(255 * (level + share * (lifted - level)), 0, 255).round().astype(np.uint8)


def _stream(pixels: np.ndarray, loss: float) -> np.ndarray:
    """Return an image after a stream of fewer pixels, coarse color and hard quantization."""
    height, width = pixels.shape[:2]
    scale = 1 - 0.55 * loss
    size = (max(16, round(width * scale)), max(16, round(height * scale)))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    small = _jpeg(small, round(70 - 48 * loss))
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC))


def _jpeg(pixels: np.ndarray, quality: int) -> np.ndarray:
    """Return an RGB image after JPEG, which halves the resolution of its color."""
    bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode('.jpg', bgr, (cv2.IMWRITE_JPEG_QUALITY, quality))
    decoded = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))
    return cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB)
