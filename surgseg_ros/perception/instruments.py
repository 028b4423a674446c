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

"""From a label image to instruments."""

from dataclasses import dataclass
from dataclasses import replace

import cv2
import numpy as np

from surgseg_ros.data.label_sets import LabelSet
from surgseg_ros.data.label_sets import UNLABELED
from surgseg_ros.perception.region import centroid_covariance
from surgseg_ros.perception.region import fit_ellipse
from surgseg_ros.perception.region import on_image_border
from surgseg_ros.perception.region import outline
from surgseg_ros.perception.region import Region
from surgseg_ros.perception.region import WHOLE_INSTRUMENT

DEFAULT_MIN_AREA = 100
PARTS_TASK = 'parts'
WHOLE_INSTRUMENT_NAME = 'instrument'
NO_TIP = (float('nan'), float('nan'))


@dataclass(frozen=True)
class InstrumentSet:
    """
    What a label image shows.

    :param instruments: one region a tool, largest first; with task ``parts`` the parts of a tool
        are merged
    :param parts: with task ``parts``, one region a connected shaft, wrist or clasper; else empty
    """

    instruments: list[Region]
    parts: list[Region]


@dataclass(frozen=True)
class _Component:
    """A connected set of pixels: its bounding box (x, y, width, height) and its mask therein."""

    box: tuple[int, int, int, int]
    area: int
    mask: np.ndarray

    def crop(self, image: np.ndarray) -> np.ndarray:
        """Return the part of an image inside the bounding box."""
        x, y, width, height = self.box
        return image[y : y + height, x : x + width]


def find_instruments(
    label_image: np.ndarray,
    label_set: LabelSet,
    confidence: np.ndarray | None = None,
    min_area: int = DEFAULT_MIN_AREA,
) -> InstrumentSet:
    """
    Find the instruments in a label image.

    Task ``parts``: pixels of any part that touch, diagonally too, are one instrument. Other
    tasks: every connected region of a class is one. Background (0) and unlabeled pixels (255) are
    nobody's.

    :param label_image: (H, W) uint8 class ids
    :param label_set: the classes
    :param confidence: (H, W) uint8, probability times 255, for the scores
    :param min_area: smaller regions are left out, px
    """
    if label_set.name == PARTS_TASK:
        return _find_merged(label_image, label_set, confidence, min_area)
    instruments = [
        _describe(component, label_image, confidence, class_id, label_set.class_names[class_id])
        for class_id in range(1, label_set.num_classes)
        for component in _components(label_image == class_id, min_area)
    ]
    return InstrumentSet(sorted(instruments, key=lambda region: -region.area), [])


def _find_merged(
    label_image: np.ndarray,
    label_set: LabelSet,
    confidence: np.ndarray | None,
    min_area: int,
) -> InstrumentSet:
    """Find instruments whose pixels carry several classes, and their parts."""
    foreground = (label_image > 0) & (label_image != UNLABELED)
    instruments: list[Region] = []
    parts: list[Region] = []
    for component in sorted(_components(foreground, min_area), key=lambda item: -item.area):
        whole = _describe(
            component, label_image, confidence, WHOLE_INSTRUMENT, WHOLE_INSTRUMENT_NAME
        )
        own_parts = _find_parts(component, label_image, label_set, confidence, min_area)
        parts += [replace(part, instrument_index=len(instruments)) for part in own_parts]
        instruments.append(_with_clasper_tip(whole, component, label_image, label_set))
    return InstrumentSet(instruments, parts)


def _find_parts(
    component: _Component,
    label_image: np.ndarray,
    label_set: LabelSet,
    confidence: np.ndarray | None,
    min_area: int,
) -> list[Region]:
    """Return the connected parts of one instrument."""
    labels = np.where(component.mask > 0, component.crop(label_image), 0)
    return [
        _describe(
            _shift(part, component.box), label_image, confidence, class_id,
            label_set.class_names[class_id],
        )
        for class_id in range(1, label_set.num_classes)
        for part in _components(labels == class_id, min_area)
    ]  # fmt: skip


def _components(mask: np.ndarray, min_area: int) -> list[_Component]:
    """
    Return the 8-connected components of a mask, without those that are too small.

    Their boxes come from their outlines: OpenCV's statistics of components take longer than all
    of this.
    """
    pixels = mask.view(np.uint8)
    _, ids = cv2.connectedComponents(pixels, connectivity=8)
    contours, hierarchy = cv2.findContours(pixels, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    components = []
    for contour, (_, _, _, parent) in zip(contours, hierarchy[0] if contours else (), strict=True):
        is_hole = parent >= 0
        if is_hole:
            continue
        first_x, first_y = contour[0, 0]
        x, y, width, height = cv2.boundingRect(contour)
        part = (ids[y : y + height, x : x + width] == ids[first_y, first_x]).view(np.uint8)
        area = cv2.countNonZero(part)
        if area >= min_area:
            components.append(_Component((x, y, width, height), area, part))
    return components


def _shift(component: _Component, box: tuple[int, int, int, int]) -> _Component:
    """Move a component found inside a bounding box to its place in the image."""
    x, y, width, height = component.box
    return replace(component, box=(x + box[0], y + box[1], width, height))


def _describe(
    component: _Component,
    label_image: np.ndarray,
    confidence: np.ndarray | None,
    class_id: int,
    class_name: str,
) -> Region:
    """Measure one component; its tip is the end opposite to where it enters the image."""
    image_size = (label_image.shape[1], label_image.shape[0])
    offset = component.box[:2]
    ellipse = fit_ellipse(component.mask, offset)
    boundary = outline(component.mask, offset)
    at_border = on_image_border(boundary, image_size)
    entry = boundary[at_border]
    tip = _far_end(boundary, entry.mean(axis=0), image_size) if len(entry) else None
    return Region(
        class_id=class_id,
        class_name=class_name,
        score=_score(component, confidence),
        instrument_index=0,
        centroid=ellipse.centroid,
        centroid_covariance=centroid_covariance(
            boundary[~at_border], ellipse.centroid, component.area
        ),
        orientation=ellipse.orientation,
        major_axis_length=ellipse.major_axis_length,
        minor_axis_length=ellipse.minor_axis_length,
        tip=tip or NO_TIP,
        tip_valid=tip is not None,
        bounding_box=component.box,
        area=component.area,
        touches_border=bool(at_border.any()),
    )


def _score(component: _Component, confidence: np.ndarray | None) -> float:
    if confidence is None:
        return 1.0
    return cv2.mean(component.crop(confidence), component.mask)[0] / 255


def _far_end(
    boundary: np.ndarray, base: np.ndarray, image_size: tuple[int, int]
) -> tuple[float, float] | None:
    """
    Return the boundary point farthest from a point at the other end.

    :param boundary: (N, 2) boundary pixels, N > 0
    :param base: (2,) x and y
    :return: (x, y), or ``None`` if the point lies on the image border, where the instrument goes
        on outside
    """
    distances = np.linalg.norm(boundary - base, axis=1)
    tip = boundary[distances.argmax()]
    if on_image_border(tip[None], image_size)[0]:
        return None
    return float(tip[0]), float(tip[1])


def _with_clasper_tip(
    whole: Region, component: _Component, label_image: np.ndarray, label_set: LabelSet
) -> Region:
    """Move the tip to the end of the claspers; without visible claspers it is not valid."""
    labels = np.where(component.mask > 0, component.crop(label_image), 0)
    offset = component.box[:2]
    image_size = (label_image.shape[1], label_image.shape[0])
    claspers, shaft, wrist = (
        (labels == label_set.index(name)).view(np.uint8) for name in ('clasper', 'shaft', 'wrist')
    )
    proximal = shaft if shaft.any() else wrist
    tip = None
    if claspers.any() and proximal.any():
        base = np.array(fit_ellipse(proximal, offset).centroid)
        tip = _far_end(outline(claspers, offset), base, image_size)
    return replace(whole, tip=tip or NO_TIP, tip_valid=tip is not None)
