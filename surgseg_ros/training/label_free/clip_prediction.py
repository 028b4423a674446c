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

"""What a network says about the frames of a clip: where there are instruments."""

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from surgseg_ros.inference.checkpoint_info import CheckpointInfo
from surgseg_ros.inference.devices import autocast
from surgseg_ros.inference.devices import PRECISIONS
from surgseg_ros.inference.devices import select_training_precision
from surgseg_ros.models import SegmentationNetwork
from surgseg_ros.training.label_free.frozen_features import normalize_images

BATCH = 4


@torch.inference_mode()
def predict_instruments(
    model: SegmentationNetwork,
    info: CheckpointInfo,
    images: np.ndarray,
    device: torch.device,
    mirrored: bool = False,
) -> np.ndarray:
    """
    Return the probability of an instrument; the network is left in evaluation mode.

    :param model: on the device
    :param info: its normalization counts
    :param images: (T, H, W, 3) uint8 RGB
    :param mirrored: show the network mirror images; the result is mirrored back
    :return: (T, H, W) float16
    """
    model.eval()
    dtype = PRECISIONS[select_training_precision(device)]
    maps = []
    for start in tqdm(range(0, len(images), BATCH), unit='batch', desc='predict'):
        part = images[start : start + BATCH]
        batch = mirror(normalize_images(part, info.mean, info.std, device), mirrored)
        with autocast(device, dtype):
            logits = foreground_logit(model(batch))
        maps.append(mirror(logits.sigmoid(), mirrored).half().cpu().numpy())
    return np.concatenate(maps)


def foreground_logit(logits: Tensor) -> Tensor:
    """
    Return the logit of the probability that a pixel is no background, ``1 - p_0``.

    :param logits: (N, C, H, W); one channel is that logit itself
    :return: (N, H, W) float32
    """
    logits = logits.float()
    if logits.shape[1] == 1:
        return logits[:, 0]
    return logits[:, 1:].logsumexp(dim=1) - logits[:, 0]


def mirror(maps: Tensor, mirrored: bool = True) -> Tensor:
    """Return maps with left and right exchanged, or as they are."""
    return maps.flip(-1) if mirrored else maps
