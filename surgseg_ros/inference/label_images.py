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

"""From the class scores of a network to label images of the size of the camera's."""

import functools
import math

import cv2
import numpy as np
import torch
from torch import Tensor
import torch.nn.functional as F


def apply_threshold(logits: Tensor, threshold: float) -> Tensor:
    """
    Return logits whose arg max is the instrument where its probability exceeds a threshold.

    At a threshold t the logit x of 'instrument' becomes ``[0, x - log(t / (1 - t))]``, so that the
    threshold lies at the probability 0.5 of what is returned.

    :param logits: (N, C, h, w); C is 1 (logit of 'instrument'), 2, or more, which stay as they are
    :param threshold: in (0, 1)
    :return: (N, max(C, 2), h, w)
    """
    if logits.shape[1] > 2:
        return logits
    shift = math.log(threshold / (1 - threshold))
    if logits.shape[1] == 1:
        return torch.cat([torch.zeros_like(logits), logits - shift], dim=1)
    return logits if shift == 0 else torch.cat([logits[:, :1], logits[:, 1:] - shift], dim=1)


def label_images(logits: Tensor, size: tuple[int, int]) -> np.ndarray:
    """
    Return the class of every pixel.

    The logits are resized bilinearly before the arg max, which keeps outlines smooth.

    :param logits: (N, C, h, w)
    :param size: (height, width) of the images
    :return: (N, height, width) uint8 class ids
    """
    if logits.device.type == 'cpu':
        return np.stack([label_image_on_cpu(scores, size) for scores in logits.numpy()])
    return label_images_on_device(logits, size).cpu().numpy()


def label_images_on_device(logits: Tensor, size: tuple[int, int]) -> Tensor:
    """Return the same as :func:`label_images`, where the logits are."""
    if tuple(logits.shape[-2:]) != size:
        logits = F.interpolate(logits, size, mode='bilinear', align_corners=False)
    return logits.argmax(dim=1).to(torch.uint8)


def label_image_on_cpu(scores: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """
    Return the class of every pixel of one image, class by class with OpenCV.

    The arg max of torch takes 30 times as long on a CPU, because the classes lie far apart.

    :param scores: (C, h, w) float32
    :param size: (height, width)
    """
    labels = np.zeros(size, np.uint8)
    best = cv2.resize(scores[0], size[::-1], interpolation=cv2.INTER_LINEAR)
    for class_id in range(1, len(scores)):
        score = cv2.resize(scores[class_id], size[::-1], interpolation=cv2.INTER_LINEAR)
        labels[cv2.compare(score, best, cv2.CMP_GT) > 0] = class_id
        best = cv2.max(best, score)
    return labels


def confidence_bytes(logits: Tensor) -> Tensor:
    """
    Return the probability of the most probable class, times 255.

    :param logits: (N, C, h, w)
    :return: (N, h, w) uint8
    """
    probability = logits.softmax(dim=1).amax(dim=1).mul_(255).round_()
    return probability.to(torch.uint8)


def confidence_image_on_cpu(scores: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """
    Return the probability of the most probable class of one image, with OpenCV.

    The threads of torch would wait for work where the next network needs the cores.

    :param scores: (C, h, w) float32
    :param size: (height, width)
    :return: (height, width) uint8, probability times 255
    """
    best = functools.reduce(cv2.max, scores)
    total = np.zeros_like(best)
    for score in scores:
        cv2.add(total, cv2.exp(cv2.subtract(score, best)), dst=total)
    small = cv2.convertScaleAbs(cv2.divide(255.0, total))
    return cv2.resize(small, size[::-1], interpolation=cv2.INTER_LINEAR)
