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

They are plain functions and small classes, so samples can be sent to other processes.
"""

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from surgseg_ros.data.label_sets import get_label_set
from surgseg_ros.data.label_sets import UNLABELED

MAX_LISTED_VALUES = 8
MAX_BYTE = 255


@dataclass(frozen=True)
class ValueTable:
    """
    Decode one gray label file by looking every value up.

    :param classes: class id of every value that the layout knows
    """

    classes: Mapping[int, int]

    def __call__(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """
        Return (H, W) uint8 class ids.

        :raises ValueError: listing the values that are not in the table
        """
        return look_up(single_channel(images[0]), self.classes)


def single_channel(image: np.ndarray) -> np.ndarray:
    """
    Return the (H, W) uint8 values of a gray file, also if it was saved with color channels.

    Some releases have gray masks with three channels, equal ones or all but one empty; an alpha
    channel is ignored.

    :param image: (H, W) or (H, W, C)
    :raises ValueError: if the file has more than 8 bits, or its channels contradict each other
    """
    if image.dtype != np.uint8:
        raise ValueError(f'has {image.dtype} pixels; label images have 8 bits')
    if image.ndim == 2:
        return image
    colors = image[:, :, : 3 if image.shape[2] >= 3 else 1]
    values = colors.max(axis=2)
    for channel in np.moveaxis(colors, 2, 0):
        if channel.any() and not np.array_equal(channel, values):
            raise ValueError('is a color image, and its channels differ; labels need one value')
    return values


def look_up(values: np.ndarray, classes: Mapping[int, int]) -> np.ndarray:
    """
    Return the class ids of values.

    :param values: (H, W) uint8
    :raises ValueError: listing the values without a class
    """
    table = np.zeros(MAX_BYTE + 1, np.uint8)
    known = np.zeros(MAX_BYTE + 1, np.bool_)
    for value, class_id in classes.items():
        table[value] = class_id
        known[value] = True
    present = np.bincount(values.ravel(), minlength=MAX_BYTE + 1) > 0
    refuse_unknown(np.flatnonzero(present & ~known).tolist(), sorted(classes))
    return cv2.LUT(values, table)


def refuse_unknown(unknown: Sequence[object], known: Sequence[object]) -> None:
    """
    Complain about values that a layout does not know.

    :raises ValueError: if there are any
    """
    if unknown:
        found = ', '.join(str(value) for value in unknown[:MAX_LISTED_VALUES])
        more = ', …' if len(unknown) > MAX_LISTED_VALUES else ''
        raise ValueError(
            f'has unknown values {found}{more}; known are: {", ".join(map(str, known))}'
        )


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
    """Return (H, W) uint8, 1 where any of the gray files is not 0."""
    return np.logical_or.reduce([values > 0 for values in single_channels(images)]).astype(
        np.uint8
    )


def decode_binary_mask(images: Sequence[np.ndarray]) -> np.ndarray:
    """
    Return (H, W) uint8 class ids of a binary mask with foreground 1 or 255.

    Where both occur they are class ids, and 255 is unlabeled.

    :raises ValueError: if there are other values
    """
    values = single_channel(images[0])
    foreground = UNLABELED if (values == 1).any() else 1
    return look_up(values, {0: 0, 1: 1, MAX_BYTE: foreground})


def scaled_ids(task: str, factor: int = 1) -> ValueTable:
    """
    Return the decoder of class ids times a factor.

    255 is unlabeled unless a class has that value.
    """
    num_classes = get_label_set(task).num_classes
    return ValueTable({UNLABELED: UNLABELED, **{i * factor: i for i in range(num_classes)}})


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
