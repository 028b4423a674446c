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
Adversarial losses of Islam et al. 2019, section II-C, equation (2).

L_adv is the "spatial cross entropy loss with respect to two classes (0 for feature maps of the
segmentation network or 1 for label maps of the ground truth)". Computed in single precision.
"""

from torch import Tensor
import torch.nn.functional as F

from surgseg_ros.training.losses import one_hot

ADVERSARIAL_WEIGHT = 0.01
"""Weight of L_adv in the loss of the segmentation network, section II-C."""


def generator_loss(judgement: Tensor) -> Tensor:
    """
    Return L_adv = mean over the pixels of -log D(softmax(logits)): the network wants to pass.

    :param judgement: (N, 1, H, W) logits of the discriminator for predicted class maps
    """
    judgement = judgement.float()
    return F.binary_cross_entropy_with_logits(judgement, judgement.new_ones(judgement.shape))


def discriminator_loss(predicted: Tensor, true: Tensor) -> Tensor:
    """
    Return the mean over the pixels of -log(1 - D(prediction)) - log D(ground truth).

    :param predicted: (N, 1, H, W) logits of the discriminator for predicted class maps
    :param true: likewise for one-hot labels
    """
    predicted, true = predicted.float(), true.float()
    return F.binary_cross_entropy_with_logits(
        predicted, predicted.new_zeros(predicted.shape)
    ) + F.binary_cross_entropy_with_logits(true, true.new_ones(true.shape))


def predicted_maps(logits: Tensor, labels: Tensor) -> Tensor:
    """
    Return what the discriminator sees of a network: its probabilities, unlabeled pixels blank.

    :param logits: (N, C, h, w) of the main branch, at its own resolution; C at least 2
    :param labels: (N, H, W) int64
    :return: (N, C, h, w) float32
    """
    known = true_maps(logits, labels).sum(dim=1, keepdim=True)
    return logits.float().softmax(dim=1) * known


def true_maps(logits: Tensor, labels: Tensor) -> Tensor:
    """
    Return the one-hot labels at the resolution of the logits, by nearest neighbor.

    :param logits: (N, C, h, w); their values do not matter
    :param labels: (N, H, W) int64
    :return: (N, C, h, w) float32
    """
    size = logits.shape[-2:]
    small = F.interpolate(labels.unsqueeze(1).float(), size, mode='nearest-exact')
    return one_hot(small.squeeze(1).long(), logits.shape[1])
