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

"""Label files as they are stored: gray values, indices of a palette, or colors."""

from pathlib import Path

import numpy as np
from PIL import Image

from surgseg_ros.data.label_decoding import count_values
from surgseg_ros.data.label_decoding import MAX_BYTE
from surgseg_ros.decoding.file_headers import PNG_START
from surgseg_ros.decoding.image_files import ImageFileError
from surgseg_ros.decoding.image_files import load_samples

PALETTE_MODES = ('P', 'PA')
SHOWN_COLORS = 4

# PNG specification, third edition, section 11.2.1.
PNG_COLOR_TYPE = 25
PNG_PALETTE = b'\x03'


def read_label_file(path: Path, are_colors: bool = False) -> np.ndarray:
    """
    Return the pixels of a label file as they are stored.

    Of a file with a palette these are the indices: the colors are for people to look at.

    :param are_colors: return the colors of a palette
    :return: (H, W), or (H, W, C) with colors as BGR
    :raises ImageFileError: if the file is unreadable or has several pages, or its palette
        leaves open what the class ids are
    """
    try:
        is_indexed = not are_colors and _has_palette(path)
        return _read_indices(path) if is_indexed else load_samples(path)
    except OSError as error:
        raise ImageFileError('corrupt', f'{path} is no readable image ({error})') from error


def _has_palette(path: Path) -> bool:
    with path.open('rb') as file:
        start = file.read(PNG_COLOR_TYPE + 1)
    if start.startswith(PNG_START):
        return start[PNG_COLOR_TYPE:] == PNG_PALETTE
    try:
        with Image.open(path) as image:
            return image.mode in PALETTE_MODES
    except OSError:
        return False  # no image: whoever decodes it says why


def _read_indices(path: Path) -> np.ndarray:
    """Return the (H, W) uint8 indices of a file with a palette."""
    load_samples(path)  # is stricter than Pillow: damaged files, several pages
    with Image.open(path) as image:
        pixels = np.array(image)
        entries = image.getpalette('RGB') or []
    indices = pixels if pixels.ndim == 2 else np.ascontiguousarray(pixels[:, :, 0])
    palette = np.array(entries, np.uint8).reshape(-1, 3)
    present = np.flatnonzero(count_values(indices))
    _check_palette(path, palette, present[present < len(palette)])
    return indices


def _check_palette(path: Path, palette: np.ndarray, present: np.ndarray) -> None:
    """
    Refuse palettes whose order is none of classes: programs that shrink files make them, too.

    :param palette: (N, 3) RGB
    :param present: indices that occur
    """
    black = np.flatnonzero(~palette.any(axis=1))
    if 0 not in black and np.isin(present, black).any():
        raise ImageFileError(
            'palette',
            f'{path} has black at index {black[0]} of its palette, but index 0 is the background; '
            'save it as a gray image of class ids',
        )
    values = palette[:, 0]
    is_gray = (palette == values[:, None]).all()
    is_mask = len(values) > 1 and values[1] == MAX_BYTE and not np.delete(values, 1).any()
    if is_gray and not is_mask and (values[present] != present).any():
        pairs = ', '.join(f'{index}: {values[index]}' for index in present[:SHOWN_COLORS])
        raise ImageFileError(
            'palette',
            f'{path} has a palette of gray values that are not their indices ({pairs}), so that '
            'either may be the class ids; save it as a gray image',
        )
