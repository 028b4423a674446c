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
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
import logging
import os
from pathlib import Path
import subprocess
import threading
import time

import numpy as np
import torch

from surgseg_ros.data.label_sets import LabelSet
from surgseg_ros.inference.backend_selection import AUTO
from surgseg_ros.inference.backend_selection import choose_backend
from surgseg_ros.inference.backend_selection import only_choice
from surgseg_ros.inference.backends import EngineBuilder
from surgseg_ros.inference.checkpoint_info import check_threshold
from surgseg_ros.inference.checkpoint_info import CheckpointError
from surgseg_ros.inference.checkpoint_info import NATIVE_SIZE
from surgseg_ros.inference.checkpoints import check_sha256
from surgseg_ros.inference.checkpoints import checkpoint_name
from surgseg_ros.inference.checkpoints import DEFAULT_CHECKPOINT
from surgseg_ros.inference.checkpoints import load_reported
from surgseg_ros.inference.checkpoints import resolve_checkpoint
from surgseg_ros.inference.conversion_process import Conversion
from surgseg_ros.inference.conversion_process import finish
from surgseg_ros.inference.deadline import DEFAULT_VARIANTS
from surgseg_ros.inference.deadline import Variant
from surgseg_ros.inference.deployable import DeployableNetwork
from surgseg_ros.inference.deployable import fold_batch_norms
from surgseg_ros.inference.devices import choose_threads
from surgseg_ros.inference.devices import select_device
from surgseg_ros.inference.engine import Engine
from surgseg_ros.inference.engine import Shape
from surgseg_ros.inference.preprocessing import check_image
from surgseg_ros.inference.preprocessing import fit_network_size
from surgseg_ros.inference.preprocessing import resize_image
from surgseg_ros.models import SegmentationNetwork

# The second frame runs what CUDA has chosen and cached during the first.
WARM_UP_FRAMES = {'cpu': 1, 'cuda': 2}
FALLBACK_WARM_UP_SIZE = (640, 512)

TIMED_FRAMES = 3
"""Frames whose quickest tells what a variant costs."""

MAX_ENGINES = 16
"""Engines are kept for so many batch shapes; those not used for longest go first."""

CONVERTED_BESIDE = ('openvino', 'onnxruntime')
"""Backends whose conversions are files that another process can make."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Segmentation:
    """
    The result for one image.

    :param label_image: (H, W) uint8 class ids, H and W of the image
    :param confidence: (H, W) uint8, probability of the class times 255, or ``None``
    :param preprocess_s: seconds for resizing and upload of the batch
    :param inference_s: seconds for the network, synchronized with the device
    :param postprocess_s: seconds for resizing the scores, arg max and download
    :param branch: output of the network that the result comes from
    :param network_size: (width, height) in pixels at which the network saw the image
    :param backend: library that ran the network
    """

    label_image: np.ndarray
    confidence: np.ndarray | None
    preprocess_s: float
    inference_s: float
    postprocess_s: float
    branch: str
    network_size: tuple[int, int]
    backend: str


class Segmenter:
    """
    Run a checkpoint on images.

    The backend is chosen, where it must be measured, and the network compiled for the first batch,
    or before it by :meth:`warm_up`. Batches of another shape run in torch until another process
    has converted the network for them. Not thread-safe: use one segmenter from one thread.

    :param checkpoint: file, folder or name, see
        :func:`surgseg_ros.inference.checkpoints.resolve_checkpoint`
    :param device: ``'cpu'``, ``'cuda'``, ``'cuda:1'`` or ``'auto'``: CUDA when there is one
    :param branch: output of the network, such as ``'main'`` or ``'auxiliary'``; ``'auto'``: each
        call of :meth:`segment` may name one of :attr:`variants`
    :param input_size: (width, height) to run the network at instead of the checkpoint's;
        ``(0, 0)`` for each image's own size
    :param threads: CPU threads of the network in this process, 0 for a good choice, see
        :func:`surgseg_ros.inference.devices.choose_threads`
    :param sha256: digest that the checkpoint must have, 64 hexadecimal digits; empty: any
    :param threshold: probability from which on a pixel is an instrument, in (0, 1), for networks
        of task ``binary``; ``None``: the checkpoint's
    :param backend: one of :data:`surgseg_ros.inference.backends.BACKENDS`, or ``'auto'``: the
        fastest of those installed
    :param precision: ``'fp32'``, ``'bf16'``, ``'fp16'`` or ``'auto'``: the fastest that the device
        has instructions for
    :raises CheckpointError: if the checkpoint is missing or unusable, or has no such branch, or
        there is a threshold that is none, or one for more than two classes
    :raises DeviceError: if there is no such device
    :raises BackendError: if the backend or the precision cannot be had here

    >>> segmenter = Segmenter(device='cpu', backend='torch')
    >>> image = np.zeros((512, 640, 3), np.uint8)
    >>> segmenter.segment([image])[0].label_image.shape
    (512, 640)
    """

    def __init__(
        self,
        checkpoint: str | os.PathLike[str] = DEFAULT_CHECKPOINT,
        device: str = 'auto',
        branch: str = 'main',
        input_size: tuple[int, int] | None = None,
        threads: int = 0,
        sha256: str = '',
        threshold: float | None = None,
        backend: str = AUTO,
        precision: str = AUTO,
    ) -> None:
        self._device = select_device(device)
        self._request = (backend, precision)
        self._choice = only_choice(backend, precision, self._device)
        self._threads = choose_threads(threads)
        torch.set_num_threads(self._threads)
        self._path = resolve_checkpoint(checkpoint)
        check_sha256(self._path, sha256)
        loaded = load_reported(self._path)
        self.info, self.report = loaded.info, loaded.report
        self.checkpoint_name = checkpoint_name(self._path)
        self.branch = branch
        self.variants = self._list_variants(loaded.model)
        self.threshold = self._choose_threshold(threshold)
        self.input_size = input_size or self.info.input_size
        self.variant_costs_s: dict[Variant, float] = {}
        """Seconds of a full batch by variant, where :meth:`warm_up` has timed several."""
        self._stride = loaded.model.stride
        self._builders = self._make_builders(loaded.model)
        self._engines: OrderedDict[tuple[str, Shape], Engine] = OrderedDict()
        self._is_closed = False
        self._conversion: subprocess.Popen[str] | None = None
        self._building: threading.Thread | None = None
        self._built: dict[tuple[str, Shape], Engine] = {}
        self._failed: set[tuple[str, Shape]] = set()

    def _list_variants(self, model: SegmentationNetwork) -> tuple[Variant, ...]:
        if self.branch == AUTO:
            return tuple(each for each in DEFAULT_VARIANTS if each.branch in model.branches)
        try:
            model.check_branch(self.branch)
        except ValueError as error:
            raise CheckpointError(f'{self.checkpoint_name}: {error}') from error
        return (Variant(self.branch),)

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

    def _make_builders(self, model: SegmentationNetwork) -> dict[str, EngineBuilder]:
        fold_batch_norms(model)
        return {
            branch: EngineBuilder(
                DeployableNetwork.from_checkpoint(model, self.info, branch, self.threshold),
                self._device,
                self._threads,
            )
            for branch in dict.fromkeys(variant.branch for variant in self.variants)
        }

    @property
    def checkpoint_path(self) -> Path:
        """Return the file or folder that the weights come from."""
        return self._path

    @property
    def device(self) -> str:
        """Return the device that the network runs on, such as ``'cuda:0'``."""
        return str(self._device)

    @property
    def backend(self) -> str:
        """Return the library that runs the network, ``'auto'`` until it is chosen."""
        return self._request[0] if self._choice is None else self._choice.backend

    @property
    def precision(self) -> str:
        """Return the number format of the network, perhaps ``'auto'`` until it is chosen."""
        return self._request[1] if self._choice is None else self._choice.precision

    @property
    def backend_reason(self) -> str:
        """Return why that backend was chosen, empty until it is."""
        return '' if self._choice is None else self._choice.reason

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
        Choose the backend, compile the network for batches of up to so many images and run it.

        :param image_size: (width, height) of the images to come, if known
        """
        size = image_size or self.input_size
        width, height = FALLBACK_WARM_UP_SIZE if size == NATIVE_SIZE else size
        image = np.zeros((height, width, 3), np.uint8)
        for count in range(batch_size, 0, -1):
            for variant in self.variants:
                self._get_engine(variant.branch, self._shape_of([image] * count, variant))
                for _ in range(WARM_UP_FRAMES[self._device.type]):
                    self.segment([image] * count, confidence=True, variant=variant)
        if len(self.variants) > 1:
            self.variant_costs_s = self._time_variants([image] * batch_size)

    def wait_until_built(self, timeout_s: float | None = None) -> None:
        """Wait until the network that is being converted, if any, is ready for the next batch."""
        if self._building is not None:
            self._building.join(timeout_s)

    def close(self) -> None:
        """Free the network's memory; the segmenter cannot be used afterwards."""
        self._is_closed = True
        if self._conversion is not None:
            self._conversion.kill()
        self.wait_until_built()
        for engine in (*self._engines.values(), *self._built.values()):
            engine.close()
        self._engines.clear()
        self._built.clear()
        self._builders.clear()
        if self._device.type == 'cuda':
            torch.cuda.empty_cache()

    def segment(
        self,
        images: Sequence[np.ndarray],
        confidence: bool = False,
        variant: Variant | None = None,
    ) -> list[Segmentation]:
        """
        Segment images; those of one size go through the network together.

        :param images: (H, W, 3) uint8 RGB each
        :param confidence: compute the confidence too
        :param variant: one of :attr:`variants`; ``None``: the first, which is the best
        :return: one result an image, in their order
        :raises ValueError: if an image is not (H, W, 3) uint8
        """
        groups: dict[tuple[int, ...], list[int]] = defaultdict(list)
        for index, image in enumerate(images):
            check_image(image)
            groups[image.shape].append(index)
        results: dict[int, Segmentation] = {}
        for indices in groups.values():
            batch = self._segment_batch(
                [images[index] for index in indices], confidence, variant or self.variants[0]
            )
            results.update(zip(indices, batch, strict=True))
        return [results[index] for index in range(len(images))]

    def _segment_batch(
        self, images: Sequence[np.ndarray], confidence: bool, variant: Variant
    ) -> list[Segmentation]:
        """Segment images of one size."""
        shape = self._shape_of(images, variant)
        _, network_height, network_width = shape
        engine = self._find_engine(variant.branch, shape)
        start = time.perf_counter()
        size = (network_width, network_height)
        engine.load([resize_image(image, size) for image in images])
        preprocessed = time.perf_counter()
        engine.forward()
        inferred = time.perf_counter()
        height, width = images[0].shape[:2]
        labels, confidences = engine.label_images((width, height), confidence)
        seconds = (
            preprocessed - start,
            inferred - preprocessed,
            time.perf_counter() - inferred,
        )
        return [
            Segmentation(label_image, byte_image, *seconds, variant.branch, size, engine.backend)
            for label_image, byte_image in zip(labels, confidences, strict=True)
        ]

    def _shape_of(self, images: Sequence[np.ndarray], variant: Variant) -> Shape:
        """Return number, height and width of images of one size as the network sees them."""
        height, width = images[0].shape[:2]
        network_width, network_height = fit_network_size(
            (width, height), self.input_size, self._stride, self.info.resize, variant.scale
        )
        return len(images), network_height, network_width

    def _time_variants(self, images: Sequence[np.ndarray]) -> dict[Variant, float]:
        """Return the seconds of the quickest of some frames by variant, all timed in turns."""
        times: dict[Variant, list[float]] = {variant: [] for variant in self.variants}
        for _ in range(TIMED_FRAMES):
            for variant in self.variants:
                start = time.perf_counter()
                self.segment(images, confidence=True, variant=variant)
                times[variant].append(time.perf_counter() - start)
        return {variant: min(values) for variant, values in times.items()}

    def _get_engine(self, branch: str, shape: Shape) -> Engine:
        """Return the engine for a shape, however long it takes to build it."""
        engine = self._engines.get((branch, shape)) or self._build(branch, shape)
        self._keep((branch, shape), engine)
        return engine

    def _find_engine(self, branch: str, shape: Shape) -> Engine:
        """Return an engine for a shape at once: where it must be converted first, one of torch."""
        key = (branch, shape)
        if key in self._built:
            self._engines[key].close()
            self._engines[key] = self._built.pop(key)
        engine = self._engines.get(key)
        is_first = not self._engines
        if engine is None and (is_first or self.backend == 'torch'):
            return self._get_engine(branch, shape)
        if engine is None or (engine.backend != self.backend and key not in self._failed):
            self._build_beside(branch, shape)
        if engine is None:
            precision = self._builders[branch].native_precision('torch')
            engine = self._builders[branch].build('torch', shape, precision)
        self._keep(key, engine)
        return engine

    def _keep(self, key: tuple[str, Shape], engine: Engine) -> None:
        self._engines[key] = engine
        self._engines.move_to_end(key)
        while len(self._engines) > MAX_ENGINES:
            self._engines.popitem(last=False)[1].close()

    def _build(self, branch: str, shape: Shape) -> Engine:
        builder = self._builders[branch]
        if self._choice is None:
            self._choice, engine = choose_backend(builder, *self._request, shape, self._threads)
            return engine
        return builder.build(self._choice.backend, shape, self._choice.precision)

    def _build_beside(self, branch: str, shape: Shape) -> None:
        """Begin to build an engine in another thread, unless one is being built."""
        assert self._choice is not None
        if self.backend not in CONVERTED_BESIDE:
            self._failed.add((branch, shape))
            return
        if self._building is not None and self._building.is_alive():
            return
        conversion = Conversion(
            str(self._path), branch, self.threshold, self.backend, self.precision, shape
        )
        self._conversion = conversion.start()
        self._building = threading.Thread(
            target=self._finish_building,
            args=(self._conversion, branch, shape),
            name='compile network',
            daemon=True,
        )
        self._building.start()

    def _finish_building(
        self, conversion: 'subprocess.Popen[str]', branch: str, shape: Shape
    ) -> None:
        try:
            finish(conversion)
            self._built[branch, shape] = self._build(branch, shape)
        except Exception as error:  # Torch goes on; the reason must not be lost.
            if self._is_closed:
                return
            self._failed.add((branch, shape))
            _logger.warning('%s cannot run batches of %s: %s', self.backend, shape, error)
