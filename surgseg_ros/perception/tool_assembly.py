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

"""Which shaft, wrist and claspers make up one tool, where several touch or cross."""

from dataclasses import dataclass
from dataclasses import field

import cv2
import numpy as np

from surgseg_ros.data.label_sets import LabelSet
from surgseg_ros.perception.region import border_runs
from surgseg_ros.perception.region import perpendicular
from surgseg_ros.perception.strips import find_strips
from surgseg_ros.perception.strips import Strip

MAX_FRAGMENTS = 100
"""Most pieces of parts in a region whose tools are told apart; more are noise."""
EDGE_SLACK_PX = 2.0
"""How far beyond its straight edges a shaft may reach."""
MIN_JOINT = 0.05
"""Least score of a joint that makes what enters the image elsewhere no tool of its own."""
BRIDGE_JOINT = 0.5
"""Score of a joint that another tool covers."""
BRIDGE_SAMPLES = 32
OTHER_CONTACT = 0.1
"""Weight of contacts that are no joint, such as claspers on a shaft."""


@dataclass
class _Fragment:
    """
    A connected piece of one part, or all that is seen of one shaft.

    :param part: class id
    :param center: (2,) centroid, px of the crop
    :param axis: (2,) principal axis, unit vector
    :param span: coordinates of both ends along the axis, from the center, px
    :param width: minor axis length, px
    :param entries: numbers of the places where it enters the image
    :param joints: by neighbor, how much the contact with it looks like a joint at an end, [0, 1.2]
    """

    part: int
    center: np.ndarray
    axis: np.ndarray
    span: tuple[float, float]
    width: float
    entries: set[int]
    joints: dict[int, float] = field(default_factory=dict)


def assemble_tools(
    labels: np.ndarray,
    label_set: LabelSet,
    offset: tuple[int, int],
    image_size: tuple[int, int],
) -> np.ndarray:
    """
    Tell the tools of a region with several parts apart.

    Every tool comes from outside the image: there are as many as there are shafts (strips between
    two straight edges, also where another tool interrupts them) and other entries. From these
    each grows over the contact that looks most like a joint: one as wide as the part, across its
    axis and at its end. Contacts along the side of a part are where one tool lies on another.
    Where two shafts cross, the wider one is taken for the nearer one.

    :param labels: (h, w) uint8 class ids of the label set ``parts``, 0 outside
    :param offset: (x, y) of the first pixel in the image
    :param image_size: (width, height)
    :return: (h, w) uint16, 0 outside, 1..n for the tools; one if there are more than
        :data:`MAX_FRAGMENTS` pieces, which no tools have
    """
    pieces = sum(
        cv2.connectedComponents((labels == part).view(np.uint8), connectivity=8)[0] - 1
        for part in range(1, label_set.num_classes)
    )
    if pieces > MAX_FRAGMENTS:
        return (labels > 0).astype(np.uint16)
    ids, parts, num_strips = _find_fragments(labels, label_set, offset, image_size)
    fragments = _describe(ids, parts, offset, image_size)
    _score_joints(ids, fragments)
    shaft, wrist, clasper = (label_set.index(name) for name in ('shaft', 'wrist', 'clasper'))
    _bridge_gaps(ids, fragments, num_strips, (wrist, clasper))
    owner = _own_shafts(fragments, num_strips, shaft)
    joints = {(shaft, wrist), (wrist, clasper)}
    _grow(owner, fragments, joints, MIN_JOINT)
    _own_entries(owner, fragments)
    _grow(owner, fragments, joints, 0.0)
    if 0 in owner:
        # Nothing of this group reaches the image border.
        owner = [tool or max(owner) + 1 for tool in owner]
    return np.array([0, *owner], np.uint16)[ids]


def _find_fragments(
    labels: np.ndarray,
    label_set: LabelSet,
    offset: tuple[int, int],
    image_size: tuple[int, int],
) -> tuple[np.ndarray, list[int], int]:
    """Return fragment numbers (h, w) from 1, their parts, and how many of them are strips."""
    shaft = label_set.index('shaft')
    shafts = (labels == shaft).view(np.uint8)
    strips = find_strips(shafts, offset, image_size)
    ids = _paint_strips(shafts, strips, offset)
    parts = [shaft] * len(strips)
    for part in range(1, label_set.num_classes):
        mask = (labels == part).view(np.uint8)
        if part == shaft:
            mask[ids > 0] = 0
        count, own = cv2.connectedComponents(mask, connectivity=8)
        own[own > 0] += len(parts)
        ids += own
        parts += [part] * (count - 1)
    return ids, parts, len(strips)


def _paint_strips(shafts: np.ndarray, strips: list[Strip], offset: tuple[int, int]) -> np.ndarray:
    """Return for each shaft pixel (h, w) the number of its strip from 1, 0 where it has none."""
    rows, columns = np.nonzero(shafts)
    points = np.stack([columns, rows], axis=1) + np.array(offset, np.float64)
    within = np.zeros(len(points), np.int32)
    beyond = np.zeros(len(points), np.int32)
    for number, strip in sorted(enumerate(strips, 1), key=lambda item: item[1].width):
        between = strip.distance_outside(points) <= EDGE_SLACK_PX
        along = (points - strip.point) @ strip.axis
        within[between & (along >= strip.span[0]) & (along <= strip.span[1])] = number
        beyond[between] = number
    ids = np.zeros(shafts.shape, np.int32)
    ids[rows, columns] = np.where(within > 0, within, beyond)
    return ids


def _describe(
    ids: np.ndarray, parts: list[int], offset: tuple[int, int], image_size: tuple[int, int]
) -> list[_Fragment]:
    rows, columns = np.nonzero(ids)
    own = ids[rows, columns]
    count = len(parts) + 1
    area = np.maximum(np.bincount(own, minlength=count), 1)
    x, y = np.bincount(own, columns, count) / area, np.bincount(own, rows, count) / area
    dx, dy = columns - x[own], rows - y[own]
    xx, xy, yy = (
        np.bincount(own, product, count) / area for product in (dx * dx, dx * dy, dy * dy)
    )
    angle = np.arctan2(2 * xy, xx - yy) / 2
    c, s = np.cos(angle), np.sin(angle)
    along = dx * c[own] + dy * s[own]
    low, high = np.zeros(count), np.zeros(count)
    np.minimum.at(low, own, along)
    np.maximum.at(high, own, along)
    # A pixel is a unit square, hence the 1/12 in the variance.
    width = 4 * np.sqrt(np.maximum(xx * s * s - 2 * xy * s * c + yy * c * c, 0.0) + 1 / 12)
    points, numbers = border_runs(ids, offset, image_size)
    entries = [set(numbers[ids[points[:, 1], points[:, 0]] == i].tolist()) for i in range(count)]
    return [
        _Fragment(
            part, np.array([x[i], y[i]]), np.array([c[i], s[i]]), (low[i], high[i]), width[i],
            entries[i],
        )
        for i, part in enumerate(parts, 1)
    ]  # fmt: skip


def _score_joints(ids: np.ndarray, fragments: list[_Fragment]) -> None:
    """Score the contact of all pairs of fragments, from the side of both."""
    pairs, places = [], []
    for first, second, step in (
        (ids[:, :-1], ids[:, 1:], (0.5, 0.0)),
        (ids[:-1], ids[1:], (0.0, 0.5)),
    ):
        rows, columns = np.nonzero((first != second) & (first > 0) & (second > 0))
        pairs.append(np.stack([first[rows, columns], second[rows, columns]], axis=1) - 1)
        places.append(np.stack([columns, rows], axis=1) + np.array(step))
    all_pairs, points = np.sort(np.concatenate(pairs), axis=1), np.concatenate(places)
    kinds, inverse = np.unique(all_pairs, axis=0, return_inverse=True)
    for kind, (first_id, second_id) in enumerate(kinds.tolist()):
        contact = points[inverse.reshape(-1) == kind]
        fragments[first_id].joints[second_id] = _joint_score(fragments[first_id], contact)
        fragments[second_id].joints[first_id] = _joint_score(fragments[second_id], contact)


def _joint_score(fragment: _Fragment, contact: np.ndarray) -> float:
    """Score how much a contact looks like the joint at an end of a fragment."""
    arms = contact - fragment.center
    along = arms @ fragment.axis
    across = arms @ perpendicular(fragment.axis)
    spread = across.std() / (across.std() + along.std() + 1e-6)
    middle = along.mean()
    depth = min(middle - fragment.span[0], fragment.span[1] - middle) / fragment.width
    return float(min(1.0, len(contact) / fragment.width) * (0.2 + spread) / (1 + depth**2))


def _bridge_gaps(
    ids: np.ndarray, fragments: list[_Fragment], num_strips: int, distal_parts: tuple[int, int]
) -> None:
    """Join shafts with what lies beyond their end, where another tool covers all between."""
    for index, strip in enumerate(fragments[:num_strips]):
        for other, fragment in enumerate(fragments):
            if fragment.part not in distal_parts or other in strip.joints:
                continue
            arm = fragment.center - strip.center
            along, across = arm @ strip.axis, arm @ perpendicular(strip.axis)
            end = strip.span[1] if along > 0 else strip.span[0]
            if abs(across) > strip.width / 2 or abs(along) <= abs(end):
                continue
            steps = np.linspace(end / along, 1.0, BRIDGE_SAMPLES)
            x, y = np.round(strip.center[:, None] + arm[:, None] * steps).astype(int)
            # No background on the way, and not the fragment alone.
            way = ids[np.clip(y, 0, ids.shape[0] - 1), np.clip(x, 0, ids.shape[1] - 1)]
            if way.all() and (way[: BRIDGE_SAMPLES // 2] != other + 1).any():
                strip.joints[other] = fragment.joints[index] = BRIDGE_JOINT


def _own_shafts(fragments: list[_Fragment], num_strips: int, shaft: int) -> list[int]:
    """Return the tool of each fragment from 1, of shafts only; 0 for the others."""
    owner = [index + 1 if index < num_strips else 0 for index in range(len(fragments))]
    for index, fragment in enumerate(fragments):
        # The end of a shaft, where its edges are not straight; it enters nowhere else.
        strips = [
            other
            for other in fragment.joints
            if other < num_strips and fragment.entries <= fragments[other].entries
        ]
        if not owner[index] and fragment.part == shaft and strips:
            owner[index] = owner[max(strips, key=fragment.joints.__getitem__)]
    return owner


def _own_entries(owner: list[int], fragments: list[_Fragment]) -> None:
    """Make a tool of what enters the image in a place without a tool."""
    taken = {
        entry
        for index, fragment in enumerate(fragments)
        if owner[index]
        for entry in fragment.entries
    }
    tool_of_entry: dict[int, int] = {}
    for index, fragment in enumerate(fragments):
        free = fragment.entries - taken
        if owner[index] or not free:
            continue
        entry = min(free)
        tool_of_entry.setdefault(entry, max(owner) + 1)
        owner[index] = tool_of_entry[entry]


def _grow(
    owner: list[int],
    fragments: list[_Fragment],
    joints: set[tuple[int, int]],
    least: float,
) -> None:
    """
    Give fragments to the tool that they are jointed to best, the surest first.

    :param owner: tool of each fragment, 0 for none; changed
    :param joints: parts that are jointed, the proximal one first
    :param least: score of the worst joint
    """
    while 0 in owner:
        contacts = [
            (_joint_of(fragments, other, index, joints), index, other)
            for index, fragment in enumerate(fragments)
            if not owner[index]
            for other in fragment.joints
            if owner[other]
        ]
        if not contacts or max(contacts)[0] < least:
            break
        _, index, other = max(contacts)
        owner[index] = owner[other]


def _joint_of(
    fragments: list[_Fragment], proximal: int, distal: int, joints: set[tuple[int, int]]
) -> float:
    """Score a contact from both sides; a tool grows from the shaft to the claspers."""
    score = fragments[proximal].joints[distal] * fragments[distal].joints[proximal]
    parts = fragments[proximal].part, fragments[distal].part
    return score if parts in joints else OTHER_CONTACT * score
