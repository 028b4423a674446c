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

"""Thresholds and scores of probability maps, as the tables of AGSD have them."""

from collections.abc import Iterable
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from surgseg_ros.evaluation.labels.metrics import confusion_matrix
from surgseg_ros.evaluation.labels.metrics import dice_per_class
from surgseg_ros.perception.anchors import Anchors
from surgseg_ros.perception.cues import stretch_to_unit


class Overlap(NamedTuple):
    """
    How well masks cover the truth, mean over the images.

    :param dice: 2 TP / (2 TP + FP + FN)
    :param iou: TP / (TP + FP + FN)
    """

    dice: float
    iou: float


def otsu_threshold(probability: np.ndarray) -> float:
    """
    Return the threshold that separates the values of a map best, by N. Otsu 1979.

    The range of the map is divided into 256 steps, so the map may be as faint as a product of
    cues is.

    :param probability: (H, W) float
    """
    low, high = float(probability.min()), float(probability.max())
    levels = np.round(stretch_to_unit(probability) * 255).astype(np.uint8)
    level, _ = cv2.threshold(levels, 0, 255, cv2.THRESH_OTSU)
    return low + (level + 0.5) / 255 * (high - low)


def otsu_mask(probability: np.ndarray) -> np.ndarray:
    """
    Return where a map exceeds its own threshold, see :func:`otsu_threshold`.

    :param probability: (H, W) float
    :return: (H, W) bool
    """
    return probability > otsu_threshold(probability)


def score_maps(
    maps: Iterable[np.ndarray], truths: Iterable[np.ndarray], threshold: float | None = None
) -> Overlap:
    """
    Return the overlap of maps with the truth, mean over the images.

    An image without instruments counts as 1 if nothing is found there, and as 0 otherwise.

    :param maps: (h, w) float each, enlarged to the truth
    :param truths: (H, W) class ids each, 0 is background
    :param threshold: of all maps; ``None``: Otsu's, for each map
    """
    scores = []
    for probability, truth in zip(maps, truths, strict=True):
        enlarged = cv2.resize(probability.astype(np.float32), truth.shape[::-1])
        limit = otsu_threshold(enlarged) if threshold is None else threshold
        matrix = confusion_matrix((truth > 0).astype(int), (enlarged > limit).astype(int), 2)
        dice = dice_per_class(matrix)[1]
        scores.append(1.0 if np.isnan(dice) else dice)
    values = np.array(scores)
    return Overlap(float(values.mean()), float((values / (2 - values)).mean()))


class AdaptationScores(NamedTuple):
    """
    The columns of table 2: how well anchors and prediction cover the truth.

    :param positive: of the positive anchors, a_pos
    :param inverted_negative: of the inverted negative anchors, 1 - a_neg
    :param prediction: of the network, p
    """

    positive: Overlap
    inverted_negative: Overlap
    prediction: Overlap


def score_adaptation(
    anchors: Anchors, prediction: Iterable[np.ndarray], truths: Sequence[np.ndarray]
) -> AdaptationScores:
    """
    Score anchors and prediction of the same frames, each map at its own threshold of Otsu.

    :param anchors: (T, h, w) float each
    :param prediction: (T, h, w) float
    :param truths: (H, W) class ids each, 0 is background
    """
    return AdaptationScores(
        score_maps(anchors.positive, truths),
        score_maps((1 - maps for maps in anchors.negative), truths),
        score_maps(prediction, truths),
    )
