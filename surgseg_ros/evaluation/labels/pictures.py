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
from typing import TYPE_CHECKING

import numpy as np

from surgseg_ros.data.label_sets import LabelSet
from surgseg_ros.data.label_sets import UNLABELED
from surgseg_ros.evaluation.labels.scores import LabeledFrame
from surgseg_ros.perception.overlay import draw_overlay
from surgseg_ros.reporting.mosaic import draw_caption
from surgseg_ros.reporting.mosaic import draw_legend
from surgseg_ros.reporting.mosaic import shrink
from surgseg_ros.reporting.plots import LINE
from surgseg_ros.reporting.plots import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CONFUSION_PICTURE = 'confusion_matrix.png'
WORST_PICTURE = 'worst_frames.jpg'
_CELL_WIDTH, _CELL_HEIGHT = 110, 56
_FRAME_WIDTH, _FRAME_HEIGHT = 330, 150  # around the cells: names, titles and the scale
_NAMES_SIDE_BY_SIDE = 4
_FULL = '#00548c'  # of a full share; an empty one is white
_WHITE_TEXT_FROM = 75  # % of a row, where white is told better than black


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


def draw_confusion_matrix(confusion: np.ndarray, label_set: LabelSet) -> 'Figure':
    """
    Draw a confusion matrix: each row a true class, its cells the shares predicted as each class.

    :param confusion: (C, C) counts of pixels, rows are the truth
    :raises MissingPackageError: if matplotlib is not installed
    """
    count = len(label_set.class_names)
    figure = new_figure(_FRAME_WIDTH + count * _CELL_WIDTH, _FRAME_HEIGHT + count * _CELL_HEIGHT)
    from matplotlib.colors import LinearSegmentedColormap

    rows = confusion.sum(axis=1, keepdims=True)
    shares = np.divide(100.0 * confusion, rows, out=np.zeros(confusion.shape), where=rows > 0)
    axes = figure.subplots()
    colors = LinearSegmentedColormap.from_list('shares', ['white', _FULL])
    cells = axes.pcolormesh(shares, cmap=colors, vmin=0, vmax=100, edgecolors=LINE, linewidth=1)
    for (row, column), share in np.ndenumerate(shares):
        text = f'{share:.1f} %\n{confusion[row, column]:,}' if rows[row, 0] else '-'
        color = 'white' if share > _WHITE_TEXT_FROM else 'black'
        axes.text(column + 0.5, row + 0.5, text, ha='center', va='center', color=color)
    middles = np.arange(count) + 0.5
    axes.set_xticks(middles, label_set.class_names)
    if count > _NAMES_SIDE_BY_SIDE:
        axes.tick_params('x', rotation=30)
        for name in axes.get_xticklabels():
            name.set(ha='right', rotation_mode='anchor')
    axes.set_yticks(middles, label_set.class_names)
    axes.set_xlabel('predicted class')
    axes.set_ylabel('true class')
    axes.invert_yaxis()
    axes.tick_params(length=0)
    figure.colorbar(cells, label='share of the true class [%]')
    return figure


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
