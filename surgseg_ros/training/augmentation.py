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
Random changes of training images, with ``torchvision.transforms.v2``.

A recipe names the *cut*, how an image of the network's size comes from its source, and the
*changes* with their settings; both are built from the tables here. Islam et al. 2019, section
III-B, flip in both directions and name blur, brightness and skew, which simulate fogging of the
lens, changing light and the angle of recording, as the additional ones for practice.
"""

# Makes torchvision importable beside any build of torch, so it comes first.
import surgseg_ros.models.torchvision_import  # noqa: F401

# isort: split
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
import torch.nn.functional as F
from torchvision import tv_tensors
from torchvision.transforms import v2

from surgseg_ros.data.label_sets import UNLABELED
from surgseg_ros.training import image_changes

FOG_COLOR = 215.0
FOG_GRID = (4, 5)


class Fog(v2.Transform):
    """
    Cover an image with uneven white, as a fogged lens or smoke does.

    :param strength: smallest and largest share of white where the fog is thickest
    """

    def __init__(self, strength: tuple[float, float]) -> None:
        super().__init__()
        self.strength = strength

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Draw the density of the fog on a coarse grid."""
        low, high = self.strength
        peak = low + (high - low) * torch.rand(())
        return {'density': peak * (0.4 + 0.6 * torch.rand(1, 1, *FOG_GRID))}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """Mix the image with white; labels stay."""
        if not isinstance(inpt, tv_tensors.Image):
            return inpt
        size = inpt.shape[-2:]
        density = F.interpolate(params['density'], size, mode='bicubic', align_corners=False)[0]
        density = density.clamp(0, 1)
        mixed = inpt.float() * (1 - density) + FOG_COLOR * density
        return tv_tensors.Image(mixed.round().clamp(0, 255).to(torch.uint8))


def _with_probability(transform: v2.Transform, p: float) -> v2.Transform:
    return v2.RandomApply([transform], p=p)


def _skew(p: float, distortion: float) -> v2.Transform:
    return v2.RandomPerspective(distortion, p=p, fill=_FILL)


def _changed(change: type[v2.Transform]) -> Callable[..., v2.Transform]:
    """Return a factory of a change that is applied with a probability."""

    def make(p: float, **settings: Any) -> v2.Transform:
        return _with_probability(change(**settings), p)

    return make


_FILL: dict[Any, Any] = {tv_tensors.Image: 0, tv_tensors.Mask: UNLABELED}
"""Around a turned image there is nothing to learn."""

CHANGES: Mapping[str, Callable[..., v2.Transform]] = {
    'flip_horizontal': lambda p: v2.RandomHorizontalFlip(p),
    'flip_vertical': lambda p: v2.RandomVerticalFlip(p),
    'affine': _changed(image_changes.Affine),
    'skew': _skew,
    'random_filter': _changed(image_changes.RandomFilter),
    'color': lambda p, brightness=0.0, contrast=0.0, saturation=0.0, hue=0.0: _with_probability(
        v2.ColorJitter(brightness, contrast, saturation, hue), p
    ),
    'hue': _changed(image_changes.Hue),
    'brightness': lambda p, amount: _with_probability(v2.ColorJitter(brightness=amount), p),
    'gamma': _changed(image_changes.Gamma),
    'channel_gain': _changed(image_changes.ChannelGain),
    'gray': lambda p: v2.RandomGrayscale(p),
    'blur': _changed(image_changes.Blur),
    'fog': lambda p, strength: _with_probability(Fog(tuple(strength)), p),
    'noise': _changed(image_changes.Noise),
    'sharpen': _changed(image_changes.Sharpen),
    'downscale': _changed(image_changes.Downscale),
    'jpeg': _changed(image_changes.Jpeg),
    'cover': _changed(image_changes.Cover),
}
"""
Changes by name, in the order in which they are applied; a lone number is a probability.

The order is that of the image's way: surfaces, light, lens, sensor, processor, transmission, and
what a console draws on top.
"""

CUTS: Mapping[str, Callable[..., v2.Transform]] = {
    'resized': lambda size, scale, ratio: v2.RandomResizedCrop(
        size, scale=tuple(scale), ratio=tuple(ratio), antialias=True
    ),
    'native': lambda size: v2.RandomCrop(size, pad_if_needed=True, fill=_FILL),
}
"""Cuts by name: a random part brought to the size, or a part of the size in source pixels."""


class Augmentation:
    """
    Cut and change an image and its label image.

    :param size: (height, width) of the result
    :param cut: at most one of :data:`CUTS` with its settings; without, the whole image is resized
    :param changes: some of :data:`CHANGES` with their settings
    :raises ValueError: if a setting does not exist or is missing

    >>> augment = Augmentation((256, 320), {}, {'flip_horizontal': 0.5})
    >>> image, labels = torch.zeros(3, 512, 640, dtype=torch.uint8), torch.zeros(512, 640)
    >>> augment(image, labels.to(torch.uint8))[0].shape
    torch.Size([3, 256, 320])
    """

    def __init__(
        self, size: tuple[int, int], cut: Mapping[str, Any], changes: Mapping[str, Any]
    ) -> None:
        if len(cut) > 1:
            raise ValueError(f'an image is cut in one way, not in {len(cut)}: {", ".join(cut)}')
        cuts = [
            _make(CUTS[name], name, settings, size=list(size)) for name, settings in cut.items()
        ]
        cuts = cuts or [v2.Resize(list(size), antialias=True)]
        made = [_make(CHANGES[name], name, changes[name]) for name in CHANGES if name in changes]
        self._transform = v2.Compose([*cuts, *made])

    def __call__(self, image: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """
        Return the changed pair.

        :param image: (3, H, W) uint8
        :param labels: (H, W) uint8, resampled by nearest neighbor
        """
        return self._transform(tv_tensors.Image(image), tv_tensors.Mask(labels))


def _make(
    factory: Callable[..., v2.Transform], name: str, settings: Any, **more: Any
) -> v2.Transform:
    """Build a transform from its settings; a lone number is a probability."""
    keywords = dict(settings) if isinstance(settings, Mapping) else {'p': settings}
    try:
        return factory(**keywords, **more)
    except TypeError as error:
        raise ValueError(f"augmentation '{name}': {error}") from error
