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
Decoders: from the pixels of label files, as layouts store them, to class ids.

A value that a layout does not know is refused: nothing becomes background or unlabeled because it
is not understood. Decoders are plain functions and small classes, so samples can be sent to other
processes.
"""

from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from surgseg_ros.data.label_sets import BINARY
from surgseg_ros.data.label_sets import get_label_set
from surgseg_ros.data.label_sets import UNLABELED

MAX_LISTED_VALUES = 8
MAX_BYTE = 255
MAX_EXACT_COUNT = 2**24
"""Of OpenCV's histograms, which have 32-bit floats."""
FACTOR_REMEDY = (
    'if they are class ids times N, give --mask-factor N; soft edges of a mask that was resized, '
    'smoothed or saved as JPEG must be thresholded first'
)


@dataclass(frozen=True)
class ValueTable:
    """
    Decode one gray label file by looking every value up.

    :param classes: class id of every value that the layout knows
    :param foreground: of a binary mask, the value that any one color on black stands for
    :param remedy: for values that are unknown
    """

    classes: Mapping[int, int]
    foreground: int | None = None
    remedy: str = ''

    def __call__(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """
        Return (H, W) uint8 class ids.

        :raises ValueError: listing the values that are not in the table
        """
        if self.foreground is None:
            return look_up(single_channel(images[0]), self.classes, self.remedy)
        return look_up(mask_values(images[0], self.foreground), self.classes, self.remedy)


def count_values(values: np.ndarray) -> np.ndarray:
    """
    Return how often each value occurs, (256,) int64.

    :param values: (H, W) uint8
    """
    # A tenth of the time of np.bincount(), and exact up to MAX_EXACT_COUNT.
    counts = cv2.calcHist([values], [0], None, [MAX_BYTE + 1], [0, MAX_BYTE + 1])
    return counts.ravel().astype(np.int64)


def single_channel(image: np.ndarray) -> np.ndarray:
    """
    Return the (H, W) uint8 values of a gray file, also if it was saved with color channels.

    Some releases have gray masks with three channels, equal ones or all but one empty. Pure
    colors, such as red, are no gray.

    :param image: (H, W) or (H, W, C), of 8 bits, or of 16 if the values have 8
    :raises ValueError: if a value has more than 8 bits, the file has colors, or it is transparent
        elsewhere than in the background
    """
    channels = _color_channels(_eight_bits(image))
    values = _gray_values(channels)
    if values is None:
        raise ValueError('is a color image, and its channels differ; labels need one value')
    return values


def mask_values(image: np.ndarray, foreground: int) -> np.ndarray:
    """
    Return the (H, W) uint8 values of a binary mask, in which any one color on black is foreground.

    :param foreground: value of such a color
    :raises ValueError: as :func:`single_channel`, and if there are several colors
    """
    channels = _color_channels(_eight_bits(image))
    if all(np.array_equal(channels[0], other) for other in channels[1:]):
        return channels[0]
    shown = np.maximum.reduce(channels) > 0
    if all(np.ptp(channel[shown]) == 0 for channel in channels):
        return shown * np.uint8(foreground)
    values = _gray_values(channels)
    if values is None:
        raise ValueError(
            'is a color image, and its channels differ; a mask has one color on black'
        )
    return values


def _eight_bits(image: np.ndarray) -> np.ndarray:
    if image.dtype == np.uint16 and image.max(initial=0) <= MAX_BYTE:
        return image.astype(np.uint8)
    if image.dtype != np.uint8:
        raise ValueError(
            f'has {image.dtype} pixels with values up to {image.max(initial=0)}; label images '
            'have 8 bits'
        )
    return image


def _color_channels(image: np.ndarray) -> list[np.ndarray]:
    """
    Return the (H, W) channels of an image without alpha.

    :raises ValueError: if it is not transparent in the background alone
    """
    if image.ndim == 2:
        return [image]
    channels = list(cv2.split(image))
    if len(channels) % 2:
        return channels
    *colors, alpha = channels
    is_opaque = alpha == MAX_BYTE
    if is_opaque.all():
        return colors
    if (alpha[~is_opaque] > 0).any() or not np.array_equal(
        is_opaque, np.maximum.reduce(colors) > 0
    ):
        raise ValueError(
            'has transparent pixels, and not exactly where it is black; save it without alpha'
        )
    return colors


def _gray_values(channels: list[np.ndarray]) -> np.ndarray | None:
    """Return the (H, W) values that channels share, ``None`` if they are those of colors."""
    used = [channel for channel in channels if channel.any()] or channels[:1]
    values = used[0]
    if any(not np.array_equal(values, other) for other in used[1:]):
        return None
    is_pure_color = len(used) < len(channels) and values.max(initial=0) == MAX_BYTE
    return None if is_pure_color else values


def look_up(values: np.ndarray, classes: Mapping[int, int], remedy: str = '') -> np.ndarray:
    """
    Return the class ids of values.

    :param values: (H, W) uint8
    :param remedy: for unknown values
    :raises ValueError: listing the values without a class, each with its number of pixels
    """
    table = np.zeros(MAX_BYTE + 1, np.uint8)
    known = np.zeros(MAX_BYTE + 1, np.bool_)
    for value, class_id in classes.items():
        table[value] = class_id
        known[value] = True
    refuse_unknown(list_counts(values, known), sorted(classes), remedy)
    is_decoded = all(value == class_id for value, class_id in classes.items())
    return values if is_decoded else cv2.LUT(values, table)


def list_counts(values: np.ndarray, known: np.ndarray) -> list[str]:
    """
    Return each value that is not known with its number of pixels.

    :param values: (H, W) uint8
    :param known: (256,) bool
    """
    counts = np.where(known, 0, count_values(values))
    return [f'{value} ({counts[value]} px)' for value in np.flatnonzero(counts)]


def refuse_unknown(unknown: Sequence[object], known: Sequence[object], remedy: str = '') -> None:
    """
    Complain about values that a layout does not know.

    :raises ValueError: if there are any
    """
    if unknown:
        known_values = ', '.join(map(str, known))
        behind = f'; {remedy}' if remedy else ''
        raise ValueError(
            f'has unknown values {shorten(unknown)}; known are: {known_values}{behind}'
        )


def shorten(values: Sequence[object]) -> str:
    """Return values for a message, of many only the first."""
    more = ', …' if len(values) > MAX_LISTED_VALUES else ''
    return ', '.join(str(value) for value in values[:MAX_LISTED_VALUES]) + more


def single_channels(images: Sequence[np.ndarray]) -> list[np.ndarray]:
    """
    Return the (H, W) uint8 values of several gray files of one image.

    :raises ValueError: as :func:`single_channel` does, and if they differ in size
    """
    values = [single_channel(image) for image in images]
    if len({image.shape for image in values}) > 1:
        raise ValueError('the masks of one image differ in size')
    return values


def decode_foreground(images: Sequence[np.ndarray]) -> np.ndarray:
    """Return (H, W) uint8, 1 where a file is not 0, whatever its values mean."""
    return np.not_equal(mask_values(images[0], 1), 0).astype(np.uint8)


def decode_one_value(images: Sequence[np.ndarray]) -> np.ndarray:
    """
    Return (H, W) uint8, 1 in the foreground of a binary mask, whatever its value.

    :raises ValueError: if there is more than one value beside 0
    """
    values = mask_values(images[0], 1)
    found = list_counts(values, np.arange(MAX_BYTE + 1) == 0)
    if len(found) > 1:
        raise ValueError(
            f'has values {shorten(found)}; a binary mask has one beside 0, so threshold soft edges'
        )
    return np.not_equal(values, 0).astype(np.uint8)


def decode_binary_mask(images: Sequence[np.ndarray]) -> np.ndarray:
    """
    Return (H, W) uint8 class ids of a binary mask with foreground 1 or 255.

    Where both occur they are class ids, and 255 is unlabeled.

    :raises ValueError: if there are other values
    """
    values = mask_values(images[0], 1)
    foreground = UNLABELED if (values == 1).any() else 1
    return look_up(values, {0: 0, 1: 1, MAX_BYTE: foreground}, FACTOR_REMEDY)


def scaled_ids(task: str, factor: int = 1, remedy: str = '') -> ValueTable:
    """
    Return the decoder of class ids times a factor.

    255 is unlabeled unless a class has that value.

    :param remedy: for values that are unknown
    """
    return id_table(range(get_label_set(task).num_classes), task, factor, remedy)


def id_table(class_ids: Iterable[int], task: str, factor: int, remedy: str) -> ValueTable:
    """Return the decoder of :func:`scaled_ids` for other class ids."""
    scaled = {i * factor: i for i in class_ids if i * factor <= MAX_BYTE}
    foreground = factor if task == BINARY else None
    return ValueTable({UNLABELED: UNLABELED, **scaled}, foreground, remedy)


def select_classes(task: str, factor: int, chosen: Mapping[int, int]) -> ValueTable:
    """
    Return a decoder that derives another task from class ids times a factor.

    :param chosen: new class id of the classes that count; the others become background
    """
    scaled = scaled_ids(task, factor).classes
    derived = {
        value: UNLABELED if class_id == UNLABELED else chosen.get(class_id, 0)
        for value, class_id in scaled.items()
    }
    return ValueTable(derived)
