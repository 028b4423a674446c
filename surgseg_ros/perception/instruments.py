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

from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from itertools import combinations
import math

import cv2
import numpy as np

from surgseg_ros.data.label_sets import LabelSet
from surgseg_ros.data.label_sets import UNLABELED
from surgseg_ros.perception.jaws import find_jaws
from surgseg_ros.perception.jaws import Jaws
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
from surgseg_ros.perception.tool_assembly import assemble_tools

DEFAULT_MIN_AREA = 100
PARTS_TASK = 'parts'
WHOLE_INSTRUMENT_NAME = 'instrument'
MIN_JAW_AREA = 0.3
"""Least area of a jaw relative to the larger one."""
MAX_PIECES = 16
"""Most pieces of a class that may belong together; more are noise."""
OUTLINE_POINTS = 200
"""About how many points of an outline are looked at for the shortest way to another piece."""
COVER_PX = 4
"""How near a jaw must end to another instrument to be taken for covered by it."""
MAX_COMPARED_BOXES = 50
MAX_COVERED_GAP = 3.0
"""Longest gap between two pieces of one tool, in lengths of the piece beyond it."""
MIN_COVERED = 0.75
"""Least share of the way between two pieces of one tool that another one covers."""
MAX_TORN_GAP = 0.3
"""Longest gap between a tool and an end of it that a network tore off, in lengths of that end."""
DISTAL_WIDTHS = 3.0
"""Length of the end of a region that is searched for jaws, in minor axis lengths."""
MAX_OPENING = 0.03
"""Largest opening of a tool, relative to its area; what larger ones separate may be two tools."""
ASSEMBLY_SIDE = 440
"""Longest side of the image in which tools that touch are told apart, px."""


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

    def reaches_border(self, image_size: tuple[int, int]) -> bool:
        """Tell whether a pixel lies in the first or last row or column of the image."""
        x, y, width, height = self.box
        return min(x, y) == 0 or x + width == image_size[0] or y + height == image_size[1]


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
        pieces = _components(cv2.inRange(label_image, class_id, class_id), min_area)
        for component in _join_covered(pieces, label_image):
            shape = _measure(component, _size_of(label_image))
            region = _describe(
                component, shape, confidence, class_id, label_set.class_names[class_id]
            )
            jaws = _far_jaws(component, shape, _size_of(label_image))
            entry = _find_entry(component, _size_of(label_image))
            edges = _near_shaft_edges(region, shape, entry)
            instruments.append(_with_ends(replace(region, shaft_edges=edges), jaws, entry))
    return InstrumentSet(sorted(instruments, key=lambda region: -region.area), [])


def _join_covered(pieces: list[_Component], label_image: np.ndarray) -> list[_Component]:
    """
    Join pieces of one class between which only another class lies: it covers what joins them.

    A tool enters the image once, so that of pieces which do only one is joined. A gap that is
    much longer than the piece beyond it is too long to tell.
    """
    if not 2 <= len(pieces) <= MAX_PIECES:
        return pieces
    return _join_to_rooted(
        pieces,
        _size_of(label_image),
        lambda root, piece: _covered_gap(root, piece, label_image),
    )


def _join_to_rooted(
    pieces: list[_Component],
    image_size: tuple[int, int],
    find_gap: Callable[[_Component, _Component], float | None],
) -> list[_Component]:
    """
    Join every piece that does not reach the image border to the best fitting one that does.

    :param find_gap: returns the length of the gap between such two, ``None`` if they do not fit
    """
    rooted: list[_Component] = []
    loose: list[_Component] = []
    for piece in sorted(pieces, key=lambda item: -item.area):
        (rooted if piece.reaches_border(image_size) else loose).append(piece)
    for piece in loose:
        fitting = [
            (gap, index)
            for index, root in enumerate(rooted)
            if (gap := find_gap(root, piece)) is not None
        ]
        if fitting:
            _, index = min(fitting)
            mask, (x, y) = _join([rooted[index], piece])
            box = (x, y, mask.shape[1], mask.shape[0])
            rooted[index] = _Component(box, rooted[index].area + piece.area, mask)
        else:
            rooted.append(piece)
    return rooted


def _join_torn(tools: list[_Component], image_size: tuple[int, int]) -> list[_Component]:
    """Join what a network tore: an end that lies close to a tool and does not enter itself."""
    if not 2 <= len(tools) <= MAX_PIECES:
        return tools
    return _join_to_rooted(tools, image_size, _torn_gap)


def _torn_gap(tool: _Component, end: _Component) -> float | None:
    """Return the length of the gap between a tool and its end, ``None`` if it is too long."""
    gap, _, _ = _shortest_way(tool, end)
    return gap if gap <= MAX_TORN_GAP * max(end.box[2:]) and end.area < tool.area else None


def _shortest_way(first: _Component, second: _Component) -> tuple[float, np.ndarray, np.ndarray]:
    """Return the distance of two pieces, and both of its ends (2,)."""
    outlines = [outline(piece.mask, piece.box[:2]) for piece in (first, second)]
    ends = [points[:: max(1, len(points) // OUTLINE_POINTS)] for points in outlines]
    distances = np.linalg.norm(ends[0][:, None] - ends[1], axis=2)
    start, stop = np.unravel_index(distances.argmin(), distances.shape)
    return float(distances[start, stop]), ends[0][start], ends[1][stop]


def _covered_gap(first: _Component, second: _Component, label_image: np.ndarray) -> float | None:
    """Return the length of the gap between two pieces, ``None`` if it is not covered or long."""
    gap, start, stop = _shortest_way(first, second)
    if gap > MAX_COVERED_GAP * max(second.box[2:]):
        return None
    steps = np.linspace(0.0, 1.0, max(math.ceil(gap), 2))[:, None]
    x, y = np.rint(start + steps * (stop - start)).astype(int).T
    way = label_image[y, x]
    covered = float(((way > 0) & (way != UNLABELED)).mean())
    return gap if covered >= MIN_COVERED else None


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
        for component in _components(foreground, min_area)
        for tool in _separate_tools(component, label_image, label_set, min_area)
    ]
    tools = _join_torn(tools, _size_of(label_image))
    instruments: list[Region] = []
    parts: list[Region] = []
    for component in sorted(tools, key=lambda item: -item.area):
        pieces = _find_parts(component, label_image, label_set, min_area)
        shapes = [_measure(piece, _size_of(label_image)) for _, piece in pieces]
        for (class_id, piece), shape in zip(pieces, shapes, strict=True):
            part = _describe(piece, shape, confidence, class_id, label_set.class_names[class_id])
            parts.append(replace(part, instrument_index=len(instruments)))
        shape = _measure(component, _size_of(label_image))
        whole = _describe(component, shape, confidence, WHOLE_INSTRUMENT, WHOLE_INSTRUMENT_NAME)
        jaws = _clasper_jaws(pieces, label_set, _size_of(label_image))
        if jaws is not None and any(_is_covered(tip, component, foreground) for tip in jaws.tips):
            jaws = None
        entry = _find_entry(component, _size_of(label_image))
        edges = _part_shaft_edges(pieces, shapes, label_set)
        instruments.append(_with_ends(replace(whole, shaft_edges=edges), jaws, entry))
    return InstrumentSet(instruments, parts)


def _is_covered(tip: tuple[float, float], component: _Component, foreground: np.ndarray) -> bool:
    """Tell whether another instrument touches a jaw where it ends, and may go on behind it."""
    left, top = (max(round(value) - COVER_PX, 0) for value in tip)
    size = 2 * COVER_PX + 1
    rows, columns = np.nonzero(foreground[top : top + size, left : left + size])
    rows, columns = rows + top - component.box[1], columns + left - component.box[0]
    height, width = component.mask.shape
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    return not (inside.all() and component.mask[rows, columns].all())


def _size_of(label_image: np.ndarray) -> tuple[int, int]:
    """Return width and height."""
    return label_image.shape[1], label_image.shape[0]


def _separate_tools(
    component: _Component, label_image: np.ndarray, label_set: LabelSet, min_area: int
) -> list[_Component]:
    """Return the tools of a component, which are often more than one if it has several entries."""
    offset = component.box[:2]
    width, height = _size_of(label_image)
    _, entries = border_runs(component.mask, offset, (width, height))
    if entries.max(initial=0) < 2:
        return [component]
    _, entries = border_runs(_fill_openings(component, (width, height)), offset, (width, height))
    if entries.max() < 2:
        return [component]
    labels = np.where(component.mask > 0, component.crop(label_image), 0)
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
        _cut(component, tools == number) for number in range(1, int(numbers.max(initial=0)) + 1)
    )
    return [tool for tool in separated if tool.area >= min_area]


def _fill_openings(component: _Component, image_size: tuple[int, int]) -> np.ndarray:
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


def _cut(component: _Component, inside: np.ndarray) -> _Component:
    """Return the part (h, w) bool of a component as one of its own."""
    pixels = inside.view(np.uint8)
    x, y, width, height = cv2.boundingRect(pixels)
    part = replace(component, box=(x, y, width, height))
    mask = part.crop(pixels)
    return _shift(replace(part, area=cv2.countNonZero(mask), mask=mask), component.box)


def _find_parts(
    component: _Component, label_image: np.ndarray, label_set: LabelSet, min_area: int
) -> list[tuple[int, _Component]]:
    """Return class and place of the connected parts of one instrument."""
    labels = np.where(component.mask > 0, component.crop(label_image), 0)
    return [
        (class_id, _shift(part, component.box))
        for class_id in range(1, label_set.num_classes)
        for part in _components(labels == class_id, min_area)
    ]


def _components(mask: np.ndarray, min_area: int) -> list[_Component]:
    """
    Return the 8-connected components of a mask, without those that are too small.

    Their boxes come from their outlines: OpenCV's statistics of components take longer than all
    of this.
    """
    pixels = np.ascontiguousarray(mask).view(np.uint8)
    contours, hierarchy = cv2.findContours(pixels, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    outer = [
        contour
        for contour, (_, _, _, parent) in zip(
            contours, hierarchy[0] if contours else (), strict=True
        )
        if parent < 0  # others are outlines of holes
    ]
    boxes = [cv2.boundingRect(contour) for contour in outer]
    # The ids tell apart what lies in one box; computing them takes longest.
    ids = cv2.connectedComponents(pixels, connectivity=8)[1] if _any_overlap(boxes) else None
    components = []
    for contour, (x, y, width, height) in zip(outer, boxes, strict=True):
        part = pixels[y : y + height, x : x + width]
        if ids is not None:
            first_x, first_y = contour[0, 0]
            part = (ids[y : y + height, x : x + width] == ids[first_y, first_x]).view(np.uint8)
        area = cv2.countNonZero(part)
        if area >= min_area:
            components.append(_Component((x, y, width, height), area, part))
    return components


def _any_overlap(boxes: Sequence[Sequence[int]]) -> bool:
    """Tell whether any two boxes (x, y, width, height) have pixels in common."""
    if len(boxes) > MAX_COMPARED_BOXES:
        return True
    return any(
        first[0] < second[0] + second[2]
        and second[0] < first[0] + first[2]
        and first[1] < second[1] + second[3]
        and second[1] < first[1] + first[3]
        for first, second in combinations(boxes, 2)
    )


def _shift(component: _Component, box: tuple[int, int, int, int]) -> _Component:
    """Move a component found inside a bounding box to its place in the image."""
    x, y, width, height = component.box
    return replace(component, box=(x + box[0], y + box[1], width, height))


def _measure(component: _Component, image_size: tuple[int, int]) -> _Shape:
    boundary = outline(component.mask, component.box[:2])
    return _Shape(
        fit_ellipse(component.mask, component.box[:2]),
        boundary,
        on_image_border(boundary, image_size),
    )


def _describe(
    component: _Component,
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


def _score(component: _Component, confidence: np.ndarray | None) -> float:
    if confidence is None:
        return 1.0
    return cv2.mean(component.crop(confidence), component.mask)[0] / 255


def _with_ends(region: Region, jaws: Jaws | None, entry: tuple[float, float] | None) -> Region:
    if jaws is not None:
        region = replace(
            region, tip=jaws.tip, tip_valid=True, jaw_tips=jaws.tips, jaw_angle=jaws.angle
        )
    return region if entry is None else replace(region, entry=entry, entry_valid=True)


def _find_entry(component: _Component, image_size: tuple[int, int]) -> tuple[float, float] | None:
    """Return the middle of the longest run of pixels on the image border, if there is one."""
    points, runs = border_runs(component.mask, component.box[:2], image_size)
    if not len(runs):
        return None
    x, y = points[runs == np.bincount(runs).argmax()].mean(axis=0) + component.box[:2]
    return float(x), float(y)


def _part_shaft_edges(
    pieces: list[tuple[int, _Component]], shapes: list[_Shape], label_set: LabelSet
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


def _far_jaws(component: _Component, shape: _Shape, image_size: tuple[int, int]) -> Jaws | None:
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
    pieces: list[tuple[int, _Component]], label_set: LabelSet, image_size: tuple[int, int]
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
    mask, offset = _join([piece for piece in claspers if piece.area >= MIN_JAW_AREA * largest])
    return _find_inner_jaws(mask, offset, base, image_size)


def _join(pieces: list[_Component]) -> tuple[np.ndarray, tuple[int, int]]:
    """Return a mask (h, w) uint8 of several components, and x and y of its first pixel."""
    boxes = np.array([piece.box for piece in pieces])
    left, top = boxes[:, :2].min(axis=0)
    right, bottom = (boxes[:, :2] + boxes[:, 2:]).max(axis=0)
    mask = np.zeros((bottom - top, right - left), np.uint8)
    for piece in pieces:
        _shift(piece, (-left, -top, 0, 0)).crop(mask)[:] |= piece.mask
    return mask, (int(left), int(top))


def _find_inner_jaws(
    mask: np.ndarray, offset: tuple[int, int], base: np.ndarray, image_size: tuple[int, int]
) -> Jaws | None:
    """Find jaws, ``None`` if one ends on the image border, where it goes on outside."""
    jaws = find_jaws(mask, offset, base)
    return None if on_image_border(np.round(jaws.tips), image_size).any() else jaws
