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

"""Loss functions; all are computed in single precision."""

from torch import Tensor
import torch.nn.functional as F

from surgseg_ros.models.mffnet import BranchLogits

AUXILIARY_WEIGHT = 0.4
"""Weight of the auxiliary branch, Islam et al. 2019, section II-C."""


def cross_entropy(logits: Tensor, labels: Tensor, class_weights: Tensor | None = None) -> Tensor:
    """
    Return the softmax cross-entropy at the resolution of the labels.

    The logits are resized bilinearly to the labels. Islam et al. shrink the labels instead; by
    nearest neighbor that moves every outline by half a pixel of the logits.

    :param logits: (N, C, h, w) float
    :param labels: (N, H, W) int64
    :param class_weights: (C,) float
    """
    resized = F.interpolate(
        logits.float(), labels.shape[-2:], mode='bilinear', align_corners=False
    )
    return F.cross_entropy(resized, labels, class_weights)


def auxiliary_supervised_loss(
    logits: BranchLogits, labels: Tensor, class_weights: Tensor | None = None
) -> Tensor:
    """
    Return L_seg = L_main + 0.4 L_aux, equation (1) of Islam et al. 2019.

    :param logits: of both branches
    :param labels: (N, H, W) int64
    :param class_weights: (C,) float
    """
    main = cross_entropy(logits.main, labels, class_weights)
    auxiliary = cross_entropy(logits.auxiliary, labels, class_weights)
    return main + AUXILIARY_WEIGHT * auxiliary
