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
Random changes of the look of an image, with OpenCV: a millisecond or a few each at 640x512.

They make a network that learns from one kind of images, such as simulated ones, rely on what
other kinds have in common with it. All that is random is drawn with torch, whose state the data
set sets from the seed and the draw; noise comes from a generator that is seeded by such a number.
"""

# Makes torchvision importable beside any build of torch, so it comes first.
import surgseg_ros.models.torchvision_import  # noqa: F401

# isort: split
from abc import ABC
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
import math
import string
from typing import Any

import cv2
import numpy as np
import torch
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2.functional import get_size

from surgseg_ros.data.label_sets import UNLABELED

Range = tuple[float, float]

MIN_CONTRAST = 1e-3
"""Below this deviation, in gray levels, a filtered image shows nothing to be stretched."""

TEXT_CHARACTERS = string.ascii_uppercase + string.digits + ' :./%'


class PixelChange(v2.Transform, ABC):
    """A change of the image alone; labels pass through."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """Change an image, (3, H, W) uint8."""
        if not isinstance(inpt, tv_tensors.Image):
            return inpt
        return _to_image(self.change(_to_array(inpt), **params))

    @abstractmethod
    def change(self, image: np.ndarray, **params: Any) -> np.ndarray:
        """
        Return a changed copy.

        :param image: (H, W, 3) uint8 RGB, not to be written to
        :param params: as ``make_params`` has drawn them
        """


class Affine(v2.Transform):
    """
    Turn and shear image and labels about the center; around them there is nothing to learn.

    :param degrees: largest angle of the turn, in both directions, or the smallest and the largest
    :param shear: likewise of the shear along x
    """

    def __init__(self, degrees: float | Sequence[float], shear: float | Sequence[float]) -> None:
        super().__init__()
        self.degrees, self.shear = _both_ways(degrees), _both_ways(shear)

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Draw the matrix, (2, 3), from old to new pixel coordinates."""
        angle, shear = (math.radians(_draw(each)) for each in (self.degrees, self.shear))
        turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        linear = turn @ np.array([[1.0, math.tan(shear)], [0.0, 1.0]])
        height, width = get_size(flat_inputs[0])
        center = np.array([(width - 1) / 2, (height - 1) / 2])
        return {'matrix': np.column_stack([linear, center - linear @ center])}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """Warp an image bilinearly, labels by nearest neighbor."""
        height, width = inpt.shape[-2:]
        if isinstance(inpt, tv_tensors.Mask):
            turned = cv2.warpAffine(
                np.ascontiguousarray(inpt.numpy()),
                params['matrix'],
                (width, height),
                flags=cv2.INTER_NEAREST,
                borderMode=cv2.BORDER_CONSTANT,
                borderValue=UNLABELED,
            )
            return tv_tensors.Mask(torch.from_numpy(turned))
        return _to_image(cv2.warpAffine(_to_array(inpt), params['matrix'], (width, height)))


class Hue(PixelChange):
    """
    Turn the hues, as the ``hue`` of torchvision's color jitter does.

    :param hue: largest turn, in both directions, as a share of the color circle
    """

    def __init__(self, hue: float) -> None:
        super().__init__()
        self.hue = hue

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Draw the turn, of 256 steps around the circle."""
        return {'turn': round(256 * _draw((-self.hue, self.hue)))}

    def change(self, image: np.ndarray, turn: int) -> np.ndarray:  # type: ignore[override]
        """Turn the hues."""
        hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV_FULL)
        hue, saturation, value = cv2.split(hsv)
        hue = hue + np.uint8(turn % 256)
        return cv2.cvtColor(cv2.merge([hue, saturation, value]), cv2.COLOR_HSV2RGB_FULL)


class Gamma(PixelChange):
    """
    Raise the brightness to a random power: exposure and the curves of camera processors.

    A photometric distortion as in RandAugment's family; Hataya et al., Faster AutoAugment, 2020,
    and the nnU-Net of Isensee et al., Nature Methods 2021, supplementary note 4, train with it.

    :param exponent: smallest and largest power, drawn evenly on a logarithmic scale
    """

    def __init__(self, exponent: Range) -> None:
        super().__init__()
        self.exponent = exponent

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Draw the power."""
        return {'exponent': _draw_logarithmic(self.exponent)}

    def change(self, image: np.ndarray, exponent: float) -> np.ndarray:  # type: ignore[override]
        """Apply the power."""
        levels = np.arange(256) / 255
        return cv2.LUT(image, (255 * levels**exponent).round().astype(np.uint8))


class ChannelGain(PixelChange):
    """
    Multiply each channel by its own gain: color casts of light sources and white balance.

    Wu et al., Deep Image: Scaling up Image Recognition, 2015, section 3.3 ("color casting").

    :param amount: a gain lies between 1 / (1 + amount) and 1 + amount
    """

    def __init__(self, amount: float) -> None:
        super().__init__()
        self.range = 1 / (1 + amount), 1 + amount

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Draw the gains of red, green and blue."""
        return {'gains': [_draw_logarithmic(self.range) for _ in range(3)]}

    def change(self, image: np.ndarray, gains: list[float]) -> np.ndarray:  # type: ignore[override]
        """Apply the gains."""
        table = np.arange(256)[:, None] * np.array(gains)
        return cv2.LUT(image, table.round().clip(0, 255).astype(np.uint8)[None])


class RandomFilter(PixelChange):
    """
    Filter an image with a random convolution and mix the result with the image.

    RandConv of Xu, Liu, Yang, Raffel, Niethammer: Robust and Generalizable Visual Representation
    Learning via Random Convolutions, ICLR 2021, section 3: shapes survive, textures and colors do
    not. Weights are normal with variance 1 / (3 k^2), the share of the filtered image is uniform.
    Afterwards the image has its own mean and deviation again, per channel, as its range is 8 bits.

    :param sizes: odd widths k of the filters to choose from; the paper has 1, 3, 5 and 7
    :param share: smallest and largest share of the filtered image; the paper has 0 and 1
    """

    def __init__(self, sizes: Sequence[int], share: Range) -> None:
        super().__init__()
        self.sizes, self.share = tuple(sizes), share

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Draw the filter, (3, 3, k, k), and its share."""
        size = self.sizes[int(torch.randint(len(self.sizes), ()))]
        weights = torch.randn(3, 3, size, size) / math.sqrt(3 * size**2)
        return {'weights': weights.numpy(), 'share': _draw(self.share)}

    def change(  # type: ignore[override]
        self, image: np.ndarray, weights: np.ndarray, share: float
    ) -> np.ndarray:
        """Filter, stretch each channel to the contrast of the image, and mix."""
        mean, deviation = (each.ravel() for each in cv2.meanStdDev(image))
        filtered = _match(_convolve(image, weights), mean, deviation)
        mixed = cv2.addWeighted(filtered, share, image.astype(np.float32), 1 - share, 0)
        return cv2.convertScaleAbs(np.maximum(_match(mixed, mean, deviation), 0))


class Noise(PixelChange):
    """
    Add Gaussian noise, in half of the cases the same to all channels, as gray cameras have it.

    :param strength: smallest and largest deviation in gray levels, of 255
    """

    def __init__(self, strength: Range) -> None:
        super().__init__()
        self.strength = strength

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Draw the strength and the seed of the noise."""
        return {
            'strength': _draw(self.strength),
            'is_gray': bool(torch.rand(()) < 0.5),
            'seed': _draw_seed(),
        }

    def change(  # type: ignore[override]
        self, image: np.ndarray, strength: float, is_gray: bool, seed: int
    ) -> np.ndarray:
        """Add the noise."""
        noise = _noise((*image.shape[:2], 1 if is_gray else 3), strength, seed)
        if is_gray:
            noise = cv2.merge([noise] * 3)
        return cv2.add(image, noise, dtype=cv2.CV_8U)


class Blur(PixelChange):
    """
    Blur an image with a Gaussian, as ``GaussianBlur`` of torchvision does in more time.

    :param kernel_size: odd width of the filter, in px
    :param sigma: smallest and largest deviation, in px
    """

    def __init__(self, kernel_size: int, sigma: Range) -> None:
        super().__init__()
        self.kernel_size, self.sigma = kernel_size, sigma

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Draw the deviation."""
        return {'sigma': _draw(self.sigma)}

    def change(self, image: np.ndarray, sigma: float) -> np.ndarray:  # type: ignore[override]
        """Blur, mirrored at the border."""
        return cv2.GaussianBlur(image, (self.kernel_size, self.kernel_size), sigma)


class Sharpen(PixelChange):
    """
    Enhance edges by an unsharp mask, as the processors of endoscopes do.

    :param strength: smallest and largest share of the difference to the blurred image
    :param sigma: smallest and largest deviation of the blur, in px
    """

    def __init__(self, strength: Range, sigma: Range) -> None:
        super().__init__()
        self.strength, self.sigma = strength, sigma

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Draw strength and width."""
        return {'strength': _draw(self.strength), 'sigma': _draw(self.sigma)}

    def change(  # type: ignore[override]
        self, image: np.ndarray, strength: float, sigma: float
    ) -> np.ndarray:
        """Add the difference to the blurred image."""
        blurred = cv2.GaussianBlur(image, (0, 0), sigma)
        return cv2.addWeighted(image, 1 + strength, blurred, -strength, 0)


class Downscale(PixelChange):
    """
    Bring an image to a fraction of its size and back: cheap scopes, streams and enlarged parts.

    :param fraction: smallest and largest, of each side
    """

    def __init__(self, fraction: Range) -> None:
        super().__init__()
        self.fraction = fraction

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Draw the fraction, and how the image is enlarged again."""
        return {
            'fraction': _draw_logarithmic(self.fraction),
            'back': (cv2.INTER_LINEAR, cv2.INTER_CUBIC)[int(torch.randint(2, ()))],
        }

    def change(  # type: ignore[override]
        self, image: np.ndarray, fraction: float, back: int
    ) -> np.ndarray:
        """Shrink and enlarge."""
        height, width = image.shape[:2]
        small_size = max(round(fraction * width), 1), max(round(fraction * height), 1)
        small = cv2.resize(image, small_size, interpolation=cv2.INTER_AREA)
        return cv2.resize(small, (width, height), interpolation=back)


class Jpeg(PixelChange):
    """
    Compress an image and read it again.

    Not with the ``JPEG`` of torchvision, whose compiled operators are missing beside a CPU build
    of torch.

    :param quality: lowest and highest, 1 to 100
    """

    def __init__(self, quality: tuple[int, int]) -> None:
        super().__init__()
        self.quality = quality

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Draw the quality."""
        low, high = self.quality
        return {'quality': int(torch.randint(low, high + 1, ()))}

    def change(self, image: np.ndarray, quality: int) -> np.ndarray:  # type: ignore[override]
        """Compress; red and blue change places, with little effect on what compression does."""
        _, data = cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, quality])
        decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
        assert decoded is not None
        return decoded


@dataclass(frozen=True)
class _Patch:
    """
    A part of an image that something covers.

    :param left: first column
    :param top: first row
    :param right: behind the last column
    :param bottom: behind the last row
    :param seed: of noise, colors and text
    """

    kind: str
    left: int
    top: int
    right: int
    bottom: int
    seed: int


class Cover(v2.Transform):
    """
    Cover parts of image and labels with flat color, noise or bars of text; they are background.

    Random Erasing of Zhong et al., AAAI 2020, which also stands for the overlays of consoles.

    :param num: smallest and largest number of parts
    :param scale: smallest and largest side of a part, as a share of that of the image
    """

    KINDS = ('rectangle', 'ellipse', 'noise', 'text')

    def __init__(self, num: tuple[int, int], scale: Range) -> None:
        super().__init__()
        self.num, self.scale = num, scale

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Draw the parts."""
        height, width = get_size(flat_inputs[0])
        count = int(torch.randint(self.num[0], self.num[1] + 1, ()))
        return {'patches': [self._draw_patch(height, width) for _ in range(count)]}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """Cover the image with something and the labels with background."""
        if isinstance(inpt, tv_tensors.Mask):
            labels = inpt.numpy().copy()
            for patch in params['patches']:
                _fill(labels, patch, 0)
            return tv_tensors.Mask(torch.from_numpy(labels))
        image = _to_array(inpt).copy()
        for patch in params['patches']:
            _paint(image, patch)
        return _to_image(image)

    def _draw_patch(self, height: int, width: int) -> _Patch:
        kind = self.KINDS[int(torch.randint(len(self.KINDS), ()))]
        across = max(round(width * _draw_logarithmic(self.scale)), 2)
        down = max(round(height * _draw_logarithmic(self.scale)), 2)
        # Parts may reach over the border of the image, as erased ones that lie anywhere do.
        left = int(torch.randint(-across // 2, width - across // 2, ()))
        top = int(torch.randint(-down // 2, height - down // 2, ()))
        return _Patch(kind, left, top, left + across, top + down, _draw_seed())


def _paint(image: np.ndarray, patch: _Patch) -> None:
    rng = np.random.default_rng(patch.seed)
    color = [int(value) for value in rng.integers(0, 256, 3)]
    if rng.random() < 0.5:
        # Black, white and gray are the colors of most overlays.
        color = color[:1] * 3
    _fill(image, patch, color)
    if patch.kind == 'noise':
        part = image[max(patch.top, 0) : patch.bottom, max(patch.left, 0) : patch.right]
        part[:] = cv2.add(part, _noise(part.shape, rng.uniform(20, 90), patch.seed), dtype=0)
    elif patch.kind == 'text':
        text = ''.join(rng.choice(list(TEXT_CHARACTERS), 40))
        ink = [255 - value for value in color]
        scale = float(rng.uniform(0.4, 1.2))
        line_height = max(round(32 * scale), 1)
        part = image[max(patch.top, 0) : patch.bottom, max(patch.left, 0) : patch.right]
        for bottom in range(line_height, part.shape[0], line_height):
            cv2.putText(part, text, (2, bottom), cv2.FONT_HERSHEY_SIMPLEX, scale, ink)


def _fill(pixels: np.ndarray, patch: _Patch, value: int | list[int]) -> None:
    if patch.kind == 'ellipse':
        center = (patch.left + patch.right) // 2, (patch.top + patch.bottom) // 2
        axes = (patch.right - patch.left) // 2, (patch.bottom - patch.top) // 2
        cv2.ellipse(pixels, center, axes, 0, 0, 360, value, cv2.FILLED)
        return
    pixels[max(patch.top, 0) : patch.bottom, max(patch.left, 0) : patch.right] = value


def _convolve(image: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """
    Return the responses of filters, mirrored at the border.

    :param image: (H, W, 3) uint8
    :param weights: (3, 3, k, k): of each output, for each channel
    :return: (H, W, 3) float32
    """
    channels = cv2.split(image)
    outputs = []
    for filters in weights:
        parts = [
            cv2.filter2D(channel, cv2.CV_32F, kernel)
            for channel, kernel in zip(channels, filters, strict=True)
        ]
        outputs.append(cv2.add(cv2.add(parts[0], parts[1]), parts[2]))
    return cv2.merge(outputs)


def _match(image: np.ndarray, mean: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """Return an image, (H, W, 3) float32, with given means and deviations of its channels."""
    own_mean, own_deviation = (each.ravel() for each in cv2.meanStdDev(image))
    scale = deviation / np.maximum(own_deviation, MIN_CONTRAST)
    matrix = np.column_stack([np.diag(scale), mean - scale * own_mean])
    return cv2.transform(image, matrix)


def _noise(shape: tuple[int, ...], strength: float, seed: int) -> np.ndarray:
    """Return normal noise, int16, of a shape with channels."""
    noise = np.empty(shape, np.int16)
    # The generator of OpenCV, twice as fast as others, is one a thread: nobody else is disturbed.
    cv2.setRNGSeed(seed)
    cv2.randn(noise, np.zeros(shape[-1]), np.full(shape[-1], strength))
    return noise


def _to_array(image: tv_tensors.Image) -> np.ndarray:
    """Return (H, W, 3) uint8 in the order of OpenCV, copied only if it lies otherwise."""
    return np.ascontiguousarray(image.permute(1, 2, 0).numpy())


def _to_image(array: np.ndarray) -> tv_tensors.Image:
    return tv_tensors.Image(torch.from_numpy(array).permute(2, 0, 1))


def _both_ways(value: float | Sequence[float]) -> Range:
    return (-value, value) if isinstance(value, int | float) else (value[0], value[1])


def _draw(limits: Range) -> float:
    low, high = limits
    return low + (high - low) * float(torch.rand(()))


def _draw_logarithmic(limits: Range) -> float:
    low, high = limits
    return math.exp(_draw((math.log(low), math.log(high))))


def _draw_seed() -> int:
    return int(torch.randint(2**31 - 1, ()))
