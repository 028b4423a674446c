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
Outputs of reference implementations, kept to compare the networks with.

A reference implementation and a network here have the same tensor names. Both are filled by
:func:`fill_tensors`, integer arithmetic alone, so that the values are the same with any version of
any library; the file in ``golden/`` holds what the reference made of :func:`probe_image`.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch import Tensor

from surgseg_ros.models import create_model
from surgseg_ros.models import SegmentationNetwork

FOLDER = Path(__file__).parent / 'golden'
PROBE_SIZE = (96, 64)
STEP = 7
"""Distance in pixels between the logits that are kept, horizontally and vertically."""


def fill_tensors(model: nn.Module) -> None:
    """
    Give every tensor of a network values that depend on its name's rank and its shape alone.

    Weights are uniform with the variance 2 / fan-in, which keeps activations at the order of one;
    variances and scales of batch norms are near one, means and biases near zero.
    """
    state = model.state_dict()
    for rank, name in enumerate(sorted(state)):
        if name.endswith('num_batches_tracked'):
            continue
        tensor = state[name]
        noise = torch.from_numpy(uniform_noise(tensor.numel(), seed=rank)).reshape(tensor.shape)
        if tensor.ndim > 1:
            fan_in = tensor[0].numel()
            tensor.copy_((6 / fan_in) ** 0.5 * noise)
        elif name.endswith(('.weight', '.running_var')):
            tensor.copy_(1 + 0.2 * noise)
        else:
            tensor.copy_(0.1 * noise)


def filled_model(name: str, task: str, **options: Any) -> SegmentationNetwork:
    """Return a network in evaluation mode whose tensors :func:`fill_tensors` has filled."""
    model = create_model(name, task, **options).eval()
    fill_tensors(model)
    return model


def probe_image(size: tuple[int, int] = PROBE_SIZE) -> Tensor:
    """
    Return a (1, 3, height, width) float image of noise in [-1, 1).

    :param size: (width, height) in pixels
    """
    width, height = size
    noise = uniform_noise(3 * height * width, seed=12345)
    return torch.from_numpy(noise).float().reshape(1, 3, height, width)


def sample_logits(logits: Tensor) -> np.ndarray:
    """Return every seventh logit of every seventh row, (C, h, w) float32."""
    return logits[0, :, ::STEP, ::STEP].float().numpy()


def read_golden(name: str) -> np.ndarray:
    """Return the sampled logits of the reference implementation."""
    return np.load(FOLDER / f'{name}.npy')


def logits_and_golden(model: nn.Module, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return what a network and the reference implementation of a name make of the image."""
    with torch.inference_mode():
        return sample_logits(model(probe_image())), read_golden(name)


def output_shapes(
    model: nn.Module, names: Iterable[str], image: Tensor
) -> dict[str, tuple[int, ...]]:
    """Return the shapes, without the batch, of what modules of a network make of an image."""
    shapes: dict[str, tuple[int, ...]] = {}
    handles = [
        model.get_submodule(name).register_forward_hook(
            lambda _module, _inputs, output, name=name: shapes.update(
                {name: tuple(output.shape[1:])}
            )
        )
        for name in names
    ]
    with torch.inference_mode():
        model(image)
    for handle in handles:
        handle.remove()
    return shapes


def uniform_noise(count: int, seed: int) -> np.ndarray:
    """Return float64 values in [-1, 1) by hashing 0, 1, ... with 32-bit integers."""
    values = np.arange(count, dtype=np.uint32) + np.uint32((seed * 0x9E3779B9) & 0xFFFFFFFF)
    for _ in range(2):
        values = (values ^ (values >> np.uint32(16))) * np.uint32(0x045D9F3B)
    values ^= values >> np.uint32(16)
    return values / 2.0**31 - 1
