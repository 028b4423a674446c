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

"""The segmenter: images in, label images out."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
import math
import os
import time
from typing import TypeVar

import cv2
import numpy as np
import torch
from torch import nn
from torch import Tensor
import torch.nn.functional as F

from surgseg_ros.data.label_sets import LabelSet
from surgseg_ros.inference.checkpoint_info import check_threshold
from surgseg_ros.inference.checkpoint_info import CheckpointError
from surgseg_ros.inference.checkpoint_info import NATIVE_SIZE
from surgseg_ros.inference.checkpoints import check_sha256
from surgseg_ros.inference.checkpoints import checkpoint_name
from surgseg_ros.inference.checkpoints import DEFAULT_CHECKPOINT
from surgseg_ros.inference.checkpoints import load_reported
from surgseg_ros.inference.checkpoints import resolve_checkpoint
from surgseg_ros.inference.preprocessing import check_image
from surgseg_ros.inference.preprocessing import fit_network_size
from surgseg_ros.inference.preprocessing import Normalizer
from surgseg_ros.inference.preprocessing import resize_image

DEVICES = ('auto', 'cpu', 'cuda')
# The second frame runs what CUDA has chosen and cached during the first.
WARM_UP_FRAMES = {'cpu': 1, 'cuda': 2}
FALLBACK_WARM_UP_SIZE = (640, 512)

NetworkT = TypeVar('NetworkT', bound=nn.Module)


class DeviceError(RuntimeError):
    """The requested device does not exist; the message says what to do."""


@dataclass(frozen=True)
class Segmentation:
    """
    The result for one image.

    :param label_image: (H, W) uint8 class ids, H and W of the image
    :param confidence: (H, W) uint8, probability of the class times 255, or ``None``
    :param preprocess_s: seconds for resizing and upload of the batch
    :param inference_s: seconds for the network, synchronized with the device
    :param postprocess_s: seconds for resizing the scores, arg max and download
    """

    label_image: np.ndarray
    confidence: np.ndarray | None
    preprocess_s: float
    inference_s: float
    postprocess_s: float


class Segmenter:
    """
    Run a checkpoint on images.

    Not thread-safe: use one segmenter from one thread.

    :param checkpoint: file, folder or name, see
        :func:`surgseg_ros.inference.checkpoints.resolve_checkpoint`
    :param device: ``'cpu'``, ``'cuda'``, ``'cuda:1'`` or ``'auto'``: CUDA when there is one
    :param branch: output of the network, such as ``'main'`` or ``'auxiliary'``
    :param input_size: (width, height) to run the network at instead of the checkpoint's;
        ``(0, 0)`` for each image's own size
    :param threads: CPU threads of the network in this process, 0 for torch's choice
    :param sha256: digest that the checkpoint must have, 64 hexadecimal digits; empty: any
    :param threshold: probability from which on a pixel is an instrument, in (0, 1), for networks
        of task ``binary``; ``None``: the checkpoint's
    :raises CheckpointError: if the checkpoint is missing or unusable, or has no such branch, or
        there is a threshold that is none, or one for more than two classes
    :raises DeviceError: if there is no such device

    >>> segmenter = Segmenter(device='cpu')
    >>> image = np.zeros((512, 640, 3), np.uint8)
    >>> segmenter.segment([image])[0].label_image.shape
    (512, 640)
    """

    backend = 'torch'

    def __init__(
        self,
        checkpoint: str | os.PathLike[str] = DEFAULT_CHECKPOINT,
        device: str = 'auto',
        branch: str = 'main',
        input_size: tuple[int, int] | None = None,
        threads: int = 0,
        sha256: str = '',
        threshold: float | None = None,
    ) -> None:
        self._device = select_device(device)
        if threads > 0:
            torch.set_num_threads(threads)
        path = resolve_checkpoint(checkpoint)
        check_sha256(path, sha256)
        loaded = load_reported(path)
        model, self.info, self.report = loaded.model, loaded.info, loaded.report
        self.checkpoint_name = checkpoint_name(path)
        try:
            model.check_branch(branch)
        except ValueError as error:
            raise CheckpointError(f'{self.checkpoint_name}: {error}') from error
        self.branch = branch
        self.threshold = self._choose_threshold(threshold)
        self.input_size = input_size or self.info.input_size
        self._dtype = select_dtype(self._device)
        self._model = place_network(model, self._device)
        self._normalize = Normalizer(self.info.mean, self.info.std, self._device)

    def _choose_threshold(self, threshold: float | None) -> float:
        if threshold is None:
            return self.info.threshold
        if self.label_set.num_classes != 2:
            raise CheckpointError(
                f'{self.checkpoint_name}: a threshold ({threshold}) is for task binary; for task '
                f"'{self.info.task}' the most probable class wins. Leave the threshold out"
            )
        try:
            check_threshold(threshold)
        except ValueError as error:
            raise CheckpointError(f'{self.checkpoint_name}: {error}') from error
        return threshold

    @property
    def device(self) -> str:
        """Return the device that the network runs on, such as ``'cuda:0'``."""
        return str(self._device)

    @property
    def precision(self) -> str:
        """Return the number format that the network computes in, such as ``'bfloat16'``."""
        return str(self._dtype).removeprefix('torch.')

    @property
    def device_memory_bytes(self) -> int | None:
        """Return the memory that this process's tensors take on the GPU, ``None`` on the CPU."""
        if self._device.type != 'cuda':
            return None
        return torch.cuda.memory_allocated(self._device)

    @property
    def model_name(self) -> str:
        """Return the name of the network in the model registry."""
        return self.info.model

    @property
    def label_set(self) -> LabelSet:
        """Return the classes of the label images."""
        return self.info.label_set

    def warm_up(self, batch_size: int = 1, image_size: tuple[int, int] | None = None) -> None:
        """
        Run the network on black images, so that the first real frame is not the slow one.

        :param image_size: (width, height) of the images to come, if known
        """
        size = image_size or self.input_size
        width, height = FALLBACK_WARM_UP_SIZE if size == NATIVE_SIZE else size
        for _ in range(WARM_UP_FRAMES[self._device.type]):
            self.segment([np.zeros((height, width, 3), np.uint8)] * batch_size)

    def close(self) -> None:
        """Free the network's memory; the segmenter cannot be used afterwards."""
        del self._model
        if self._device.type == 'cuda':
            torch.cuda.empty_cache()

    def segment(
        self, images: Sequence[np.ndarray], confidence: bool = False
    ) -> list[Segmentation]:
        """
        Segment images; those of one size go through the network together.

        :param images: (H, W, 3) uint8 RGB each
        :param confidence: compute the confidence too
        :return: one result an image, in their order
        :raises ValueError: if an image is not (H, W, 3) uint8
        """
        groups: dict[tuple[int, ...], list[int]] = defaultdict(list)
        for index, image in enumerate(images):
            check_image(image)
            groups[image.shape].append(index)
        results: dict[int, Segmentation] = {}
        for indices in groups.values():
            batch = self._segment_batch([images[index] for index in indices], confidence)
            results.update(zip(indices, batch, strict=True))
        return [results[index] for index in range(len(images))]

    @torch.inference_mode()
    def _segment_batch(self, images: Sequence[np.ndarray], confidence: bool) -> list[Segmentation]:
        """Segment images of one size."""
        height, width = images[0].shape[:2]
        start = time.perf_counter()
        size = fit_network_size(
            (width, height), self.input_size, self._model.stride, self.info.resize
        )
        batch = self._normalize([resize_image(image, size) for image in images])
        self._synchronize()
        preprocessed = time.perf_counter()
        logits = self._run_network(batch)
        self._synchronize()
        inferred = time.perf_counter()
        labels = label_images(logits, (height, width))
        confidences = confidence_images(logits, (width, height)) if confidence else None
        seconds = (
            preprocessed - start,
            inferred - preprocessed,
            time.perf_counter() - inferred,
        )
        return [
            Segmentation(labels[i], None if confidences is None else confidences[i], *seconds)
            for i in range(len(images))
        ]

    def _run_network(self, batch: Tensor) -> Tensor:
        """
        Return (N, C, h, w) float32 logits of a normalized batch, at their own resolution.

        C is the number of classes, also where the network has a single logit.
        """
        stride = self._model.stride
        fits = batch.shape[-2] % stride == 0 and batch.shape[-1] % stride == 0
        with autocast(self._device, self._dtype):
            compute = self._model.compute_logits if fits else self._model
            logits = compute(batch, self.branch).float()
        return apply_threshold(logits, self.threshold)

    def _synchronize(self) -> None:
        if self._device.type == 'cuda':
            torch.cuda.synchronize(self._device)


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
        return np.stack([_label_image_on_cpu(scores, size) for scores in logits.numpy()])
    if tuple(logits.shape[-2:]) != size:
        logits = F.interpolate(logits, size, mode='bilinear', align_corners=False)
    return logits.argmax(dim=1).to(torch.uint8).cpu().numpy()


def _label_image_on_cpu(scores: np.ndarray, size: tuple[int, int]) -> np.ndarray:
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


def confidence_images(logits: Tensor, size: tuple[int, int]) -> list[np.ndarray]:
    """
    Return the probability of the most probable class.

    :param logits: (N, C, h, w)
    :param size: (width, height) of the images
    :return: N arrays, (height, width) uint8, probability times 255
    """
    probability = logits.softmax(dim=1).amax(dim=1).mul_(255).round_()
    small = probability.to(torch.uint8).cpu().numpy()
    return [cv2.resize(image, size, interpolation=cv2.INTER_LINEAR) for image in small]


def select_device(name: str) -> torch.device:
    """
    Return the device of a name.

    :param name: ``'auto'``, ``'cpu'``, ``'cuda'`` or ``'cuda:<index>'``
    :raises DeviceError: if the name is unknown or the device is not there
    """
    kind, _, index = name.partition(':')
    if kind not in DEVICES or (index and (kind != 'cuda' or not index.isdigit())):
        raise DeviceError(
            f"unknown device '{name}'; choose one of: {', '.join(DEVICES)}, cuda:<index>"
        )
    if kind == 'cpu' or (kind == 'auto' and not torch.cuda.is_available()):
        return torch.device('cpu')
    if not torch.cuda.is_available():
        raise DeviceError(
            f"device '{name}' was asked for but torch {torch.__version__} finds no CUDA device. "
            "Check the driver with nvidia-smi and that torch is a CUDA build, or use device 'cpu'"
        )
    device = torch.device('cuda', int(index or 0))
    if device.index >= torch.cuda.device_count():
        raise DeviceError(
            f"device '{name}' does not exist; this machine has {torch.cuda.device_count()} CUDA "
            'device(s), counted from 0'
        )
    return device


def select_dtype(device: torch.device) -> torch.dtype:
    """
    Return the fastest number format that a device computes in natively.

    Half precision on CUDA; bfloat16 on CPUs with instructions for it, where it halves the time of
    ``mffnet`` or better; single precision elsewhere.
    """
    if device.type == 'cuda':
        return torch.float16
    cpu = torch.cpu.get_capabilities() if hasattr(torch.cpu, 'get_capabilities') else {}
    if cpu.get('avx512_bf16') or cpu.get('amx_bf16'):
        return torch.bfloat16
    return torch.float32


def place_network(network: NetworkT, device: torch.device) -> NetworkT:
    """Move a network to a device, channels last in memory as the fast convolutions want it."""
    # torch's type stub does not know that memory_format can stand alone.
    return network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def autocast(device: torch.device, dtype: torch.dtype) -> torch.autocast:
    """Return the context in which a network computes in a number format of its device."""
    return torch.autocast(device.type, dtype, enabled=dtype != torch.float32)
