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
Losses of learning without labels, in the form of the paper and in that of the released code.

D. Liu, Y. Wei, T. Jiang, Y. Wang, R. Miao, F. Shan, Z. Li: Unsupervised Surgical Instrument
Segmentation via Anchor Generation and Semantic Diffusion. MICCAI 2020, sections 2.1 and 2.2.
https://arxiv.org/abs/2008.11946

All are computed in single precision, whatever the type of their arguments.
"""

import torch
from torch import Tensor
import torch.nn.functional as F

PAPER, RELEASED = 'paper', 'released'
FORMS = (PAPER, RELEASED)

RELEASED_POSITIVE_WEIGHT = 1.5
RELEASED_NEGATIVE_WEIGHT = 1.0
"""Weights of the two terms of the anchor loss in the released code."""

NORM_FLOOR = 1e-8
"""Smallest norm that a vector is divided by."""


def anchor_loss(logits: Tensor, positive: Tensor, negative: Tensor, form: str = PAPER) -> Tensor:
    """
    Return the loss that pulls the prediction towards the anchors.

    With the prediction ``p = sigmoid(z)``, paper, equation (1)::

        L = mean_i(-a_pos,i * p_i - a_neg,i * (1 - p_i))

    Released code::

        L = 1.5 * mean_i(-a_pos,i * log p_i) + 1.0 * mean_i(-a_neg,i * log(1 - p_i))

    The first is bounded, its gradient fades where the prediction is certain; the second goes on
    correcting confident mistakes.

    :param logits: (N, H, W) float, z
    :param positive: (N, H, W) float in [0, 1], a_pos
    :param negative: (N, H, W) float in [0, 1], a_neg
    :param form: ``'paper'`` or ``'released'``
    :return: scalar, mean over images and pixels
    :raises ValueError: if there is no such form
    """
    check_form(form)
    logits, positive, negative = logits.float(), positive.float(), negative.float()
    if form == RELEASED:
        instrument = -(positive * F.logsigmoid(logits)).mean()
        background = -(negative * F.logsigmoid(-logits)).mean()
        return RELEASED_POSITIVE_WEIGHT * instrument + RELEASED_NEGATIVE_WEIGHT * background
    probability = logits.sigmoid()
    return (-positive * probability - negative * (1 - probability)).mean()


def semantic_diffusion_losses(
    probabilities: tuple[Tensor, Tensor],
    features: tuple[Tensor, Tensor],
    margins: tuple[float, float],
    form: str = PAPER,
) -> tuple[Tensor, Tensor]:
    """
    Return the losses that make both regions of one frame resemble those of another.

    The features are gathered in both regions, equation (2)::

        f_fg = sum_i p_i F_i        f_bg = sum_i (1 - p_i) F_i

    and compared by the cosine phi, equations (3) and (4) for frames 1 and 2::

        L_fg = max(phi(f_fg1, f_bg1) + phi(f_fg2, f_bg2) - 2 phi(f_fg1, f_fg2) + m_fg, 0)
        L_bg = max(phi(f_fg1, f_bg1) + phi(f_fg2, f_bg2) - 2 phi(f_bg1, f_bg2) + m_bg, 0)

    The released code normalizes the features of every pixel, ``F_i / |F_i|``, and halves the
    bracket::

        L_fg = max((phi(f_fg1, f_bg1) + phi(f_fg2, f_bg2)) / 2 - phi(f_fg1, f_fg2) + m_fg, 0)

    Its margin is therefore worth twice as much. A sum and a mean have the same cosine.

    :param probabilities: p of the first and of the second frame of each pair, (N, h, w) float
    :param features: F of the same, (N, D, h, w) float
    :param margins: m_fg and m_bg
    :param form: ``'paper'`` or ``'released'``
    :return: L_fg and L_bg, scalars, mean over the pairs
    :raises ValueError: if there is no such form
    """
    check_form(form)
    normalize = form == RELEASED
    (fg1, bg1), (fg2, bg2) = (
        gather_regions(probability, feature, normalize)
        for probability, feature in zip(probabilities, features, strict=True)
    )
    within = _cosine(fg1, bg1) + _cosine(fg2, bg2)
    scale = 0.5 if form == RELEASED else 1.0
    foreground, background = (
        F.relu(scale * (within - 2 * _cosine(first, second)) + margin).mean()
        for first, second, margin in zip((fg1, bg1), (fg2, bg2), margins, strict=True)
    )
    return foreground, background


def gather_regions(
    probability: Tensor, features: Tensor, normalize: bool = False
) -> tuple[Tensor, Tensor]:
    """
    Return the features of the instrument and of the background, equation (2).

    :param probability: (N, h, w) float
    :param features: (N, D, h, w) float
    :param normalize: divide the features of each pixel by their length first
    :return: f_fg and f_bg, (N, D) float
    """
    probability, features = probability.float(), features.float()
    if normalize:
        features = F.normalize(features, dim=1, eps=NORM_FLOOR)
    instrument = torch.einsum('nhw,ndhw->nd', probability, features)
    return instrument, features.sum(dim=(2, 3)) - instrument


def check_form(form: str) -> None:
    """
    Refuse an unknown form of the losses.

    :raises ValueError: naming those that exist
    """
    if form not in FORMS:
        raise ValueError(f"no form '{form}' of the losses; choose one of: {', '.join(FORMS)}")


def _cosine(first: Tensor, second: Tensor) -> Tensor:
    return F.cosine_similarity(first, second, dim=1, eps=NORM_FLOOR)
