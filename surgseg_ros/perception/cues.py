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
Cues: coarse maps of where an instrument may be, from general knowledge alone.

D. Liu et al.: Unsupervised Surgical Instrument Segmentation via Anchor Generation and Semantic
Diffusion. MICCAI 2020, section 2.1; the prior of section 3.5. The third cue of the paper has a
module of its own, :mod:`surgseg_ros.training.label_free.objectness`.
"""

from collections.abc import Iterable

import cv2
import numpy as np

COLOR, OBJECTNESS, LOCATION = 'color', 'objectness', 'location'
GENERAL_CUES = (COLOR, OBJECTNESS, LOCATION)
"""Those of the paper, from general knowledge."""

PREDICTION, MIRRORED = 'prediction', 'mirrored'
OWN_CUES = (PREDICTION, MIRRORED)
"""What a trained network says of a frame and of its mirror image before it is adapted."""

CENTER_PRIOR_SIGMA = 0.25
"""Standard deviation of the center prior relative to the sides; the paper does not give one."""


def color_cue(image: np.ndarray, stretch: bool = True) -> np.ndarray:
    """
    Return how gray and unsaturated each pixel is: ``(1 - A / 255) * (1 - S / 255)``.

    A is the green-to-red channel of CIELAB, S the saturation of HSV, both in OpenCV's 8 bits.

    :param image: (H, W, 3) uint8 RGB
    :param stretch: stretch the map of the frame to the range from 0 to 1; the paper does not say
        whether it does, and without it the map hardly exceeds 0.5, the value of gray
    :return: (H, W) float32 in [0, 1]
    """
    redness = cv2.cvtColor(image, cv2.COLOR_RGB2LAB)[..., 1]
    saturation = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)[..., 1]
    cue = (1 - redness / np.float32(255)) * (1 - saturation / np.float32(255))
    return stretch_to_unit(cue) if stretch else cue


def location_cue(color_cues: Iterable[np.ndarray]) -> np.ndarray:
    """
    Return the mean of the color cues of a video: where instruments are often.

    :param color_cues: (H, W) float in [0, 1] each, at least one
    :return: (H, W) float32 in [0, 1]
    """
    return np.stack(list(color_cues)).mean(axis=0, dtype=np.float32)


def center_prior(size: tuple[int, int], sigma: float = CENTER_PRIOR_SIGMA) -> np.ndarray:
    """
    Return a Gaussian around the image's center, for images that are no video (section 3.5).

    :param size: (width, height) in pixels
    :param sigma: standard deviation, relative to width and height
    :return: (H, W) float32 in [0, 1]
    """
    across, down = (
        np.exp(-0.5 * (((np.arange(side) + 0.5) / side - 0.5) / sigma) ** 2) for side in size
    )
    return np.outer(down, across).astype(np.float32)


def stretch_to_unit(values: np.ndarray) -> np.ndarray:
    """Return values stretched to the range from 0 to 1, float32; all 0 if they are equal."""
    low, high = float(values.min()), float(values.max())
    if high <= low:
        return np.zeros(values.shape, np.float32)
    return ((values - low) / (high - low)).astype(np.float32)
