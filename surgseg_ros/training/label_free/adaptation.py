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
Learning to segment instruments from a clip without labels.

D. Liu, Y. Wei, T. Jiang, Y. Wang, R. Miao, F. Shan, Z. Li: Unsupervised Surgical Instrument
Segmentation via Anchor Generation and Semantic Diffusion. MICCAI 2020.
https://arxiv.org/abs/2008.11946

A network learns from the anchors of each frame (:mod:`surgseg_ros.perception.anchors`) and from
what pairs of frames have in common (:mod:`surgseg_ros.training.label_free.losses`).

Deviations from the paper and the released code: the features are not enlarged to the prediction,
the prediction is averaged down to the features instead, which gives nearly the same sums of
equation (2) at a fraction of the cost; frames are mirrored but not cut at random, because the
features are computed once.
"""

from collections.abc import Mapping
from dataclasses import asdict
from dataclasses import dataclass
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
import torch.nn.functional as F
from tqdm import tqdm

from surgseg_ros.inference.checkpoint_info import CheckpointInfo
from surgseg_ros.inference.devices import autocast
from surgseg_ros.inference.devices import denormals_flushed
from surgseg_ros.inference.devices import place_network
from surgseg_ros.inference.devices import PRECISIONS
from surgseg_ros.inference.devices import select_training_precision
from surgseg_ros.models import SegmentationNetwork
from surgseg_ros.perception.anchors import Anchors
from surgseg_ros.perception.cues import COLOR
from surgseg_ros.perception.cues import GENERAL_CUES
from surgseg_ros.perception.cues import LOCATION
from surgseg_ros.perception.cues import OBJECTNESS
from surgseg_ros.perception.cues import OWN_CUES
from surgseg_ros.training.label_free.clip import Clip
from surgseg_ros.training.label_free.clip_prediction import foreground_logit
from surgseg_ros.training.label_free.clip_prediction import mirror
from surgseg_ros.training.label_free.clip_prediction import predict_instruments
from surgseg_ros.training.label_free.frozen_features import normalize_images
from surgseg_ros.training.label_free.losses import anchor_loss
from surgseg_ros.training.label_free.losses import check_form
from surgseg_ros.training.label_free.losses import PAPER
from surgseg_ros.training.label_free.losses import RELEASED
from surgseg_ros.training.label_free.losses import semantic_diffusion_losses
from surgseg_ros.training.losses import AUXILIARY_WEIGHT

LABEL_SHARES = (0, 50, 100)
ADJACENT, RANDOM = 'adjacent', 'random'
NEW_NETWORK_SIZE = (320, 256)
"""Width and height in pixels, half of the released code's, for a CPU."""

LOG_PERIOD = 10
"""Steps between the lines of the log."""


@dataclass(frozen=True)
class AdaptationOptions:
    """
    How to learn without labels.

    The defaults are those of the released code unless a reason is given, because the anchor loss
    of the paper, equation (1), may end in a prediction of background everywhere: its gradient
    fades as the prediction becomes certain. :data:`PAPER_OPTIONS` has what the paper says,
    sections 2 and 3, :data:`ISIC_OPTIONS` what it does for images of skin.

    :param form: of the losses, ``'paper'`` or ``'released'``
    :param cues: those that the anchors are made of, of ``color``, ``objectness`` and ``location``
        (paper, section 2.1), and, of a checkpoint to adapt, ``prediction`` and ``mirrored``
    :param stretch_color: stretch the color cue of each frame to the range from 0 to 1; an
        unused function of the released code suggests it
    :param center_prior: take a Gaussian around the image's center as the location cue
    :param smoothing: shrink and enlarge the anchors by this factor
    :param anchors: use the anchor loss, equation (1)
    :param foreground_diffusion: use equation (3)
    :param background_diffusion: use equation (4)
    :param foreground_margin: m_fg
    :param background_margin: m_bg
    :param anchor_weight: of equation (1), mean over all frames, in the sum (5)
    :param foreground_weight: of equation (3)
    :param background_weight: of equation (4)
    :param pairing: ``'adjacent'`` frames or ``'random'`` ones make a pair (section 2.2)
    :param pairs_per_batch: pairs a step; 6 in the released code, fewer here for a CPU
    :param encoder: of ``agsd_unet``, where no checkpoint is adapted: ``'resnet18'``, or
        ``'vanilla'`` (paper), which takes 15 times as long
    :param encoder_weights: file with ImageNet weights of the ResNet-18; empty: those in torch's
        cache, or random ones
    :param vgg16_weights: file with ImageNet weights of VGG16, whose relu5_3 is compared
        (section 3); empty: those in torch's cache, or else the encoder of ``feature_checkpoint``
    :param feature_checkpoint: see above; empty: that of the checkpoint to adapt, or the shipped
        one
    :param feature_size: (width, height) in pixels of the images that the features come from
    :param size: (width, height) in pixels of the images that the network sees; ``None``: that of
        the checkpoint to adapt, or :data:`NEW_NETWORK_SIZE`
    :param max_frames: evenly spaced frames that are kept of a longer clip, for memory and time
    :param steps: optimizer steps; minutes on two CPU cores, the released code takes 6 epochs
    :param learning_rate: of Adam
    :param label_share: percentage of frames whose anchors are replaced by the ground truth, 0, 50
        (every second one, section 3.3) or 100
    :param seed: of weights, pairs and changes of the images
    :raises ValueError: if an option is out of range
    """

    form: str = RELEASED
    cues: tuple[str, ...] = GENERAL_CUES
    stretch_color: bool = True
    center_prior: bool = False
    smoothing: int = 4
    anchors: bool = True
    foreground_diffusion: bool = True
    background_diffusion: bool = True
    foreground_margin: float = 0.05
    background_margin: float = 0.45
    anchor_weight: float = 1.0
    foreground_weight: float = 0.5
    background_weight: float = 2.0
    pairing: str = ADJACENT
    pairs_per_batch: int = 2
    encoder: str = 'resnet18'
    encoder_weights: str = ''
    vgg16_weights: str = ''
    feature_checkpoint: str = ''
    feature_size: tuple[int, int] = (640, 512)
    size: tuple[int, int] | None = None
    max_frames: int = 300
    steps: int = 150
    learning_rate: float = 5e-4
    label_share: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the values."""
        check_form(self.form)
        known = GENERAL_CUES + OWN_CUES
        if not self.cues or not set(self.cues) <= set(known):
            raise ValueError(f'cues must be one or more of {", ".join(known)}, not {self.cues}')
        if self.label_share not in LABEL_SHARES:
            raise ValueError(f'label_share must be one of {LABEL_SHARES}, not {self.label_share}')
        if self.pairing not in (ADJACENT, RANDOM):
            raise ValueError(f"pairing must be '{ADJACENT}' or '{RANDOM}', not '{self.pairing}'")
        if not (self.anchors or self.foreground_diffusion or self.background_diffusion):
            raise ValueError('every loss is turned off; leave at least one on')
        for name in ('pairs_per_batch', 'steps', 'smoothing', 'max_frames'):
            if getattr(self, name) < 1:
                raise ValueError(f'{name} must be at least 1, not {getattr(self, name)}')

    @property
    def margins(self) -> tuple[float, float]:
        """Return m_fg and m_bg."""
        return self.foreground_margin, self.background_margin

    @property
    def uses_diffusion(self) -> bool:
        """Tell whether pairs of frames are compared."""
        return self.foreground_diffusion or self.background_diffusion

    def is_labeled(self, index: int) -> bool:
        """Tell whether the ground truth replaces the anchors of a frame."""
        return self.label_share > 0 and index % (100 // self.label_share) == 0


PAPER_OPTIONS: Mapping[str, Any] = {
    'foreground_margin': 0.2,
    'background_margin': 0.8,
    # Equation (5) sums up the losses of both frames.
    'anchor_weight': 2.0,
    'foreground_weight': 1.0,
    'background_weight': 1.0,
    'smoothing': 1,
}
"""What goes with the losses of the paper, sections 2.2 and 3."""

ISIC_OPTIONS: Mapping[str, Any] = {
    'cues': (OBJECTNESS, LOCATION),
    'center_prior': True,
    'pairing': RANDOM,
}
"""Section 3.5, for images of skin lesions, which differ in color and are no video."""

TRAINED_OPTIONS: Mapping[str, Any] = {
    'cues': OWN_CUES,
    'smoothing': 1,
    'learning_rate': 1e-4,
}
"""
What goes with a trained network, of which the paper does not speak.

Its own prediction is a better anchor than gray colors are: those undo what it has learned.
"""


def make_options(
    form: str = AdaptationOptions.form, isic: bool = False, trained: bool = False, **changes: Any
) -> AdaptationOptions:
    """
    Return the options of a form of the losses, with changes.

    :param isic: for images of skin lesions, section 3.5
    :param trained: for a network that finds instruments, see :data:`TRAINED_OPTIONS`
    :raises ValueError: if there is no such form, or a change is out of range, or the color cue is
        wanted for images of skin lesions
    """
    check_form(form)
    if isic and COLOR in changes.get('cues', ()):
        raise ValueError(
            'the colors of skin lesions vary too much for the color cue; leave it out of the cues'
        )
    values = {
        **(PAPER_OPTIONS if form == PAPER else {}),
        **(TRAINED_OPTIONS if trained else {}),
        **(ISIC_OPTIONS if isic else {}),
        **changes,
    }
    return AdaptationOptions(form=form, **values)


class Adaptation:
    """
    Train a network on the anchors and the pairs of a clip.

    :param model: any network; one with parts or types is trained through the probability of its
        foreground
    :param info: its description; the normalization counts
    :param clip: frames to learn from, two or more
    :param anchors: (T, H, W) each, of the clip's size
    :param features: (T, D, h, w) float16; ``None`` if pairs are not compared
    :param device: to train on
    :raises ValueError: if there are fewer than two frames to make pairs of, or no features
    """

    def __init__(
        self,
        model: SegmentationNetwork,
        info: CheckpointInfo,
        clip: Clip,
        anchors: Anchors,
        features: Tensor | None,
        options: AdaptationOptions,
        device: torch.device,
    ) -> None:
        if len(clip) < 2:
            raise ValueError(
                f'{clip.name} has {len(clip)} frame; pairs of frames are needed, so give a video, '
                'a recording or a folder with two images or more'
            )
        if options.uses_diffusion and features is None:
            raise ValueError('semantic diffusion needs the features of the frames')
        self.model = place_network(model, device).requires_grad_(True)
        self.steps_done = 0
        self._info = info
        self._clip = clip
        self._anchors = anchors
        self._features = features
        self.options = options
        self._device = device
        self._dtype = PRECISIONS[select_training_precision(device)]
        self._rng = np.random.default_rng(options.seed)
        self._optimizer = torch.optim.Adam(
            self.model.parameters(), options.learning_rate, fused=True
        )

    def run(self, log: Path) -> None:
        """
        Train to the end; after an interrupt the network is that of the last step.

        :param log: file for the losses, one JSON object every :data:`LOG_PERIOD` steps
        """
        self.model.train()
        steps = range(self.steps_done, self.options.steps)
        with (
            denormals_flushed(),
            log.open('w', encoding='utf-8') as file,
            tqdm(steps, unit='step') as bar,
        ):
            bar.set_description('adapt')
            for step in bar:
                losses = self._train_step()
                self.steps_done = step + 1
                if self.steps_done % LOG_PERIOD == 0 or self.steps_done == self.options.steps:
                    values = {name: round(loss.item(), 5) for name, loss in losses.items()}
                    file.write(json.dumps({'step': self.steps_done, **values}) + '\n')
                    bar.set_postfix(values)

    def predict(self, images: np.ndarray) -> np.ndarray:
        """
        Return the probability of an instrument.

        :param images: (T, H, W, 3) uint8 RGB
        :return: (T, H, W) float16
        """
        return predict_instruments(self.model, self._info, images, self._device)

    def describe(self) -> dict[str, Any]:
        """Return what the checkpoint says about the training."""
        return {
            'clip': self._clip.name,
            'frames': len(self._clip),
            'steps': self.steps_done,
            'options': asdict(self.options),
        }

    def _train_step(self) -> dict[str, Tensor]:
        """Take one step; return the losses by name."""
        first, second = self._draw_pairs()
        indices = np.concatenate([first, second])
        mirrored = bool(self._rng.random() < 0.5)
        batch = mirror(self._jitter(self._normalize(self._clip.images[indices])), mirrored)
        total = torch.zeros((), device=self._device)
        losses: dict[str, Tensor] = {}
        for branch in self.model.branches:
            with autocast(self._device, self._dtype):
                logits = foreground_logit(self.model(batch, branch))
            own = self._losses(logits, indices, mirrored)
            weight = 1.0 if branch == 'main' else AUXILIARY_WEIGHT
            total = total + weight * sum(own.values())
            losses = losses or own
        self._optimizer.zero_grad(set_to_none=True)
        total.backward()
        self._optimizer.step()
        return losses

    def _losses(self, logits: Tensor, indices: np.ndarray, mirrored: bool) -> dict[str, Tensor]:
        """
        Return the terms of equation (5), weighted.

        :param logits: (2 N, H, W) of the first frames of all pairs, then of the second ones
        """
        options = self.options
        losses: dict[str, Tensor] = {}
        if options.anchors:
            positive, negative = (
                mirror(torch.from_numpy(each[indices]).to(self._device), mirrored)
                for each in self._anchors
            )
            loss = anchor_loss(logits, positive, negative, options.form)
            losses['anchors'] = options.anchor_weight * loss
        if not options.uses_diffusion:
            return losses
        assert self._features is not None
        features = mirror(self._features[indices].to(self._device), mirrored)
        height, width = features.shape[-2:]
        probability = F.adaptive_avg_pool2d(logits.float().sigmoid(), (height, width))
        foreground, background = semantic_diffusion_losses(
            _halve(probability), _halve(features), options.margins, options.form
        )
        if options.foreground_diffusion:
            losses['foreground'] = options.foreground_weight * foreground
        if options.background_diffusion:
            losses['background'] = options.background_weight * background
        return losses

    def _draw_pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the numbers of the first and the second frames of some pairs."""
        count = self.options.pairs_per_batch
        if self.options.pairing == ADJACENT:
            first = self._rng.integers(0, len(self._clip) - 1, count)
            return first, first + 1
        first = self._rng.integers(0, len(self._clip), count)
        distance = self._rng.integers(1, len(self._clip), count)
        return first, (first + distance) % len(self._clip)

    def _normalize(self, images: np.ndarray) -> Tensor:
        return normalize_images(images, self._info.mean, self._info.std, self._device)

    def _jitter(self, batch: Tensor) -> Tensor:
        """Change brightness and contrast of each normalized image by up to a tenth."""
        gain, shift = (
            torch.from_numpy(self._rng.uniform(-0.1, 0.1, (len(batch), 1, 1, 1))).to(batch)
            for _ in range(2)
        )
        return batch * (1 + gain) + shift


def _halve(maps: Tensor) -> tuple[Tensor, Tensor]:
    first, second = maps.chunk(2)
    return first, second
