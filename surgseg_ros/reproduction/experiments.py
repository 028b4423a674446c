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
What the tables are made of: runs, each named by what decides it.

A run is described here and carried out in :mod:`surgseg_ros.reproduction.running`; equal
descriptions are one run, whatever tables it serves.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from typing import Any

PARTS, TYPES = 'parts', 'types'
MAIN, AUXILIARY = 'main', 'auxiliary'


@dataclass(frozen=True)
class Training:
    """
    A network trained on some videos and scored on the others.

    :param recipe: name
    :param settings: changes of the recipe, ``key=value``
    """

    recipe: str
    settings: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Return a name for the folder of the run."""
        return _name(self.recipe, self.settings)


@dataclass(frozen=True)
class Adaptation:
    """
    A network that learned from clips without labels and was scored on them, setting SS.

    :param changes: of the options, see
        :class:`surgseg_ros.training.label_free.adaptation.AdaptationOptions`
    """

    changes: tuple[tuple[str, Any], ...] = ()

    @property
    def key(self) -> str:
        """Return a name for the folder of the run."""
        return _name('adapt', tuple(f'{key}={_plain(value)}' for key, value in self.changes))


@dataclass(frozen=True)
class Timing:
    """
    The time that a network takes for an image.

    :param model: name
    :param branch: output
    """

    model: str
    branch: str = MAIN


Run = Training | Adaptation | Timing


@dataclass(frozen=True)
class Cell:
    """
    A figure: the mean of one value over some runs.

    :param runs: usually one; several folds
    :param value: dotted path into what the run gives, such as ``main.dice_islam2019``
    :param paper: the figure in the paper; None if it has none
    :param scale: factor of the value, such as 100 for percent
    :param digits: after the point
    """

    runs: tuple[Run, ...]
    value: str
    paper: float | None = None
    scale: float = 1.0
    digits: int = 3


@dataclass(frozen=True)
class Row:
    """
    A row of a table.

    :param label: as in the paper
    :param cells: one a column; empty for what this package does not have
    :param paper: the figures of the paper where there are no cells
    """

    label: str
    cells: tuple[Cell, ...] = ()
    paper: tuple[float, ...] = ()


@dataclass(frozen=True)
class Table:
    """
    A table of a paper.

    :param title: where it is from
    :param columns: titles, with the metric of this package behind each
    :param rows: in the order of the paper
    :param notes: what the reader must know
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = field(default_factory=tuple)

    def runs(self) -> tuple[Run, ...]:
        """Return everything that must be run, each once."""
        every = (run for row in self.rows for cell in row.cells for run in cell.runs)
        return tuple(dict.fromkeys(every))


def find_value(result: Mapping[str, Any], path: str) -> float:
    """Return the value at a dotted path of a result, nan for null."""
    value: Any = result
    for key in path.split('.'):
        value = value[key]
    return float('nan') if value is None else float(value)


def _name(first: str, settings: tuple[str, ...]) -> str:
    text = '_'.join([first, *settings])
    return ''.join(letter if letter.isalnum() or letter in '._=-' else '-' for letter in text)


def _plain(value: Any) -> str:
    return '+'.join(value) if isinstance(value, tuple) else str(value)
