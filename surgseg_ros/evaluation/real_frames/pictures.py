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
Pictures of scenes of real frames: a contact sheet of all of them, and the images that fail worst.

They show real frames, whose licences hold for the pictures too.
"""

from collections.abc import Mapping
from collections.abc import Sequence

import cv2
import numpy as np

from surgseg_ros.data.label_sets import BINARY
from surgseg_ros.data.label_sets import get_label_set
from surgseg_ros.data.label_sets import LabelSet
from surgseg_ros.data.scenes import EXACT
from surgseg_ros.data.scenes import Scene
from surgseg_ros.data.scenes import SceneFrame
from surgseg_ros.evaluation.labels.pictures import draw_worst_frames
from surgseg_ros.evaluation.labels.pictures import ShownFrame
from surgseg_ros.evaluation.labels.scores import LabeledFrame
from surgseg_ros.evaluation.real_frames.scores import ImageScores
from surgseg_ros.evaluation.real_frames.scores import without_other
from surgseg_ros.perception.overlay import draw_overlay
from surgseg_ros.reporting.mosaic import draw_caption
from surgseg_ros.reporting.mosaic import draw_legend
from surgseg_ros.reporting.mosaic import fit_into

CELL = (400, 320)
"""Width and height of a picture, px."""

SHOWN_IMAGES = 3
"""Images of each scene on the contact sheet, each with its overlay."""

WORST_OF_SCENE = 3
"""Images of one scene among the worst, so that it does not hide the others."""

_TRUTH_COLOR = (255, 0, 170)
_OTHER_COLOR = (255, 255, 255)
_LEGEND = 'tint: prediction, magenta outline: truth, white outline: other tools, not scored'


class ScenePictures:
    """
    Collect what the pictures of a run show; of all other images nothing is kept.

    Which images the contact sheet shows depends on their number alone, never on a score.

    :param label_set: of the predictions
    :param method: whose scores are told, a name within :class:`ImageScores`
    """

    def __init__(self, label_set: LabelSet, method: str) -> None:
        self._label_set = label_set
        self._method = method
        self._rows: dict[str, list[np.ndarray]] = {}
        self._worst_labeled: dict[str, list[ShownFrame]] = {}
        self._worst_empty: dict[str, list[ShownFrame]] = {}

    def add(
        self,
        scene: Scene,
        place: tuple[int, int],
        frame: SceneFrame,
        labels: np.ndarray,
        scores: ImageScores,
    ) -> None:
        """
        Take an image.

        :param place: its index and the number of images of the scene
        :param labels: (H, W) uint8 prediction
        :param scores: of the image
        """
        told = self._tell(scene, scores)
        if place[0] in choose_shown(place[1]):
            row = self._rows.setdefault(scene.name, [])
            row += self._draw(scene, frame, labels, told)
        score = self._rank(scene, scores)
        if score is not None and score < 1:
            kind = self._worst_labeled if scene.instruments else self._worst_empty
            worst = kind.setdefault(scene.name, [])
            worst.append(_shown_frame(scene, frame, labels, score, told))
            worst.sort(key=lambda shown: shown.score)
            del worst[WORST_OF_SCENE:]

    def contact_sheet(self) -> np.ndarray:
        """
        Draw a row a scene: image, and prediction with the outline of the truth, side by side.

        :return: (H, W, 3) uint8 RGB, 2400 px wide
        """
        width = 2 * SHOWN_IMAGES * CELL[0]
        rows = [_padded(np.hstack(cells), width) for cells in self._rows.values()]
        return np.vstack([*rows, draw_legend(width, self._label_set, _LEGEND)])

    def worst(self, count: int) -> np.ndarray | None:
        """
        Draw the failures, the worst first: image, truth and prediction of each.

        First come those with exact labels by Dice, then those without instruments by what was
        found all the same; at most :data:`WORST_OF_SCENE` of a scene.

        :param count: at most so many images with labels
        :return: (H, W, 3) uint8 RGB, up to 1200 px wide; ``None`` if nothing fails
        """
        labeled, empty = _in_order(self._worst_labeled), _in_order(self._worst_empty)
        shown = [*labeled[:count], *empty]
        return draw_worst_frames(shown, get_label_set(BINARY)) if shown else None

    def _tell(self, scene: Scene, scores: ImageScores) -> str:
        if not scene.instruments:
            return f'false positives {scores.area_percent[self._method]:.2f} %'
        if not scores.dice:
            return 'no truth'
        kind = '' if scene.labels == EXACT else ' (rough)'
        return f'Dice {scores.dice[self._method]:.3f}{kind}'

    def _rank(self, scene: Scene, scores: ImageScores) -> float | None:
        """Return 1 for a faultless image, less for others, ``None`` for what is not ranked."""
        if not scene.instruments:
            return 1 - scores.area_percent[self._method] / 100
        if scene.labels == EXACT and scores.dice:
            return scores.dice[self._method]
        return None

    def _draw(
        self, scene: Scene, frame: SceneFrame, labels: np.ndarray, told: str
    ) -> tuple[np.ndarray, np.ndarray]:
        image = fit_into(frame.image, CELL)
        overlay = draw_overlay(image, fit_into(labels, CELL), self._label_set)
        for mask, color in ((frame.other, _OTHER_COLOR), (frame.mask, _TRUTH_COLOR)):
            if mask is not None:
                _draw_outline(overlay, fit_into(mask, CELL) == 1, color)
        return _captioned(image, f'{scene.name}/{frame.stem}'), _captioned(overlay, told)


def choose_shown(count: int) -> set[int]:
    """
    Return the indices of evenly spaced images, the middle of equal shares.

    >>> sorted(choose_shown(12))
    [2, 6, 10]
    """
    shown = min(SHOWN_IMAGES, count)
    return {(2 * index + 1) * count // (2 * shown) for index in range(shown)}


def _in_order(frames: Mapping[str, Sequence[ShownFrame]]) -> list[ShownFrame]:
    return sorted((each for scene in frames.values() for each in scene), key=lambda it: it.score)


def _shown_frame(
    scene: Scene, frame: SceneFrame, labels: np.ndarray, score: float, told: str
) -> ShownFrame:
    truth = np.zeros_like(labels) if frame.mask is None else frame.mask
    shown = LabeledFrame(
        scene.name,
        frame.stem,
        fit_into(without_other(truth, frame.other), CELL),
        fit_into(labels, CELL),
    )
    return ShownFrame(shown.as_binary(), score, fit_into(frame.image, CELL), told)


def _draw_outline(picture: np.ndarray, mask: np.ndarray, color: tuple[int, int, int]) -> None:
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    cv2.drawContours(picture, contours, -1, color, 1)


def _captioned(picture: np.ndarray, text: str) -> np.ndarray:
    below = ((0, CELL[1] - picture.shape[0]), (0, CELL[0] - picture.shape[1]), (0, 0))
    return np.vstack([draw_caption(CELL[0], text), np.pad(picture, below)])


def _padded(row: np.ndarray, width: int) -> np.ndarray:
    return np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0)))
