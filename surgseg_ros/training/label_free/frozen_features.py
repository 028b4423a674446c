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
Frozen features: what the semantic diffusion loss compares the regions of two frames by.

D. Liu et al., MICCAI 2020, section 3, take the layer relu5_3 of a VGG16 with ImageNet weights.
Where those weights are not at hand, the encoder of a checkpoint serves; nothing is downloaded.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch import Tensor
from tqdm import tqdm

from surgseg_ros.inference.checkpoints import checkpoint_name
from surgseg_ros.inference.checkpoints import load_checkpoint
from surgseg_ros.inference.checkpoints import resolve_checkpoint
from surgseg_ros.inference.devices import autocast
from surgseg_ros.inference.devices import place_network
from surgseg_ros.inference.devices import select_dtype
from surgseg_ros.inference.preprocessing import resize_image
from surgseg_ros.models import SegmentationNetwork
from surgseg_ros.models.encoders import split_at_pools
from surgseg_ros.models.encoders import vgg_features
from surgseg_ros.models.registry import IMAGENET_MEAN
from surgseg_ros.models.registry import IMAGENET_STD
from surgseg_ros.models.torchvision_import import torchvision
from surgseg_ros.training.sample_tensors import normalize

FEATURE_STRIDE = 16
"""That of relu5_3; of other encoders the last stage that is not coarser is taken."""

PROBE_SIDE = 128
"""Width and height of the image that shows what the stages of an encoder are."""


@dataclass(frozen=True)
class FrozenFeatures:
    """
    A network, or a part of one, that turns images into feature maps.

    :param network: returns (N, D, h, w) for normalized (N, 3, H, W)
    :param mean: RGB mean of the images in [0, 1], subtracted before the network
    :param std: RGB deviation that the difference is divided by
    :param size: (width, height) of the images that the network sees
    :param description: what it is, for the log
    """

    network: nn.Module
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    size: tuple[int, int]
    description: str

    @torch.inference_mode()
    def extract(self, images: np.ndarray, device: torch.device) -> Tensor:
        """
        Return the features of every image.

        :param images: (T, H, W, 3) uint8 RGB
        :return: (T, D, h, w) float16 on the CPU, each map divided by its largest value
        """
        network = place_network(self.network, device).eval()
        maps = []
        for image in tqdm(images, unit='frame', desc='features'):
            resized = resize_image(image, self.size)
            batch = normalize_images(resized[None], self.mean, self.std, device)
            with autocast(device, select_dtype(device)):
                features = network(batch).float()
            # The cosine is free of scale; half precision is not.
            scale = features.abs().amax().clamp_min(torch.finfo(torch.float32).tiny)
            maps.append((features / scale).half().cpu())
        return torch.cat(maps)


def vgg16_features(weights: str | Path, size: tuple[int, int]) -> FrozenFeatures:
    """
    Return relu5_3 of VGG16.

    :param weights: state-dict file of torchvision's VGG16
    :param size: (width, height) that the images are brought to
    :raises FileNotFoundError: if there is no such file
    :raises ValueError: if the file holds other weights
    """
    stages = split_at_pools(vgg_features(16, weights))
    layers: list[nn.Module] = []
    for stage in stages[:-1]:
        layers += [stage, nn.MaxPool2d(2)]
    network = nn.Sequential(*layers, stages[-1]).requires_grad_(False)
    description = f'relu5_3 of VGG16 with the ImageNet weights {Path(weights).name}'
    return FrozenFeatures(network, IMAGENET_MEAN, IMAGENET_STD, size, description)


def checkpoint_features(checkpoint: str | Path, size: tuple[int, int]) -> FrozenFeatures:
    """
    Return the encoder of a checkpoint.

    :param checkpoint: see :func:`surgseg_ros.inference.checkpoints.resolve_checkpoint`
    :param size: (width, height) that the images are brought to
    :raises CheckpointError: if the checkpoint is unusable
    :raises ValueError: if its network has no stage of an encoder
    """
    model, info = load_checkpoint(checkpoint)
    stage = find_encoder_stage(model)
    name = checkpoint_name(resolve_checkpoint(checkpoint))
    description = f"the encoder stage '{stage}' of {info.model}, checkpoint {name}"
    return FrozenFeatures(_StageOutput(model, stage), info.mean, info.std, size, description)


def find_cached_weights(name: str) -> Path | None:
    """
    Return the file of torchvision's ImageNet weights in torch's cache, if it is there.

    :param name: such as ``'vgg16'``
    """
    url = torchvision.models.get_model_weights(name).IMAGENET1K_V1.url
    path = Path(torch.hub.get_dir()) / 'checkpoints' / Path(url).name
    return path if path.is_file() else None


def find_encoder_stage(model: SegmentationNetwork) -> str:
    """
    Return the name of the module whose output is the last map of the encoder's deep stage.

    The stage is the one whose output is :data:`FEATURE_STRIDE` times smaller than the image, or
    the next finer one. It ends before the maps get smaller still, or larger again; of its modules
    the last one that is not part of another counts.

    :raises ValueError: if no map is smaller than the image
    """
    outputs: list[tuple[str, int]] = []
    hooks = [
        module.register_forward_hook(_recorder(name, outputs))
        for name, module in model.named_modules()
        if name
    ]
    try:
        device = next(model.parameters()).device
        model.compute_logits(torch.zeros(1, 3, PROBE_SIDE, PROBE_SIDE, device=device))
    finally:
        for hook in hooks:
            hook.remove()
    strides = [PROBE_SIDE // height for _, height in outputs if height]
    stride = max((each for each in strides if 1 < each <= FEATURE_STRIDE), default=None)
    if stride is None:
        raise ValueError(
            f'{type(model).__name__} has no encoder whose features could be compared; name '
            'another checkpoint with --set feature_checkpoint=..., or weights of VGG16 with '
            '--set vgg16_weights=...'
        )
    start = strides.index(stride)
    end = next((i for i in range(start, len(strides)) if strides[i] != stride), len(strides))
    names = [name for name, _ in outputs[start:end]]
    depth = min(name.count('.') for name in names)
    return [name for name in names if name.count('.') == depth][-1]


def normalize_images(
    images: np.ndarray,
    mean: tuple[float, float, float],
    std: tuple[float, float, float],
    device: torch.device,
) -> Tensor:
    """
    Return images as the input of a network.

    :param images: (N, H, W, 3) uint8 RGB
    :return: (N, 3, H, W) float32, channels last in memory
    """
    return normalize(torch.from_numpy(images).permute(0, 3, 1, 2), mean, std, device)


class _StageOutput(nn.Module):
    """Run a network and return the output of one of its modules."""

    def __init__(self, model: SegmentationNetwork, stage: str) -> None:
        super().__init__()
        self.model = model
        self._output: Tensor | None = None
        model.get_submodule(stage).register_forward_hook(self._keep_first)

    def forward(self, image: Tensor) -> Tensor:
        self._output = None
        self.model(image)
        assert self._output is not None
        return self._output

    def _keep_first(self, module: nn.Module, inputs: object, output: Tensor) -> None:
        # A shared encoder runs again for the auxiliary branch.
        if self._output is None:
            self._output = output


def _recorder(name: str, outputs: list[tuple[str, int]]) -> Callable[..., None]:
    """Return a forward hook that notes the name and the height of a module's map."""

    def record(module: nn.Module, inputs: object, output: object) -> None:
        if isinstance(output, Tensor) and output.ndim == 4:
            outputs.append((name, output.shape[-2]))

    return record
