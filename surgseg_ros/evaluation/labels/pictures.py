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


"""Pictures of how well label images fit: the confusion matrix and the frames that fit worst."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from surgseg_ros.data.label_sets import LabelSet
from surgseg_ros.data.label_sets import UNLABELED
from surgseg_ros.evaluation.labels.scores import LabeledFrame
from surgseg_ros.perception.overlay import draw_overlay
from surgseg_ros.reporting.canvas import Canvas
from surgseg_ros.reporting.canvas import FAINT
from surgseg_ros.reporting.canvas import TEXT
from surgseg_ros.reporting.canvas import text_width
from surgseg_ros.reporting.mosaic import draw_caption
from surgseg_ros.reporting.mosaic import draw_legend
from surgseg_ros.reporting.mosaic import shrink

CONFUSION_PICTURE = 'confusion_matrix.png'
WORST_PICTURE = 'worst_frames.jpg'
_CELL_WIDTH, _CELL_HEIGHT = 110, 56
_MARGIN, _TITLE, _GAP = 20, 76, 10
_TITLE_SIZE, _SHARE_SIZE, _TEXT_SIZE = 0.6, 0.5, 0.4
_DARK = np.array([0, 84, 140])  # of a full share; an empty one is white
_WHITE_TEXT = (255, 255, 255)
_WHITE_TEXT_FROM = 0.55


@dataclass(frozen=True)
class ShownFrame:
    """
    A frame of the contact sheet.

    :param frame: labels
    :param score: its ``dice_ternaus``
    :param image: (H, W, 3) uint8 RGB
    :param told: stands above the prediction; empty: that Dice
    """

    frame: LabeledFrame
    score: float
    image: np.ndarray
    told: str = ''


def draw_confusion_matrix(confusion: np.ndarray, label_set: LabelSet) -> np.ndarray:
    """
    Draw a confusion matrix: each row a true class, its cells the shares predicted as each class.

    :param confusion: (C, C) counts of pixels, rows are the truth
    :return: (H, W, 3) uint8 RGB
    """
    names = label_set.class_names
    left = _MARGIN + _GAP + max(text_width(name, _TEXT_SIZE) for name in names)
    columns = [max(_CELL_WIDTH, round(text_width(name, _TEXT_SIZE)) + _GAP) for name in names]
    edges = left + np.concatenate([[0], np.cumsum(columns)])
    height = _TITLE + len(names) * _CELL_HEIGHT + _MARGIN
    canvas = Canvas.blank(round(edges[-1]) + _MARGIN, height)
    canvas.write(_MARGIN, 28, 'rows: truth, columns: prediction', _TITLE_SIZE, bold=True)
    canvas.write(_MARGIN, 48, 'share of the pixels of the true class', _TEXT_SIZE, FAINT)
    rows = confusion.sum(axis=1, keepdims=True)
    shares = np.divide(confusion, rows, out=np.zeros(confusion.shape), where=rows > 0)
    for row, name in enumerate(names):
        top = _TITLE + row * _CELL_HEIGHT
        canvas.write(_MARGIN, top + _CELL_HEIGHT / 2 + 4, name, _TEXT_SIZE)
        _write_centered(canvas, (edges[row] + edges[row + 1]) / 2, _TITLE - 6, name, _TEXT_SIZE)
        for column in range(len(names)):
            place = (edges[column], top, edges[column + 1], top + _CELL_HEIGHT)
            is_empty = rows[row, 0] == 0
            share = None if is_empty else float(shares[row, column])
            _draw_cell(canvas, place, share, int(confusion[row, column]))
    return canvas.picture()


def draw_worst_frames(frames: Iterable[ShownFrame], label_set: LabelSet) -> np.ndarray:
    """
    Draw a row a frame: image, truth and prediction over the image, and a legend below.

    :param frames: at least one
    :return: (H, W, 3) uint8 RGB
    """
    rows = [_draw_row(shown, label_set) for shown in frames]
    width = max(row.shape[1] for row in rows)
    padded = [np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0))) for row in rows]
    return np.vstack([*padded, draw_legend(width, label_set, 'worst first')])


def _draw_row(shown: ShownFrame, label_set: LabelSet) -> np.ndarray:
    frame = shown.frame
    truth = np.where(frame.truth == UNLABELED, np.uint8(0), frame.truth)
    kind = 'no prediction' if frame.prediction is None else 'prediction'
    told = shown.told or f'Dice {100 * shown.score:.1f} %'
    cells = {
        frame.name: shown.image,
        'truth': draw_overlay(shown.image, truth, label_set),
        f'{kind}, {told}': draw_overlay(shown.image, frame.prediction_or_background(), label_set),
    }
    small = {text: shrink(cell) for text, cell in cells.items()}
    return np.hstack(
        [np.vstack([draw_caption(cell.shape[1], text), cell]) for text, cell in small.items()]
    )


def _draw_cell(
    canvas: Canvas, place: tuple[float, float, float, float], share: float | None, count: int
) -> None:
    left, top, right, bottom = place
    middle = (left + right) / 2
    red, green, blue = np.rint(255 + (share or 0.0) * (_DARK - 255)).astype(int).tolist()
    canvas.rectangle(left + 1, top + 1, right - 1, bottom - 1, (red, green, blue))
    color = _WHITE_TEXT if share is not None and share > _WHITE_TEXT_FROM else TEXT
    text = '-' if share is None else f'{100 * share:.1f} %'
    _write_centered(canvas, middle, top + 26, text, _SHARE_SIZE, color)
    if share is not None:
        _write_centered(canvas, middle, top + 44, f'{count:,}', _TEXT_SIZE, color)


def _write_centered(
    canvas: Canvas,
    x: float,
    y: float,
    text: str,
    size: float,
    color: tuple[int, int, int] = TEXT,
) -> None:
    canvas.write(x - text_width(text, size) / 2, y, text, size, color)
