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

"""Named entries of a calibration file, and the numbers in them."""

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
import re
from typing import Any

import numpy as np

from surgseg_ros.calibration.camera import CalibrationError

MAX_NUMBERS = 64
"""No entry that is looked at has more; what does is not unfolded."""
MATRIX_DATA = 'data'
"""Where matrices of OpenCV and ROS have their numbers."""
_YAML_NUMBERS = {'.nan': 'nan', '.inf': 'inf', '+.inf': 'inf', '-.inf': '-inf'}


@dataclass(frozen=True)
class Entry:
    """
    An entry of a file.

    :param name: as the file has it
    """

    name: str
    value: Any


class Entries:
    """
    The entries of a file, or of one eye, by name.

    Names are compared without regard to case and to ``_-./`` and space: ``camera_matrix`` is
    ``cameraMatrix``.

    :param content: the entries
    :param marks: what the names carry that are meant, such as ``left`` or ``1``; empty: nothing
    :param prefix: of names in messages
    """

    def __init__(self, content: Mapping[str, Any], marks: str = '', prefix: str = '') -> None:
        self._content = content
        self._marks = marks
        self._prefix = prefix
        self._by_name: dict[str, list[Entry]] = {}
        for name, value in content.items():
            self._by_name.setdefault(squeeze(str(name)), []).append(Entry(prefix + name, value))

    @property
    def names(self) -> list[str]:
        """Return the names as the file has them."""
        return [entry.name for entries in self._by_name.values() for entry in entries]

    @property
    def of(self) -> str:
        """Return whose entries they are, for messages; empty for those of the whole file."""
        whose = self._marks or self._prefix.rstrip('.')
        return f' of {whose}' if whose else ''

    def marked(self, marks: str) -> 'Entries':
        """Return the entries whose names carry a mark of an eye before or after."""
        return Entries(self._content, marks, self._prefix)

    def child(self, *names: str) -> 'Entries | None':
        """Return the entries of a mapping that is no matrix, None if none has these names."""
        entry = self.find(*names)
        is_group = entry is not None and isinstance(entry.value, Mapping)
        if entry is None or not is_group or MATRIX_DATA in entry.value:
            return None
        return Entries(entry.value, prefix=f'{entry.name}.')

    def find(self, *names: str) -> Entry | None:
        """
        Return the entry that has one of several names, None if there is none.

        :param names: squeezed
        :raises CalibrationError: if there are several and they differ
        """
        marked = [key for name in names for key in {name + self._marks, self._marks + name}]
        found = [
            entry
            for key in marked
            for entry in self._by_name.get(key, ())
            if entry.value not in ('', None)
        ]
        differing = [entry for entry in found[1:] if entry.value != found[0].value]
        if differing:
            raise CalibrationError(
                f"'{found[0].name}' and '{differing[0].name}' say the same but differ; keep one"
            )
        return found[0] if found else None


def squeeze(name: str) -> str:
    """
    Return a name without what exporters write differently.

    >>> squeeze('camera_matrix'), squeeze('cameraMatrix')
    ('cameramatrix', 'cameramatrix')
    """
    return re.sub(r'[\s_\-./]', '', name).lower()


def read_vector(entry: Entry) -> np.ndarray:
    """
    Return the numbers of an entry: a list, one row or column, or a matrix of OpenCV or ROS.

    :return: (n,)
    :raises CalibrationError: if they are none, not finite, or a larger matrix
    """
    numbers, shape = _read_numbers(entry)
    if len(shape) > 1 and max(shape) != len(numbers):
        raise CalibrationError(
            f'{entry.name} must be one row of numbers, it is {_by(shape)}; correct it'
        )
    return numbers


def read_matrix(entry: Entry, rows: int, columns: int) -> np.ndarray:
    """
    Return the matrix of an entry: nested lists, a list row by row, or one of OpenCV or ROS.

    :return: (rows, columns)
    :raises CalibrationError: if it is none, not finite or of another shape
    """
    numbers, shape = _read_numbers(entry)
    if len(shape) > 1 and shape == (columns, rows) and rows != columns:
        raise CalibrationError(
            f'{entry.name} is {_by(shape)}: it is transposed; write it as {rows}x{columns}'
        )
    if len(numbers) != rows * columns or (len(shape) > 1 and shape != (rows, columns)):
        got = _by(shape) if len(shape) > 1 else f'{len(numbers)} numbers'
        raise CalibrationError(f'{entry.name} must be {rows}x{columns}, got {got}; correct it')
    return numbers.reshape(rows, columns)


def read_size(entry: Entry) -> tuple[int, int]:
    """
    Return two positive whole numbers.

    :raises CalibrationError: if they are not
    """
    numbers = read_vector(entry)
    if len(numbers) != 2:
        raise CalibrationError(
            f'{entry.name} needs 2 numbers, width and height, got {len(numbers)}; correct it'
        )
    return _positive_integer(entry.name, numbers[0]), _positive_integer(entry.name, numbers[1])


def read_count(entry: Entry) -> int:
    """
    Return a positive whole number.

    :raises CalibrationError: if it is none
    """
    numbers = read_vector(entry)
    return _positive_integer(entry.name, numbers[0] if len(numbers) == 1 else 0.0)


def _positive_integer(name: str, number: float) -> int:
    if number < 1 or number != int(number):
        raise CalibrationError(f"'{name}' must be a positive integer; correct it")
    return int(number)


def _read_numbers(entry: Entry) -> tuple[np.ndarray, tuple[int, ...]]:
    """Return all numbers of an entry in a row, and the shape that the file gives them."""
    value, declared = entry.value, None
    if isinstance(value, Mapping):
        if MATRIX_DATA not in value:
            raise CalibrationError(f"{entry.name} needs a list of numbers under '{MATRIX_DATA}'")
        value, declared = value[MATRIX_DATA], _declared_shape(entry)
    numbers = np.array(_flatten(entry.name, value), float)
    if not np.isfinite(numbers).all():
        raise CalibrationError(f'{entry.name} is not finite; calibrate again')
    shape = declared or _nested_shape(entry.name, value, len(numbers))
    if int(np.prod(shape)) != len(numbers):
        raise CalibrationError(
            f'{entry.name} is said to be {_by(shape)} but has {len(numbers)} numbers; correct it'
        )
    return numbers, shape


def _declared_shape(entry: Entry) -> tuple[int, ...] | None:
    """Return what ``rows`` and ``cols`` say, None without."""
    sides = [entry.value.get(side) for side in ('rows', 'cols')]
    if None in sides:
        return None
    rows, columns = (
        read_count(Entry(f'{entry.name}.{name}', side))
        for name, side in zip(('rows', 'cols'), sides, strict=True)
    )
    return rows, columns


def _nested_shape(name: str, value: Any, count: int) -> tuple[int, ...]:
    """Return the shape of nested lists, (count,) of a plain one."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        return (count,)
    lengths = {len(item) for item in value if isinstance(item, list)}
    if not lengths:
        return (count,)
    if len(lengths) > 1 or not all(isinstance(item, list) for item in value):
        raise CalibrationError(f'{name} has rows of different lengths; correct it')
    return len(value), lengths.pop()


def _flatten(name: str, value: Any) -> list[float]:
    """Return the numbers of nested lists and of text with spaces between them."""
    numbers: list[float] = []
    waiting = [value]
    steps = 0
    while waiting:
        item = waiting.pop()
        steps += 1
        if isinstance(item, list):
            waiting.extend(reversed(item))
        elif isinstance(item, str):
            numbers.extend(_number(name, word) for word in item.split())
        else:
            numbers.append(_number(name, item))
        if max(len(numbers), len(waiting), steps // 4) > MAX_NUMBERS:
            raise CalibrationError(
                f'{name} has more than {MAX_NUMBERS} numbers, which no entry of a calibration has'
            )
    return numbers


def _number(name: str, value: Any) -> float:
    try:
        if isinstance(value, bool | Mapping):
            raise ValueError
        return float(_YAML_NUMBERS.get(value.lower(), value) if isinstance(value, str) else value)
    except (TypeError, ValueError, OverflowError):
        shown = str(value)[:40]
        raise CalibrationError(f"{name} must be numbers, '{shown}' is none; correct it") from None


def _by(shape: Sequence[int]) -> str:
    return 'x'.join(map(str, shape))
