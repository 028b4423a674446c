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

"""Which tools a connected region consists of."""

import math

import cv2
import numpy as np

from surgseg_ros.data.image_files import size_of
from surgseg_ros.data.label_sets import LabelSet
from surgseg_ros.perception.components import Component
from surgseg_ros.perception.region import border_runs
from surgseg_ros.perception.tool_assembly import assemble_tools

MAX_OPENING = 0.03
"""Largest opening of a tool, relative to its area; what larger ones separate may be two tools."""
ASSEMBLY_SIDE = 440
"""Longest side of the image in which tools that touch are told apart, px."""


def separate_tools(
    component: Component, label_image: np.ndarray, label_set: LabelSet, min_area: int
) -> list[Component]:
    """
    Return the tools of a component: often more than one if it enters the image in several places.

    :param component: pixels of any part that touch
    :param label_image: (H, W) uint8 class ids of the label set ``parts``
    :param label_set: the classes
    :param min_area: smaller tools are left out, px
    """
    offset = component.box[:2]
    width, height = size_of(label_image)
    _, entries = border_runs(component.mask, offset, (width, height))
    if entries.max(initial=0) < 2:
        return [component]
    _, entries = border_runs(_fill_openings(component, (width, height)), offset, (width, height))
    if entries.max() < 2:
        return [component]
    labels = component.masked(label_image)
    # A part of the pixels tells as well which tool is where.
    step = math.ceil(max(width, height) / ASSEMBLY_SIDE)
    first_x, first_y = (-start % step for start in offset)
    sampled = np.ascontiguousarray(labels[first_y::step, first_x::step])
    numbers = assemble_tools(
        sampled,
        label_set,
        ((offset[0] + first_x) // step, (offset[1] + first_y) // step),
        (math.ceil(width / step), math.ceil(height / step)),
    )
    tools = _enlarge(numbers, step, (first_y, first_x), component.mask)
    separated = (
        component.cut(tools == number) for number in range(1, int(numbers.max(initial=0)) + 1)
    )
    return [tool for tool in separated if tool.area >= min_area]


def _fill_openings(component: Component, image_size: tuple[int, int]) -> np.ndarray:
    """
    Return the mask (h, w) without small openings, such as the window in a wrist.

    The image border closes an opening that it cuts; it does not make two entries of one.
    """
    x, y, width, height = component.box
    closed = np.zeros((height + 2, width + 2), np.uint8)
    closed[0], closed[-1] = y == 0, y + height == image_size[1]
    closed[:, 0] |= x == 0
    closed[:, -1] |= x + width == image_size[0]
    closed[1:-1, 1:-1] = component.mask
    _, ids = cv2.connectedComponents((closed == 0).view(np.uint8), connectivity=4)
    is_opening = np.bincount(ids.ravel()) <= MAX_OPENING * component.area
    frame = (ids[0], ids[-1], ids[:, 0], ids[:, -1])
    is_opening[np.concatenate(frame)] = False
    return component.mask | is_opening[ids[1:-1, 1:-1]].view(np.uint8)


def _enlarge(
    numbers: np.ndarray, step: int, first: tuple[int, int], mask: np.ndarray
) -> np.ndarray:
    """
    Give all pixels of a mask (h, w) the numbers of a part of them.

    :param numbers: of ``mask[first[0]::step, first[1]::step]``, 0 outside
    :return: (h, w) uint16
    """
    rows, columns = (
        np.clip((np.arange(size) - start + step // 2) // step, 0, count - 1)
        for size, start, count in zip(mask.shape, first, numbers.shape, strict=True)
    )
    # The nearest one of a pixel at an outline may be outside.
    grown = np.where(numbers > 0, numbers, cv2.dilate(numbers, np.ones((3, 3), np.uint8)))
    full = grown.take(rows, axis=0).take(columns, axis=1)
    full[mask == 0] = 0
    full[(full == 0) & (mask > 0)] = np.bincount(numbers[numbers > 0], minlength=2).argmax()
    return full
