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

from surgseg_ros.data.image_files import size_of
from surgseg_ros.data.label_sets import LabelSet
from surgseg_ros.data.label_sets import UNLABELED
from surgseg_ros.perception.components import Component
from surgseg_ros.perception.components import find_components
from surgseg_ros.perception.components import join
from surgseg_ros.perception.jaws import find_jaws
from surgseg_ros.perception.jaws import Jaws
from surgseg_ros.perception.piece_joining import join_covered
from surgseg_ros.perception.piece_joining import join_torn
from surgseg_ros.perception.region import border_runs
from surgseg_ros.perception.region import centroid_covariance
from surgseg_ros.perception.region import Ellipse
from surgseg_ros.perception.region import fit_ellipse
from surgseg_ros.perception.region import NO_POINT
from surgseg_ros.perception.region import on_image_border
from surgseg_ros.perception.region import outline
from surgseg_ros.perception.region import Region
from surgseg_ros.perception.region import WHOLE_INSTRUMENT
from surgseg_ros.perception.shaft_edges import find_shaft_edges
from surgseg_ros.perception.shaft_edges import Segment
from surgseg_ros.perception.tool_separation import separate_tools

DEFAULT_MIN_AREA = 100
PARTS_TASK = 'parts'
WHOLE_INSTRUMENT_NAME = 'instrument'
MIN_JAW_AREA = 0.3
"""Least area of a jaw relative to the larger one."""
COVER_PX = 4
"""How near a jaw must end to another instrument to be taken for covered by it."""
DISTAL_WIDTHS = 3.0
"""Length of the end of a region that is searched for jaws, in minor axis lengths."""


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
class _Shape:
    """Second moments, boundary pixels (N, 2), and which of these lie on the image border."""

    ellipse: Ellipse
    boundary: np.ndarray
    at_border: np.ndarray


def find_instruments(
    label_image: np.ndarray,
    label_set: LabelSet,
    confidence: np.ndarray | None = None,
    min_area: int = DEFAULT_MIN_AREA,
) -> InstrumentSet:
    """
    Find the instruments in a label image.

    Task ``parts``: pixels of any part that touch, diagonally too, are one instrument, unless they
    enter the image in several places: then :func:`assemble_tools` tells the tools apart. Other
    tasks: every connected region of a class is one; pieces of a class are one region where only
    another class lies between them. Background (0) and unlabeled pixels (255) are nobody's.

    :param label_image: (H, W) uint8 class ids
    :param label_set: the classes
    :param confidence: (H, W) uint8, probability times 255, for the scores
    :param min_area: smaller regions are left out, px
    """
    if label_set.name == PARTS_TASK:
        return _find_merged(label_image, label_set, confidence, min_area)
    instruments = []
    counts = cv2.calcHist([label_image], [0], None, [256], [0, 256]).ravel()
    for class_id in range(1, label_set.num_classes):
        if counts[class_id] < max(min_area, 1):
            continue
        pieces = find_components(cv2.inRange(label_image, class_id, class_id), min_area)
        for component in join_covered(pieces, label_image):
            shape = _measure(component, size_of(label_image))
            region = _describe(
                component, shape, confidence, class_id, label_set.class_names[class_id]
            )
            jaws = _far_jaws(component, shape, size_of(label_image))
            entry = _find_entry(component, size_of(label_image))
            edges = _near_shaft_edges(region, shape, entry)
            instruments.append(_with_ends(replace(region, shaft_edges=edges), jaws, entry))
    return InstrumentSet(sorted(instruments, key=lambda region: -region.area), [])


def _find_merged(
    label_image: np.ndarray,
    label_set: LabelSet,
    confidence: np.ndarray | None,
    min_area: int,
) -> InstrumentSet:
    """Find instruments whose pixels carry several classes, and their parts."""
    foreground = (label_image > 0) & (label_image != UNLABELED)
    tools = [
        tool
        for component in find_components(foreground, min_area)
        for tool in separate_tools(component, label_image, label_set, min_area)
    ]
    tools = join_torn(tools, size_of(label_image))
    instruments: list[Region] = []
    parts: list[Region] = []
    for component in sorted(tools, key=lambda item: -item.area):
        pieces = _find_parts(component, label_image, label_set, min_area)
        shapes = [_measure(piece, size_of(label_image)) for _, piece in pieces]
        for (class_id, piece), shape in zip(pieces, shapes, strict=True):
            part = _describe(piece, shape, confidence, class_id, label_set.class_names[class_id])
            parts.append(replace(part, instrument_index=len(instruments)))
        shape = _measure(component, size_of(label_image))
        whole = _describe(component, shape, confidence, WHOLE_INSTRUMENT, WHOLE_INSTRUMENT_NAME)
        jaws = _clasper_jaws(pieces, label_set, size_of(label_image))
        if jaws is not None and any(_is_covered(tip, component, foreground) for tip in jaws.tips):
            jaws = None
        entry = _find_entry(component, size_of(label_image))
        edges = _part_shaft_edges(pieces, shapes, label_set)
        instruments.append(_with_ends(replace(whole, shaft_edges=edges), jaws, entry))
    return InstrumentSet(instruments, parts)


def _is_covered(tip: tuple[float, float], component: Component, foreground: np.ndarray) -> bool:
    """Tell whether another instrument touches a jaw where it ends, and may go on behind it."""
    left, top = (max(round(value) - COVER_PX, 0) for value in tip)
    size = 2 * COVER_PX + 1
    rows, columns = np.nonzero(foreground[top : top + size, left : left + size])
    rows, columns = rows + top - component.box[1], columns + left - component.box[0]
    height, width = component.mask.shape
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    return not (inside.all() and component.mask[rows, columns].all())


def _find_parts(
    component: Component, label_image: np.ndarray, label_set: LabelSet, min_area: int
) -> list[tuple[int, Component]]:
    """Return class and place of the connected parts of one instrument."""
    labels = component.masked(label_image)
    return [
        (class_id, part.moved(*component.box[:2]))
        for class_id in range(1, label_set.num_classes)
        for part in find_components(labels == class_id, min_area)
    ]


def _measure(component: Component, image_size: tuple[int, int]) -> _Shape:
    boundary = outline(component.mask, component.box[:2])
    return _Shape(
        fit_ellipse(component.mask, component.box[:2]),
        boundary,
        on_image_border(boundary, image_size),
    )


def _describe(
    component: Component,
    shape: _Shape,
    confidence: np.ndarray | None,
    class_id: int,
    class_name: str,
) -> Region:
    """Describe one component, without a tip."""
    ellipse = shape.ellipse
    return Region(
        class_id=class_id,
        class_name=class_name,
        score=_score(component, confidence),
        instrument_index=0,
        centroid=ellipse.centroid,
        centroid_covariance=centroid_covariance(
            shape.boundary[~shape.at_border], ellipse.centroid, component.area
        ),
        orientation=ellipse.orientation,
        major_axis_length=ellipse.major_axis_length,
        minor_axis_length=ellipse.minor_axis_length,
        tip=NO_POINT,
        tip_valid=False,
        bounding_box=component.box,
        area=component.area,
        touches_border=bool(shape.at_border.any()),
        mask=component.mask,
    )


def _score(component: Component, confidence: np.ndarray | None) -> float:
    if confidence is None:
        return 1.0
    return cv2.mean(component.crop(confidence), component.mask)[0] / 255


def _with_ends(region: Region, jaws: Jaws | None, entry: tuple[float, float] | None) -> Region:
    if jaws is not None:
        region = replace(
            region, tip=jaws.tip, tip_valid=True, jaw_tips=jaws.tips, jaw_angle=jaws.angle
        )
    return region if entry is None else replace(region, entry=entry, entry_valid=True)


def _find_entry(component: Component, image_size: tuple[int, int]) -> tuple[float, float] | None:
    """Return the middle of the longest run of pixels on the image border, if there is one."""
    points, runs = border_runs(component.mask, component.box[:2], image_size)
    if not len(runs):
        return None
    x, y = points[runs == np.bincount(runs).argmax()].mean(axis=0) + component.box[:2]
    return float(x), float(y)


def _part_shaft_edges(
    pieces: list[tuple[int, Component]], shapes: list[_Shape], label_set: LabelSet
) -> tuple[Segment, ...]:
    """Return the edges of the largest piece of shaft."""
    shaft_class = label_set.index('shaft')
    shafts = [
        (piece.area, shape)
        for (class_id, piece), shape in zip(pieces, shapes, strict=True)
        if class_id == shaft_class
    ]
    if not shafts:
        return ()
    _, shape = max(shafts, key=lambda item: item[0])
    ellipse = shape.ellipse
    return find_shaft_edges(
        shape.boundary[~shape.at_border], ellipse.centroid, ellipse.orientation
    )


def _near_shaft_edges(
    region: Region, shape: _Shape, entry: tuple[float, float] | None
) -> tuple[Segment, ...]:
    """Return the edges of the half of an instrument where it enters the image."""
    if entry is None:
        return ()
    axis = np.subtract(entry, region.centroid)
    boundary = shape.boundary[~shape.at_border]
    near = boundary[(boundary - region.centroid) @ axis > 0]
    return find_shaft_edges(near, region.centroid, region.orientation)


def _far_jaws(component: Component, shape: _Shape, image_size: tuple[int, int]) -> Jaws | None:
    """Return the jaws at the end opposite to where a component enters the image, if it does."""
    offset = component.box[:2]
    entry = shape.boundary[shape.at_border]
    if not len(entry):
        return None
    base = entry.mean(axis=0)
    distances = np.linalg.norm(shape.boundary - base, axis=1)
    nearest = distances.max() - DISTAL_WIDTHS * shape.ellipse.minor_axis_length
    end = shape.boundary[distances >= nearest].astype(int) - offset
    (left, top), (right, bottom) = end.min(axis=0), end.max(axis=0) + 1
    distal = component.mask[top:bottom, left:right]
    return _find_inner_jaws(distal, (offset[0] + left, offset[1] + top), base, image_size)


def _clasper_jaws(
    pieces: list[tuple[int, Component]], label_set: LabelSet, image_size: tuple[int, int]
) -> Jaws | None:
    """Return the jaws of the claspers; without visible claspers there are none."""
    shafts, wrists, claspers = (
        [piece for class_id, piece in pieces if class_id == label_set.index(name)]
        for name in ('shaft', 'wrist', 'clasper')
    )
    proximal = max(wrists or shafts, key=lambda piece: piece.area, default=None)
    if proximal is None or not claspers:
        return None
    base = np.array(fit_ellipse(proximal.mask, proximal.box[:2]).centroid)
    largest = max(piece.area for piece in claspers)
    jaws = join([piece for piece in claspers if piece.area >= MIN_JAW_AREA * largest])
    return _find_inner_jaws(jaws.mask, jaws.box[:2], base, image_size)


def _find_inner_jaws(
    mask: np.ndarray, offset: tuple[int, int], base: np.ndarray, image_size: tuple[int, int]
) -> Jaws | None:
    """Find jaws, ``None`` if one ends on the image border, where it goes on outside."""
    jaws = find_jaws(mask, offset, base)
    return None if on_image_border(np.round(jaws.tips), image_size).any() else jaws
