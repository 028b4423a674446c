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
"""The page with the tables: our figures beside those of the papers, and how they were made."""

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
import math
from typing import Any

from surgseg_ros.reporting.text_tables import format_table
from surgseg_ros.reproduction.budget import Budget
from surgseg_ros.reproduction.experiments import Cell
from surgseg_ros.reproduction.experiments import find_value
from surgseg_ros.reproduction.experiments import Row
from surgseg_ros.reproduction.experiments import Run
from surgseg_ros.reproduction.experiments import Table

Results = Mapping[Run, Mapping[str, Any]]
Numbers = Mapping[Run, int]

NOT_YET = '…'
UNDEFINED = 'undefined'

INTRODUCTION = """# Results: the tables of the papers on simulated data

**Simulated data.** Every figure before a bracket was measured on images of the simulator of this
package, in the layout of EndoVis 2017, six videos for training and two for the test unless a note
says otherwise; the figure in brackets is that of the paper, on real images of EndoVis 2017. They
are not comparable: the page shows that every system trains, and how it is judged. With real data,
give the commands below the real folder as --data.

Budget `{budget.name}`: {budget.title}.
{computer}

```bash
{command}
```
"""


COMMANDS = """## Commands

The runs by the numbers in the tables. The command above renders the data and carries all of them
out.

```bash
{commands}
```
"""


def format_page(
    tables: Sequence[Table],
    results: Results,
    budget: Budget,
    computer: str,
    command: str,
    command_of: Callable[[Run], str],
) -> str:
    """
    Return the page as Markdown.

    :param results: of the runs that are done; the others' cells say so
    :param computer: that the runs were carried out on
    :param command: that made the page
    :param command_of: returns the command of a run
    """
    runs = list(dict.fromkeys(run for table in tables for run in table.runs()))
    numbers = {run: number for number, run in enumerate(runs, 1)}
    parts = [INTRODUCTION.format(budget=budget, computer=computer, command=command)]
    parts += [_format_table(table, results, numbers) for table in tables]
    commands = '\n'.join(f'# {number}\n{command_of(run)}' for run, number in numbers.items())
    parts.append(COMMANDS.format(commands=commands))
    return '\n'.join(parts)


def _format_table(table: Table, results: Results, numbers: Numbers) -> str:
    rows = [['', *table.columns, 'runs']]
    rows += [_format_row(row, len(table.columns), results, numbers) for row in table.rows]
    notes = ''.join(f'\n{note}\n' for note in table.notes)
    return f'## {table.title}\n\n{format_table(rows)}\n{notes}'


def _format_row(
    row: Row,
    num_columns: int,
    results: Mapping[Run, Mapping[str, Any]],
    numbers: Mapping[Run, int],
) -> list[str]:
    cells = [_format_cell(cell, results) for cell in row.cells]
    cells = cells or [f'- ({figure:g})' for figure in row.paper]
    cells += ['-'] * (num_columns - len(cells))
    runs = dict.fromkeys(run for cell in row.cells for run in cell.runs)
    return [row.label, *cells, ', '.join(str(numbers[run]) for run in runs) or '-']


def _format_cell(cell: Cell, results: Results) -> str:
    paper = '' if cell.paper is None else f' ({cell.paper:g})'
    if any(run not in results for run in cell.runs):
        return NOT_YET + paper
    values = [find_value(results[run], cell.value) for run in cell.runs]
    mean = sum(values) / len(values)
    if math.isnan(mean):
        return UNDEFINED + paper
    return f'{mean * cell.scale:.{cell.digits}f}{paper}'
