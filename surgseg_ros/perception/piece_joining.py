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

"""Which pieces belong together: what another tool covers, or a network tore, lies between them."""

from collections.abc import Callable
import math

import numpy as np

from surgseg_ros.data.image_files import size_of
from surgseg_ros.data.label_sets import UNLABELED
from surgseg_ros.perception.components import Component
from surgseg_ros.perception.components import join
from surgseg_ros.perception.region import outline

MAX_PIECES = 16
"""Most pieces of a class that may belong together; more are noise."""
OUTLINE_POINTS = 200
"""About how many points of an outline are looked at for the shortest way to another piece."""
MAX_COVERED_GAP = 3.0
"""Longest gap between two pieces of one tool, in lengths of the piece beyond it."""
MIN_COVERED = 0.75
"""Least share of the way between two pieces of one tool that another one covers."""
MAX_TORN_GAP = 0.3
"""Longest gap between a tool and an end of it that a network tore off, in lengths of that end."""


def join_covered(pieces: list[Component], label_image: np.ndarray) -> list[Component]:
    """
    Join pieces of one class between which only another class lies: it covers what joins them.

    A tool enters the image once, so that of pieces which do only one is joined. A gap that is
    much longer than the piece beyond it is too long to tell.

    :param pieces: of one class
    :param label_image: (H, W) uint8 class ids
    """
    if not 2 <= len(pieces) <= MAX_PIECES:
        return pieces
    return _join_to_rooted(
        pieces,
        size_of(label_image),
        lambda root, piece: _covered_gap(root, piece, label_image),
    )


def join_torn(tools: list[Component], image_size: tuple[int, int]) -> list[Component]:
    """
    Join what a network tore: an end that lies close to a tool and does not enter itself.

    :param tools: all of an image
    :param image_size: (width, height), px
    """
    if not 2 <= len(tools) <= MAX_PIECES:
        return tools
    return _join_to_rooted(tools, image_size, _torn_gap)


def _join_to_rooted(
    pieces: list[Component],
    image_size: tuple[int, int],
    find_gap: Callable[[Component, Component], float | None],
) -> list[Component]:
    """
    Join every piece that does not reach the image border to the best fitting one that does.

    :param find_gap: returns the length of the gap between such two, ``None`` if they do not fit
    """
    rooted: list[Component] = []
    loose: list[Component] = []
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
            rooted[index] = join([rooted[index], piece])
        else:
            rooted.append(piece)
    return rooted


def _covered_gap(first: Component, second: Component, label_image: np.ndarray) -> float | None:
    """Return the length of the gap between two pieces, ``None`` if it is not covered or long."""
    gap, start, stop = _shortest_way(first, second)
    if gap > MAX_COVERED_GAP * max(second.box[2:]):
        return None
    steps = np.linspace(0.0, 1.0, max(math.ceil(gap), 2))[:, None]
    x, y = np.rint(start + steps * (stop - start)).astype(int).T
    way = label_image[y, x]
    covered = float(((way > 0) & (way != UNLABELED)).mean())
    return gap if covered >= MIN_COVERED else None


def _torn_gap(tool: Component, end: Component) -> float | None:
    """Return the length of the gap between a tool and its end, ``None`` if it is too long."""
    gap, _, _ = _shortest_way(tool, end)
    return gap if gap <= MAX_TORN_GAP * max(end.box[2:]) and end.area < tool.area else None


def _shortest_way(first: Component, second: Component) -> tuple[float, np.ndarray, np.ndarray]:
    """Return the distance of two pieces, and both of its ends (2,)."""
    outlines = [outline(piece.mask, piece.box[:2]) for piece in (first, second)]
    ends = [points[:: max(1, len(points) // OUTLINE_POINTS)] for points in outlines]
    distances = np.linalg.norm(ends[0][:, None] - ends[1], axis=2)
    start, stop = np.unravel_index(distances.argmin(), distances.shape)
    return float(distances[start, stop]), ends[0][start], ends[1][stop]
