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

"""The hooks of pre-commit check what ``make lint`` checks, with the same tools."""

from pathlib import Path
import re

import pytest
import yaml

CHECKOUT = Path(__file__).resolve().parents[1]


def read(name):
    return (CHECKOUT / name).read_text(encoding='utf-8')


@pytest.fixture(scope='module')
def hooks():
    """Return the hooks by id, each with the revision of its repository."""
    repositories = yaml.safe_load(read('.pre-commit-config.yaml'))['repos']
    return {
        hook['id']: {**hook, 'rev': repository.get('rev')}
        for repository in repositories
        for hook in repository['hooks']
    }


def pinned_version(tool):
    (version,) = re.findall(rf'^{tool}==(\S+)', read('requirements/dev.txt'), re.MULTILINE)
    return version


@pytest.mark.parametrize('hook', ['ruff-check', 'ruff-format'])
def test_ruff_is_the_pinned_one(hooks, hook):
    assert hooks[hook]['rev'] == f'v{pinned_version("ruff")}'


def test_mypy_runs_as_in_make_lint_in_the_environment_with_the_pinned_one(hooks):
    (recipe,) = re.findall(r'^lint:.*\n((?:\t.*\n)+)', read('Makefile'), re.MULTILINE)
    (runner,) = re.findall(r'^RUN := (.*)$', read('Makefile'), re.MULTILINE)
    commands = [line.strip('\t@').replace('$(RUN)', runner) for line in recipe.splitlines()]
    assert hooks['mypy']['entry'] in commands
    assert not hooks['mypy']['pass_filenames']
    assert pinned_version('mypy')
