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
"""Samples as tensors: for training with random changes, for validation as the network runs."""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset
from tqdm import tqdm

from surgseg_ros.data.samples import Sample
from surgseg_ros.inference.preprocessing import resize_image
from surgseg_ros.training.augmentation import Augmentation
from surgseg_ros.training.sample_order import Draw

MAX_MEAN_IMAGES = 200


class TrainingImages(Dataset[tuple[Tensor, Tensor]]):
    """
    Training images with random changes that depend on nothing but the seed and the draw.

    :param samples: with labels of the task
    :param task: label set
    :param augmentation: makes images of the network's size
    :param seed: of the random changes
    """

    def __init__(
        self, samples: Sequence[Sample], task: str, augmentation: Augmentation, seed: int
    ) -> None:
        self._samples = samples
        self._task = task
        self._augmentation = augmentation
        self._seed = seed

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self._samples)

    def __getitem__(self, draw: Draw) -> tuple[Tensor, Tensor]:
        """
        Return an image, (3, h, w) uint8 RGB, and its labels, (h, w) uint8.

        :param draw: index of the sample and number of the draw
        :raises DatasetError: if a file is unreadable
        """
        index, number = draw
        sample = self._samples[index]
        image = torch.from_numpy(sample.read_image()).permute(2, 0, 1)
        labels = torch.from_numpy(np.ascontiguousarray(sample.read_labels(self._task)))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self._seed * 1_000_003 + number)
            return self._augmentation(image, labels)


class ValidationImage(NamedTuple):
    """
    One image as the network sees it, with its true labels.

    :param image: (3, h, w) uint8 RGB at the network's size
    :param labels: (H, W) uint8 at their own size
    """

    image: Tensor
    labels: Tensor


class ValidationImages(Dataset[ValidationImage]):
    """
    Images resized as they are at inference, labels untouched.

    :param samples: with labels of the task
    :param task: label set
    :param size: (width, height) that the network sees
    """

    def __init__(self, samples: Sequence[Sample], task: str, size: tuple[int, int]) -> None:
        self._samples = samples
        self._task = task
        self._size = size

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self._samples)

    def __getitem__(self, index: int) -> ValidationImage:
        """Return an image and its labels."""
        sample = self._samples[index]
        image = np.ascontiguousarray(resize_image(sample.read_image(), self._size))
        labels = np.ascontiguousarray(sample.read_labels(self._task))
        return ValidationImage(torch.from_numpy(image).permute(2, 0, 1), torch.from_numpy(labels))


def normalize(
    images: Tensor, mean: Sequence[float], std: Sequence[float], device: torch.device
) -> Tensor:
    """
    Return images as the input of a network.

    :param images: (N, 3, H, W) uint8 RGB
    :param mean: RGB in [0, 1] that is subtracted
    :param std: RGB that the difference is divided by
    :return: (N, 3, H, W) float32, channels last in memory
    """
    batch = images.to(device, non_blocking=True).float().div_(255)
    shift, scale = (_on(device, each).view(1, 3, 1, 1) for each in (mean, std))
    return batch.sub_(shift).div_(scale).contiguous(memory_format=torch.channels_last)


def _on(device: torch.device, values: Sequence[float]) -> Tensor:
    """Return numbers on a device, which does not wait for them."""
    tensor = torch.tensor(values)
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == 'cuda' else tensor


def use_one_thread(worker: int) -> None:
    """Keep OpenCV of a worker process from taking the cores of the others."""
    cv2.setNumThreads(0)


def mean_color(samples: Sequence[Sample]) -> tuple[float, float, float]:
    """
    Return the mean of each channel, RGB in [0, 1], over evenly spread samples.

    Islam et al. 2019, section III-B, subtract it from the images.
    """
    stride = max(len(samples) // MAX_MEAN_IMAGES, 1)
    chosen = samples[::stride]
    means = [
        sample.read_image().mean(axis=(0, 1)) / 255
        for sample in tqdm(chosen, unit='image', desc='mean color')
    ]
    red, green, blue = np.mean(means, axis=0)
    return round(float(red), 4), round(float(green), 4), round(float(blue), 4)
