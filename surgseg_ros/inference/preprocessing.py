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

"""From camera images to the input of a network."""

import math

import cv2
import numpy as np

from surgseg_ros.inference.checkpoint_info import FIT
from surgseg_ros.inference.checkpoint_info import NATIVE_SIZE
from surgseg_ros.inference.checkpoint_info import STRETCH


def fit_network_size(
    image_size: tuple[int, int],
    input_size: tuple[int, int],
    stride: int,
    resize: str = FIT,
    scale: float = 1.0,
) -> tuple[int, int]:
    """
    Return the size at which a network sees an image.

    To fit, the image keeps its aspect ratio (to within one stride) and gets as many pixels as the
    network's input size has, so that a wide camera neither is squeezed nor costs more. Stretched,
    it gets the input size itself, for networks that have learned from squeezed images.

    :param image_size: (width, height) of the image
    :param input_size: (width, height) of the network, ``(0, 0)`` for the image's own
    :param stride: width and height of an image that fits are rounded to multiples of it
    :param resize: ``'fit'`` or ``'stretch'``
    :param scale: share of the width and height that the network would otherwise see
    :return: (width, height)
    """
    if scale != 1.0:
        size = fit_network_size(image_size, input_size, stride, resize)
        return _round_to_stride(size, scale, stride)
    if input_size in (NATIVE_SIZE, image_size):
        return image_size
    if resize == STRETCH:
        return input_size
    factor = math.sqrt((input_size[0] * input_size[1]) / (image_size[0] * image_size[1]))
    return _round_to_stride(image_size, factor, stride)


def _round_to_stride(size: tuple[int, int], factor: float, stride: int) -> tuple[int, int]:
    width, height = (max(round(side * factor / stride), 1) * stride for side in size)
    return width, height


def resize_image(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """
    Resize an image, by area averaging where it shrinks.

    :param image: (H, W, 3) uint8
    :param size: (width, height)
    """
    height, width = image.shape[:2]
    if (width, height) == size:
        return image
    shrinks = size[0] * size[1] < width * height
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def check_image(image: np.ndarray) -> None:
    """
    Refuse what is not an RGB image.

    :raises ValueError: unless the array is (H, W, 3) uint8 and not empty
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise ValueError(
            f'expected an RGB image, (height, width, 3) uint8, got {image.shape} {image.dtype}'
        )
