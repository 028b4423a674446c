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

"""Tests of the losses without labels, against values calculated by hand."""

import math

import pytest
import torch

from surgseg_ros.training.label_free.losses import anchor_loss
from surgseg_ros.training.label_free.losses import gather_regions
from surgseg_ros.training.label_free.losses import semantic_diffusion_losses

LOGITS = torch.tensor([[[0.0, math.log(3.0)]]])  # probabilities 1/2 and 3/4
POSITIVE = torch.tensor([[[0.6, 0.2]]])
NEGATIVE = torch.tensor([[[0.1, 0.4]]])

# Two pixels with two features each. Frame 1 is all instrument on the left, frame 2 half.
FEATURES = (
    torch.tensor([[3.0, 0.0], [0.0, 4.0]]).view(1, 2, 1, 2),
    torch.tensor([[2.0, 0.0], [0.0, 1.0]]).view(1, 2, 1, 2),
)
PROBABILITIES = (torch.tensor([[[1.0, 0.0]]]), torch.tensor([[[0.5, 0.5]]]))


def test_anchor_loss_of_the_paper():
    # -(0.6 * 1/2 + 0.2 * 3/4) - (0.1 * 1/2 + 0.4 * 1/4), over two pixels
    assert anchor_loss(LOGITS, POSITIVE, NEGATIVE).item() == pytest.approx(-0.3)


def test_anchor_loss_as_released():
    positive = (0.6 * math.log(2) + 0.2 * math.log(4 / 3)) / 2
    negative = (0.1 * math.log(2) + 0.4 * math.log(4)) / 2
    loss = anchor_loss(LOGITS, POSITIVE, NEGATIVE, 'released')
    assert loss.item() == pytest.approx(1.5 * positive + negative)


def test_regions_are_weighted_sums():
    foreground, background = gather_regions(PROBABILITIES[1], FEATURES[1])
    torch.testing.assert_close(foreground, torch.tensor([[1.0, 0.5]]))
    torch.testing.assert_close(background, torch.tensor([[1.0, 0.5]]))
    foreground, _ = gather_regions(PROBABILITIES[1], FEATURES[1], normalize=True)
    torch.testing.assert_close(foreground, torch.tensor([[0.5, 0.5]]))


def test_diffusion_of_the_paper():
    # f_fg1 = (3, 0), f_bg1 = (0, 4): cosine 0; f_fg2 = f_bg2 = (1, 1/2): cosine 1.
    # Between the frames: fg 2 / sqrt(5), bg 1 / sqrt(5).
    foreground, background = semantic_diffusion_losses(PROBABILITIES, FEATURES, (1.2, 0.8))
    assert foreground.item() == pytest.approx(1 - 4 / math.sqrt(5) + 1.2)
    assert background.item() == pytest.approx(1 - 2 / math.sqrt(5) + 0.8)


def test_diffusion_as_released():
    # Normalized pixels: f_fg2 = f_bg2 = (1/2, 1/2), at 45 degrees to both regions of frame 1.
    foreground, background = semantic_diffusion_losses(
        PROBABILITIES, FEATURES, (0.25, 0.45), 'released'
    )
    assert foreground.item() == pytest.approx(0.5 - math.sqrt(0.5) + 0.25)
    assert background.item() == pytest.approx(0.5 - math.sqrt(0.5) + 0.45)


def test_diffusion_is_zero_where_the_margin_is_kept():
    separated = (PROBABILITIES[0], PROBABILITIES[0])
    losses = semantic_diffusion_losses(separated, FEATURES, (0.2, 0.8))
    assert [loss.item() for loss in losses] == [0.0, 0.0]


def test_diffusion_separates_the_regions():
    """Descend the loss alone from an undecided prediction: like features get like labels."""
    logits = torch.tensor([[[0.1, -0.1]], [[0.1, -0.1]]], requires_grad=True)
    for _ in range(50):
        probabilities = logits.sigmoid()
        losses = semantic_diffusion_losses(
            (probabilities[:1], probabilities[1:]), FEATURES, (0.2, 0.8)
        )
        (gradient,) = torch.autograd.grad(sum(losses), logits)
        logits = (logits - 10 * gradient).detach().requires_grad_()
    assert (logits[..., 0] > 0).all()
    assert (logits[..., 1] < 0).all()


def test_half_precision_is_computed_in_single():
    half = anchor_loss(LOGITS.bfloat16(), POSITIVE, NEGATIVE, 'released')
    assert half.dtype == torch.float32
    losses = semantic_diffusion_losses(
        PROBABILITIES, tuple(feature.half() * 1e4 for feature in FEATURES), (1.2, 0.8)
    )
    assert losses[0].item() == pytest.approx(1 - 4 / math.sqrt(5) + 1.2)


def test_unknown_forms_are_refused():
    with pytest.raises(ValueError, match="no form 'new'.*paper, released"):
        anchor_loss(LOGITS, POSITIVE, NEGATIVE, 'new')
    with pytest.raises(ValueError, match="no form 'new'"):
        semantic_diffusion_losses(PROBABILITIES, FEATURES, (0.2, 0.8), 'new')
