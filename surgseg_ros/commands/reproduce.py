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
"""``surgseg reproduce``: the tables of the papers on simulated data."""

import argparse
from collections.abc import Mapping
from pathlib import Path
import shlex
from typing import Any
from typing import TYPE_CHECKING

from surgseg_ros.commands.arguments import add_device_argument
from surgseg_ros.commands.arguments import add_names_argument

if TYPE_CHECKING:
    from surgseg_ros.reproduction.experiments import Run
    from surgseg_ros.reproduction.experiments import Table

SMALL, FULL = 'small', 'full'


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command to those of ``surgseg``."""
    parser = commands.add_parser(
        'reproduce',
        help="make the papers' tables again on simulated data",
        description='Render a data set in the layout of EndoVis 2017, train every network that '
        'the tables of the papers compare, score them, and write a page with our figures beside '
        'theirs. Interrupted, the same command goes on where it stopped. Needs the training '
        'extra.',
    )
    parser.add_argument(
        '--budget',
        choices=(SMALL, FULL),
        default=SMALL,
        help='small (default): half an hour on two CPU cores; full: days on a GPU',
    )
    parser.add_argument(
        '--output', type=Path, required=True, help='folder for data, runs and results.md'
    )
    add_names_argument(
        parser,
        '--tables',
        'only tables with such a word in their title, for example AGSD or "table V:"',
        'WORD',
    )
    parser.add_argument('--markdown', type=Path, help='also write the page to this file')
    add_device_argument(parser)
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from surgseg_ros.inference.devices import device_name
    from surgseg_ros.inference.devices import select_device
    from surgseg_ros.reproduction.budget import BUDGETS
    from surgseg_ros.reproduction.page import format_page
    from surgseg_ros.reproduction.running import prepare_data
    from surgseg_ros.reproduction.running import Runner
    from surgseg_ros.reproduction.tables import make_tables

    budget = BUDGETS[arguments.budget]
    tables = _chosen(make_tables(budget), arguments.tables)
    data, clips = prepare_data(budget, arguments.output)
    runner = Runner(budget, data, clips, arguments.output / 'runs', arguments.device)
    command = shlex.join(['surgseg', *arguments.typed])
    computer = f'Computer: {device_name(select_device(arguments.device))}.'
    pages = [path for path in (arguments.output / 'results.md', arguments.markdown) if path]

    def write(results: 'Mapping[Run, Mapping[str, Any]]') -> None:
        page = format_page(tables, results, budget, computer, command, runner.command)
        for path in pages:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(page, encoding='utf-8')

    runner.run_all(list(dict.fromkeys(run for table in tables for run in table.runs())), write)
    print('\n'.join(f'page: {path}' for path in pages))
    return 0


def _chosen(tables: 'tuple[Table, ...]', words: tuple[str, ...] | None) -> 'tuple[Table, ...]':
    """
    Return the tables whose title has one of the words.

    :raises ValueError: if there is none
    """
    if words is None:
        return tables
    chosen = tuple(table for table in tables if any(word in table.title for word in words))
    if not chosen:
        titles = '\n'.join(f'  {table.title}' for table in tables)
        raise ValueError(f'no table has {" or ".join(words)} in its title; there are:\n{titles}')
    return chosen
