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

"""Which frames of two eyes belong together: by name, by number or by time, never by a count."""

from collections import Counter
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
import re
import statistics
from typing import Generic
from typing import TypeVar

from surgseg_ros.data.frame_source import Frame
from surgseg_ros.data.frame_source import FrameSource

Item = TypeVar('Item')
Value = int | Fraction
Stems = list[tuple[str | None, str | None]]
"""Of the images of pairs, and of those without a partner."""

SECOND_NS = 10**9
RATE_TOLERANCE = 0.01
PERIOD_TOLERANCE = 0.2
"""Of numbers in names: files are few, and lost ones move the median."""


@dataclass(frozen=True)
class FramePair:
    """
    Two frames of one moment, or one without a partner.

    :param name: what the names have in common, unique in its sources
    """

    name: str
    left: Frame | None
    right: Frame | None

    @property
    def unpaired_name(self) -> str:
        """Return eye and name of a frame without a partner."""
        eye, frame = ('left', self.left) if self.left else ('right', self.right)
        assert frame is not None
        return f'{eye} {frame.stem}'


class FramePairs:
    """
    The frames of a left and a right source, paired while they are read.

    Images are paired by their names without the words left and right. Where these differ in one
    number alone, such as a time in ms, the nearest numbers pair, no more than half a period
    apart; two single images pair whatever they are called. Videos and recordings pair by their
    times, likewise. Every frame comes, also without a partner.

    :raises ValueError: if the sources cannot be paired for certain
    """

    def __init__(self, left: FrameSource, right: FrameSource) -> None:
        self._left, self._right = left, right
        self.rule = 'by time'
        """How the frames are paired, for the account."""
        self._names: Stems = []
        if left.is_timed != right.is_timed:
            raise ValueError(
                f'{left.path} and {right.path} cannot be paired: one has times, the other names; '
                'give two videos, two recordings or two folders of images'
            )
        if left.is_timed:
            self._limit_ns = _half_period_ns(left, right)
        else:
            self.rule, self._names = _pair_names(left, right)

    @property
    def names(self) -> list[str]:
        """Return the names of all pairs of images, none of videos."""
        return [frame_key(left) for left, right in self._names if left and right]

    @property
    def expected_length(self) -> int | None:
        """Return how many pairs there may be, ``None`` if unknown; for progress only."""
        return len(self._names) or self._left.expected_length

    def __iter__(self) -> Iterator[FramePair]:
        """Read pair by pair; no more than the next frame of each eye is read ahead."""
        if self._left.is_timed:
            matched = match_nearest(self._left, self._right, _time_of, self._limit_ns)
            return (_name_pair(left, right) for left, right in matched)
        return self._read_names()

    def _read_names(self) -> Iterator[FramePair]:
        lefts = self._left.select([left for left, _ in self._names if left])
        rights = self._right.select([right for _, right in self._names if right])
        for left, right in self._names:
            yield _name_pair(next(lefts) if left else None, next(rights) if right else None)


def frame_key(stem: str) -> str:
    """
    Return what the names of both eyes' files have in common.

    >>> frame_key('frame_0001_left'), frame_key('R_12'), frame_key('left')
    ('frame_0001', '12', 'pair')
    """
    without = re.sub(r'(?i)(?<![a-z])(left|right|l|r)(?![a-z])', '', stem)
    return re.sub(r'([_\-. ])[_\-. ]+', r'\1', without).strip('_-. ') or 'pair'


def match_nearest(
    left: Iterable[Item],
    right: Iterable[Item],
    value_of: Callable[[Item], Value],
    limit: Value | None,
) -> Iterator[tuple[Item | None, Item | None]]:
    """
    Pair the items of two increasing sequences that are nearest to each other.

    :param limit: items further apart, or as far, are no pair; ``None`` for no limit
    :return: pairs in order, and every other item with ``None`` as its partner

    >>> list(match_nearest([0, 100, 200], [3, 203], int, 50))
    [(0, 3), (100, None), (200, 203)]
    """
    lefts, rights = _Ahead(left, value_of), _Ahead(right, value_of)
    while lefts.item is not None and rights.item is not None:
        gap = Fraction(lefts.value - rights.value)
        too_far = limit is not None and abs(gap) >= limit
        if gap < 0 and (too_far or lefts.next_is_nearer(rights.value)):
            yield lefts.take(), None
        elif gap > 0 and (too_far or rights.next_is_nearer(lefts.value)):
            yield None, rights.take()
        else:
            yield lefts.take(), rights.take()
    while lefts.item is not None:
        yield lefts.take(), None
    while rights.item is not None:
        yield None, rights.take()


class _Ahead(Generic[Item]):
    """The next two items of a sequence."""

    def __init__(self, items: Iterable[Item], value_of: Callable[[Item], Value]) -> None:
        self._items = iter(items)
        self._value_of = value_of
        self.item = next(self._items, None)
        self._following = next(self._items, None)

    @property
    def value(self) -> Value:
        """Return the value of the next item, which there must be."""
        assert self.item is not None
        return self._value_of(self.item)

    def next_is_nearer(self, value: Value) -> bool:
        """Tell whether the item after the next one is nearer to a value than that."""
        if self._following is None:
            return False
        following = Fraction(self._value_of(self._following) - value)
        return abs(following) < abs(Fraction(self.value - value))

    def take(self) -> Item:
        """Return the next item and go on."""
        assert self.item is not None
        item, self.item = self.item, self._following
        self._following = next(self._items, None)
        return item


def _time_of(frame: Frame) -> int:
    assert frame.time_ns is not None
    return frame.time_ns


def _name_pair(left: Frame | None, right: Frame | None) -> FramePair:
    named = left or right
    assert named is not None
    return FramePair(frame_key(named.stem), left, right)


def _half_period_ns(left: FrameSource, right: FrameSource) -> Fraction | None:
    """
    Return how far apart frames of one moment may be, nothing for single frames.

    :raises ValueError: if the rates differ
    """
    rates = [source.rate_hz for source in (left, right) if source.rate_hz]
    if not rates:
        return None
    if max(rates) > (1 + RATE_TOLERANCE) * min(rates):
        raise ValueError(
            f'{left.path} has {left.rate_hz:.4g} frames a second and {right.path} '
            f'{right.rate_hz:.4g}: frames of different rates are no pairs; give two videos of one '
            'camera'
        )
    return SECOND_NS / (2 * Fraction(max(rates)))


def _pair_names(left: FrameSource, right: FrameSource) -> tuple[str, Stems]:
    """
    Return the rule and the stems of all pairs, and of what has no partner.

    :raises ValueError: if images of one eye are named alike, or nothing has a partner
    """
    lefts, rights = _stems_by_key(left), _stems_by_key(right)
    common = set(lefts) & set(rights)
    if len(common) < min(len(lefts), len(rights)):
        left_numbers, right_numbers = _varying_numbers([*lefts]), _varying_numbers([*rights])
        if left_numbers and right_numbers:
            return _pair_numbers(left, right, (left_numbers, right_numbers))
    if common:
        keys = [*lefts, *(key for key in rights if key not in lefts)]
        return 'by name', [(lefts.get(key), rights.get(key)) for key in keys]
    if len(lefts) == len(rights) == 1:
        return 'as the only ones', [(left.stems[0], right.stems[0])]
    raise ValueError(
        f'{left.path} and {right.path} have no names in common; name the files of a pair alike, '
        'but for the words left and right'
    )


def _pair_numbers(
    left: FrameSource, right: FrameSource, numbers: Sequence[dict[Fraction, str]]
) -> tuple[str, Stems]:
    """
    Pair names by the one number that they differ in.

    :param numbers: the key by the number of each eye
    :raises ValueError: if the steps between the numbers differ, or no two are near enough
    """
    steps = [statistics.median(b - a for a, b in pairwise(sorted(each))) for each in numbers]
    if max(steps) > (1 + PERIOD_TOLERANCE) * min(steps):
        raise ValueError(
            f'the numbers in the names of {left.path} are {_format(steps[0])} apart, those of '
            f'{right.path} {_format(steps[1])}: frames of different rates are no pairs; name the '
            'files of a pair alike, but for the words left and right'
        )
    limit = min(steps) / 2
    lefts, rights = _stems_by_key(left), _stems_by_key(right)
    pairs: Stems = []
    gaps = []
    for a, b in match_nearest(sorted(numbers[0]), sorted(numbers[1]), Fraction, limit):
        left_stem = None if a is None else lefts[numbers[0][a]]
        right_stem = None if b is None else rights[numbers[1][b]]
        pairs.append((left_stem, right_stem))
        if a is not None and b is not None:
            gaps.append(abs(a - b))
    if not gaps:
        raise ValueError(
            f'{left.path} and {right.path} have no frames of one moment: the numbers in their '
            f'names are {_format(limit)} or more apart, which is half a period; name the files of '
            'a pair alike, but for the words left and right'
        )
    rule = f'by the numbers in the names, at most {_format(max(gaps))} apart'
    return f'{rule} (period {_format(min(steps))})', pairs


def _stems_by_key(source: FrameSource) -> dict[str, str]:
    """
    Return the stems by what both eyes have in common.

    :raises ValueError: if two have that in common
    """
    keys = [frame_key(stem) for stem in source.stems]
    name, count = Counter(key.casefold() for key in keys).most_common(1)[0]
    if count > 1:
        raise ValueError(
            f"{source.path} holds {count} images '{name}' that differ only in left and right or "
            'in case; give a folder or a file of one eye'
        )
    return dict(zip(keys, source.stems, strict=True))


def _varying_numbers(names: Sequence[str]) -> dict[Fraction, str] | None:
    """
    Return the names by the one number that they differ in, ``None`` if they differ otherwise.

    >>> _varying_numbers(['cam1_10', 'cam1_20'])
    {Fraction(10, 1): 'cam1_10', Fraction(20, 1): 'cam1_20'}
    """
    split = [re.split(r'(\d+(?:\.\d+)?)', name) for name in names]
    columns = list(zip(*split, strict=False))
    varying = [index for index, column in enumerate(columns) if len(set(column)) > 1]
    if len({len(pieces) for pieces in split}) > 1 or len(varying) != 1 or varying[0] % 2 == 0:
        return None
    numbers = dict(zip(map(Fraction, columns[varying[0]]), names, strict=True))
    return numbers if len(numbers) == len(names) else None


def _format(number: Value) -> str:
    return f'{float(number):.15g}'
