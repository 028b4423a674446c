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

"""A picture of what learning without labels started from and what came out."""

from collections.abc import Sequence

import cv2
import numpy as np

from surgseg_ros.perception.cues import stretch_to_unit
from surgseg_ros.reporting.mosaic import draw_pair

SHEET_ROWS = 4
CELL_WIDTH = 200
_MASK_COLOR = np.array((0, 255, 0), np.float32)


def draw_contact_sheet(
    stems: Sequence[str],
    images: np.ndarray,
    maps: dict[str, np.ndarray],
    masks: np.ndarray,
) -> np.ndarray:
    """
    Draw one row a frame: image, maps, and the image with the mask; evenly spaced frames.

    :param stems: names of the frames, T
    :param images: (T, H, W, 3) uint8 RGB
    :param maps: (T, H, W) by the name of the column; each is stretched to the range of gray
    :param masks: (T, H, W) bool
    :return: (height, width, 3) uint8 RGB
    """
    count = min(SHEET_ROWS, len(stems))
    rows = []
    for index in np.linspace(0, len(stems) - 1, count).round().astype(int):
        cells = {'image': images[index]}
        cells |= {name: _to_gray(values[index]) for name, values in maps.items()}
        cells['mask'] = _paint(images[index], masks[index])
        small = {name: _shrink(cell) for name, cell in cells.items()}
        rows.append(draw_pair(small, ''))
    return np.vstack(rows)


def _to_gray(values: np.ndarray) -> np.ndarray:
    levels = np.round(stretch_to_unit(values.astype(np.float32)) * 255).astype(np.uint8)
    return cv2.cvtColor(levels, cv2.COLOR_GRAY2RGB)


def _paint(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    painted = image.copy()
    painted[mask] = (0.5 * image[mask] + 0.5 * _MASK_COLOR).astype(np.uint8)
    return painted


def _shrink(picture: np.ndarray) -> np.ndarray:
    height, width = picture.shape[:2]
    size = CELL_WIDTH, max(round(height * CELL_WIDTH / width), 1)
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
