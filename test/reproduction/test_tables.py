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
"""Tests of the tables: complete, of existing recipes and metrics."""

import pytest

from surgseg_ros.evaluation.labels.metric_table import find_metric
from surgseg_ros.models import model_info
from surgseg_ros.reproduction.budget import BUDGETS
from surgseg_ros.reproduction.budget import FULL
from surgseg_ros.reproduction.budget import SMALL
from surgseg_ros.reproduction.experiments import Adaptation
from surgseg_ros.reproduction.experiments import Timing
from surgseg_ros.reproduction.experiments import Training
from surgseg_ros.reproduction.tables import make_tables
from surgseg_ros.training.label_free.adaptation import make_options
from surgseg_ros.training.recipe import load_recipe


def runs_of(budget):
    return list(dict.fromkeys(run for table in make_tables(budget) for run in table.runs()))


def test_every_table_of_the_papers_is_there():
    titles = [table.title for table in make_tables(FULL)]
    for number in ('I', 'II', 'III', 'IV', 'V'):
        assert sum(f'Islam et al. 2019, table {number}:' in title for title in titles) == 1
    for title in ('RASNet), table III', 'AGSD), table 1', 'AGSD), table 2'):
        assert sum(title in one for one in titles) == 1
    assert sum('Shvets et al. 2018' in title for title in titles) == 3


@pytest.mark.parametrize('table', make_tables(SMALL), ids=lambda table: table.title)
def test_rows_fill_their_columns(table):
    for row in table.rows:
        assert len(row.cells) == len(table.columns) or (row.paper and not row.cells)
        assert len(row.paper) <= len(table.columns)


@pytest.mark.parametrize('budget', BUDGETS.values(), ids=BUDGETS)
def test_every_training_has_a_recipe_and_metrics_that_exist(budget):
    for table in make_tables(budget):
        for row in table.rows:
            for cell in row.cells:
                for run in cell.runs:
                    if isinstance(run, Training):
                        recipe = load_recipe(run.recipe, [*run.settings, *budget.settings])
                        branch, metric = cell.value.split('.')
                        assert branch in model_info(recipe.model).branches
                        assert find_metric(metric)


@pytest.mark.parametrize('budget', BUDGETS.values(), ids=BUDGETS)
def test_every_adaptation_has_valid_options(budget):
    for run in runs_of(budget):
        if isinstance(run, Adaptation):
            assert make_options(**{**budget.adaptation, **dict(run.changes)})


def test_tables_share_their_runs():
    trainings = [run for run in runs_of(SMALL) if isinstance(run, Training)]
    # Three tasks of four networks and one without adversary, RASNet's four, Shvets' four.
    assert len(trainings) == 3 * 4 + 1 + 4 + 4
    assert len({run.key for run in trainings}) == len(trainings)
    assert len({run.key for run in runs_of(SMALL) if isinstance(run, Adaptation)}) == 4 + 7 - 1
    folds = [run for run in runs_of(FULL) if isinstance(run, Training) and run.recipe == 'ternaus']
    assert len(folds) == 4 * 12


def test_figures_of_the_papers():
    """A few of those that are quoted most."""
    tables = {table.title: table for table in make_tables(SMALL)}
    (first,) = [table for title, table in tables.items() if 'table I:' in title]
    assert [cell.paper for cell in first.rows[0].cells] == [0.916, 11.11, 0.989, 0.928, None]
    (last,) = [table for title, table in tables.items() if 'table V:' in title]
    assert [cell.paper for cell in last.rows[1].cells] == [227.38, 0.911, 0.732, 0.339]
    assert {run for run in last.runs() if isinstance(run, Timing)} == {
        Timing('mffnet', 'main'),
        Timing('mffnet', 'auxiliary'),
    }
