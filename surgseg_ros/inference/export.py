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
The work of ``surgseg export``: weights for this package and networks for other runtimes.

An exported network is complete: it takes RGB images as float32 of 0 to 255, (1, 3, height, width),
normalizes them itself and returns logits, (1, classes, height, width), whose arg max is the class
id. The threshold of a binary network is inside too. Size and batch are fixed. What the caller must
do, resizing images to that size, and what the classes mean stand in the file's metadata.
"""

from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import replace
from importlib.util import find_spec
import json
import os
from pathlib import Path
from typing import Any
import warnings

import numpy as np
import torch
from torch import nn
from torch import Tensor
import torch.nn.functional as F

from surgseg_ros.data.whole_files import replacing
from surgseg_ros.inference.checkpoint_info import CheckpointInfo
from surgseg_ros.inference.checkpoint_info import LoadReport
from surgseg_ros.inference.checkpoint_info import NATIVE_SIZE
from surgseg_ros.inference.checkpoints import load_checkpoint
from surgseg_ros.inference.checkpoints import load_reported
from surgseg_ros.inference.checkpoints import save_checkpoint
from surgseg_ros.inference.checkpoints import SUFFIX
from surgseg_ros.inference.label_images import apply_threshold
from surgseg_ros.inference.onnx_program import make_onnx_program
from surgseg_ros.inference.onnx_program import OUTPUT_NAME
from surgseg_ros.models import SegmentationNetwork

METADATA_KEY = 'surgseg_ros'
"""Name of the JSON metadata: a property in ONNX, else an extra file in the archive."""

INPUT_NAME = 'image'
CHANGEABLE = ('input_size', 'mean', 'std', 'resize', 'threshold', 'notice', 'provenance')
"""What a user may know better than the file, see :class:`CheckpointInfo`."""

ONNX_MODULES = ('onnx', 'onnxscript', 'onnxruntime')
RELATIVE_TOLERANCE = 1e-4
_SIZE_WITHOUT_OTHER = (1280, 1024)
_CHECK_SIZE = (320, 256)


@dataclass(frozen=True)
class ExportReport:
    """
    What was exported and how well it agrees.

    :param loaded: what the checkpoint was
    :param difference: largest absolute difference of the logits before and after
    :param tolerance: largest difference that is allowed
    :param largest_logit: largest absolute logit, to compare with
    """

    loaded: LoadReport
    difference: float
    tolerance: float
    largest_logit: float


class ExportedNetwork(nn.Module):
    """
    A network with what belongs before and after it.

    :param size: (width, height) of the images and of the logits
    """

    scale: Tensor
    offset: Tensor

    def __init__(
        self, model: SegmentationNetwork, info: CheckpointInfo, branch: str, size: tuple[int, int]
    ) -> None:
        super().__init__()
        self.model = model
        self._branch = branch
        self._threshold = info.threshold
        self._height_width = size[::-1]
        std = torch.tensor(info.std).view(1, 3, 1, 1)
        self.register_buffer('scale', 1 / (255 * std))
        self.register_buffer('offset', -torch.tensor(info.mean).view(1, 3, 1, 1) / std)

    def forward(self, image: Tensor) -> Tensor:
        """
        Return (1, C, H, W) float32 logits.

        :param image: (1, 3, H, W) float32 RGB, 0 to 255
        """
        logits = self.model.compute_logits(image * self.scale + self.offset, self._branch)
        logits = apply_threshold(logits, self._threshold)
        if tuple(logits.shape[-2:]) == self._height_width:
            return logits
        return F.interpolate(logits, self._height_width, mode='bilinear', align_corners=False)


def export(
    checkpoint: str | os.PathLike[str],
    target: str,
    output: Path,
    size: tuple[int, int] | None = None,
    branch: str = 'main',
    changes: Mapping[str, Any] | None = None,
) -> ExportReport:
    """
    Convert a checkpoint and compare the outputs before and after on one image.

    :param checkpoint: see :func:`surgseg_ros.inference.checkpoints.resolve_checkpoint`
    :param target: one of :data:`TARGETS`; ``safetensors`` is a checkpoint of this package in
        single precision
    :param output: file; an existing one is replaced only once the new one has been compared
    :param size: (width, height) of the images; ``None``: the checkpoint's
    :param branch: output of the network
    :param changes: corrections of the checkpoint's description, keys among :data:`CHANGEABLE`
    :raises ValueError: if the checkpoint or an argument is unusable
    :raises RuntimeError: if the outputs differ or something is not installed
    """
    if target not in TARGETS:
        raise ValueError(f"unknown target '{target}'; choose one of: {', '.join(TARGETS)}")
    if target == 'safetensors' and output.suffix != SUFFIX:
        raise ValueError(f"'{output}': the name of a checkpoint must end in {SUFFIX}")
    loaded = load_reported(checkpoint)
    info = replace(loaded.info, **(changes or {}))
    loaded.model.check_branch(branch)
    used_size = _choose_size(target, size, info, loaded.model.stride)
    network = ExportedNetwork(loaded.model, info, branch, used_size).eval()
    image = _make_image(used_size)
    with torch.inference_mode():
        expected = network(image).numpy()
    output.parent.mkdir(parents=True, exist_ok=True)
    with replacing(output) as draft:
        found = TARGETS[target](network, info, image, draft)
        return _compare(loaded.report, expected, found)


def _choose_size(
    target: str, size: tuple[int, int] | None, info: CheckpointInfo, stride: int
) -> tuple[int, int]:
    """Return the (width, height) that the network is exported or compared at."""
    if target == 'safetensors':
        if size:
            raise ValueError(
                'a checkpoint of this package takes images of any size; leave --size out, or '
                'change the size that the network runs at with --set input_size=[640,512]'
            )
        return _CHECK_SIZE
    chosen = size or (info.input_size if info.input_size != NATIVE_SIZE else _SIZE_WITHOUT_OTHER)
    if any(side < 1 or side % stride for side in chosen):
        raise ValueError(
            f'the size {chosen[0]}x{chosen[1]} does not suit the network: width and height must '
            f'be multiples of {stride}; give another one with --size'
        )
    return chosen


def _make_image(size: tuple[int, int]) -> Tensor:
    """Return smooth noise, (1, 3, H, W) float32 of 0 to 255, always the same."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(1, 3, 16, 20, generator=generator) * 255
    return F.interpolate(coarse, size[::-1], mode='bilinear', align_corners=False).round()


def _compare(loaded: LoadReport, expected: np.ndarray, found: np.ndarray) -> ExportReport:
    if found.shape != expected.shape:
        raise RuntimeError(
            f'the exported network returns {found.shape}, torch {expected.shape}; nothing was '
            'written'
        )
    difference = float(np.abs(found - expected).max())
    largest = float(np.abs(expected).max())
    tolerance = RELATIVE_TOLERANCE * max(largest, 1.0)
    if not difference <= tolerance:
        raise RuntimeError(
            f'the outputs of the exported network differ by up to {difference:.2e} from those of '
            f'torch, more than {tolerance:.2e}; nothing was written. Another version of torch or '
            'of the runtime may help'
        )
    return ExportReport(loaded, difference, tolerance, largest)


def _metadata(network: ExportedNetwork, info: CheckpointInfo) -> str:
    """Return what the user of an exported network must know, as JSON."""
    height, width = network._height_width
    return json.dumps(
        {
            'model': info.model,
            'task': info.task,
            'class_names': info.label_set.class_names,
            'branch': network._branch,
            'input': 'RGB, float32, 0 to 255, (1, 3, height, width); normalized by the network',
            'output': 'logits, (1, classes, height, width); the arg max is the class id',
            'size': (width, height),
            'resize': info.resize,
            'threshold': info.threshold,
            'notice': info.notice,
            'provenance': dict(info.provenance),
        }
    )


def _to_safetensors(
    network: ExportedNetwork, info: CheckpointInfo, image: Tensor, path: Path
) -> np.ndarray:
    save_checkpoint(path, network.model, info, torch.float32)
    model, stored = load_checkpoint(path)
    size = network._height_width[::-1]
    with torch.inference_mode():
        return ExportedNetwork(model, stored, network._branch, size).eval()(image).numpy()


def _to_onnx(
    network: ExportedNetwork, info: CheckpointInfo, image: Tensor, path: Path
) -> np.ndarray:
    missing = [name for name in ONNX_MODULES if find_spec(name) is None]
    if missing:
        raise RuntimeError(
            f'export to ONNX and its check need {", ".join(missing)}: python3 -m pip install '
            f'{" ".join(missing)} (the export extra of this package)'
        )
    import onnxruntime

    program = make_onnx_program(network, image, INPUT_NAME)
    program.model.metadata_props[METADATA_KEY] = _metadata(network, info)
    program.save(path, external_data=False)
    session = onnxruntime.InferenceSession(path, providers=['CPUExecutionProvider'])
    (logits,) = session.run([OUTPUT_NAME], {INPUT_NAME: image.numpy()})
    return logits


def _to_torchscript(
    network: ExportedNetwork, info: CheckpointInfo, image: Tensor, path: Path
) -> np.ndarray:
    with warnings.catch_warnings():
        # torch advises torch.export, another target, and warns that the size becomes fixed.
        warnings.simplefilter('ignore', DeprecationWarning)
        warnings.simplefilter('ignore', torch.jit.TracerWarning)
        with torch.inference_mode():
            traced = torch.jit.trace(network, image, check_trace=False)
        # The file object keeps torch from naming the archive in it after the draft.
        with path.open('wb') as file:
            torch.jit.save(traced, file, _extra_files={METADATA_KEY: _metadata(network, info)})
        restored = torch.jit.load(str(path))
    with torch.inference_mode():
        return restored(image).numpy()


def _to_torch_export(
    network: ExportedNetwork, info: CheckpointInfo, image: Tensor, path: Path
) -> np.ndarray:
    program = torch.export.export(network, (image,))
    # The file object keeps torch from insisting on a suffix.
    with path.open('wb') as file:
        torch.export.save(program, file, extra_files={METADATA_KEY: _metadata(network, info)})
    with path.open('rb') as file:
        restored = torch.export.load(file).module()
    with torch.inference_mode():
        return restored(image).numpy()


TARGETS: Mapping[str, Callable[[ExportedNetwork, CheckpointInfo, Tensor, Path], np.ndarray]] = {
    'safetensors': _to_safetensors,
    'onnx': _to_onnx,
    'torchscript': _to_torchscript,
    'torch_export': _to_torch_export,
}
