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

"""A picture that sets images, predictions and truth side by side."""

from collections.abc import Sequence

import cv2
import numpy as np

from surgseg_ros.data.label_sets import LabelSet
from surgseg_ros.reporting.frame_pairing import EyeFrame

COLUMNS = ('image', 'predicted labels', 'true labels', 'overlay')
CAPTION_HEIGHT = 28
"""Pixels of the caption above every cell and of the legend below the last row."""

MAX_CELL_WIDTH = 640
_BACKGROUND = (24, 24, 24)
_TEXT = (235, 235, 235)
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_FONT_SCALE = 0.5


def draw_mosaic(frames: dict[str, EyeFrame], label_set: LabelSet, title: str) -> np.ndarray:
    """
    Draw one row an eye with the columns of :data:`COLUMNS` and a legend below.

    Cells are shrunk to :data:`MAX_CELL_WIDTH`, never enlarged. Small label values are painted in
    the colors of the label set.

    :param frames: complete frames by eye, in the order of the rows; all of the same size
    :param label_set: classes of the label images
    :param title: stands at the right of the legend
    :return: (rows * (caption + cell) + legend, 4 * cell width, 3) uint8 RGB
    """
    rows = [_draw_row(eye, frame, label_set) for eye, frame in frames.items()]
    return np.vstack([*rows, draw_legend(rows[0].shape[1], label_set, title)])


def draw_pair(pictures: dict[str, np.ndarray], title: str) -> np.ndarray:
    """
    Draw the pictures of all eyes next to each other, shrunk like the cells of a mosaic.

    :param pictures: (H, W, 3) uint8 RGB by eye; all of the same size
    :param title: follows the name of the eye in every caption
    :return: (caption + cell, eyes * cell width, 3) uint8 RGB
    """
    return np.hstack(
        [
            np.vstack([draw_caption(cell.shape[1], f'{eye}  {title}'), cell])
            for eye, cell in zip(pictures, map(shrink, pictures.values()), strict=True)
        ]
    )


def frame_interest(truths: Sequence[np.ndarray], num_classes: int) -> float:
    """
    Return how much there is to see in the true label images of one frame.

    It is the geometric mean of the pixel counts of all classes but the background: high where
    every class is well in view. Predictions play no part, so a picture chosen by it does not
    flatter them.

    :param truths: (H, W) uint8 class ids each
    :param num_classes: number of classes, background included
    """
    counts = np.sum([np.bincount(truth.reshape(-1), minlength=256) for truth in truths], axis=0)
    return float(np.exp(np.log(counts[1:num_classes] + 1).mean()))


def _draw_row(eye: str, frame: EyeFrame, label_set: LabelSet) -> np.ndarray:
    pictures = (
        frame.image,
        label_set.colorize(frame.prediction),
        label_set.colorize(frame.truth),
        frame.overlay,
    )
    cells = [
        np.vstack([draw_caption(cell.shape[1], f'{eye}: {name}'), cell])
        for name, cell in zip(COLUMNS, map(shrink, pictures), strict=True)
    ]
    return np.hstack(cells)


def shrink(picture: np.ndarray) -> np.ndarray:
    """Return a picture (H, W, 3) no wider than :data:`MAX_CELL_WIDTH`, never enlarged."""
    height, width = picture.shape[:2]
    if width <= MAX_CELL_WIDTH:
        return picture
    size = (MAX_CELL_WIDTH, round(height * MAX_CELL_WIDTH / width))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def fit_into(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """
    Return an image or a label image that just fits into a size, its aspect ratio kept.

    :param pixels: (H, W, 3) uint8 RGB, or (H, W) uint8 class ids, which are not mixed
    :param size: (width, height)
    """
    height, width = pixels.shape[:2]
    factor = min(size[0] / width, size[1] / height)
    fitting = max(round(width * factor), 1), max(round(height * factor), 1)
    for_pictures = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    return cv2.resize(
        pixels, fitting, interpolation=cv2.INTER_NEAREST if pixels.ndim == 2 else for_pictures
    )


def draw_caption(width: int, text: str) -> np.ndarray:
    """Return a strip (:data:`CAPTION_HEIGHT`, width, 3) uint8 RGB with a line of text."""
    strip = np.full((CAPTION_HEIGHT, width, 3), _BACKGROUND, np.uint8)
    _write(strip, text, 8)
    return strip


def draw_legend(width: int, label_set: LabelSet, title: str) -> np.ndarray:
    """Return a strip like a caption with the classes in their colors, and a title."""
    strip = np.full((CAPTION_HEIGHT, width, 3), _BACKGROUND, np.uint8)
    x = 8
    for name, color in zip(label_set.class_names, label_set.colors.tolist(), strict=True):
        cv2.rectangle(strip, (x, 7), (x + 14, 21), color, cv2.FILLED)
        cv2.rectangle(strip, (x, 7), (x + 14, 21), _TEXT, 1)
        _write(strip, name, x + 20)
        x += 20 + _text_width(name) + 24
    _write(strip, title, max(x, width - _text_width(title) - 8))
    return strip


def _write(strip: np.ndarray, text: str, x: int) -> None:
    cv2.putText(strip, text, (x, 19), _FONT, _FONT_SCALE, _TEXT, 1, cv2.LINE_AA)


def _text_width(text: str) -> int:
    return cv2.getTextSize(text, _FONT, _FONT_SCALE, 1)[0][0]
