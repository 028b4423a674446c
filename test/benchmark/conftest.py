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

"""Measurements of networks that nobody has to wait for."""

from dataclasses import asdict

import pytest

from surgseg_ros.benchmark.report import SCHEMA
from surgseg_ros.benchmark.rows import Candidate
from surgseg_ros.benchmark.rows import Facts
from surgseg_ros.benchmark.rows import make_rows
from surgseg_ros.benchmark.rows import Measured
from surgseg_ros.benchmark.rows import Turn
from surgseg_ros.benchmark.targets import judge

SIZE = (640, 512)
MACHINE = {
    'cpu': 'Some CPU',
    'instruction_sets': ['avx2'],
    'usable_cores': 2,
    'threads': 2,
    'memory_gib': 16.0,
    'system': 'Linux',
    'device': 'cpu',
    'versions': {'torch': '2.13.0'},
    'load_average_at_start': 0.1,
}


def make_measured(times_ms, backend='openvino', model='mffnet', branch='main', run=0, **changes):
    """Return a candidate with one pass in each round, 1 ms longer from images to labels."""
    values = {'size': SIZE, 'batch': 1, 'precision': 'fp32', **changes}
    agreement = values.pop('agreement', None)
    candidate = Candidate(model, branch, backend=backend, **values)
    facts = Facts('random', 1_000_000, 30_000_000_000, 2.0, 100 * 2**20, agreement)
    turns = [Turn((ms / 1000,), ((ms + 1) / 1000,)) for ms in times_ms]
    return Measured(candidate, facts, run, turns)


@pytest.fixture
def measured():
    """Return a function that makes a measured candidate."""
    return make_measured


@pytest.fixture
def usual_rows():
    """Return rows of eager torch and OpenVINO that meet all targets of a CPU without AMX."""
    return make_rows(
        [
            make_measured([200, 200], 'eager'),
            make_measured([100, 100], agreement=0.9995),
            make_measured([90, 90], branch='auxiliary', agreement=0.9999),
            make_measured([400, 400], 'eager', 'linknet34'),
            make_measured([200, 200], model='linknet34'),
        ],
        {'fp32': 600.0},
    )


@pytest.fixture
def sample(usual_rows):
    """Return a function that makes a result, some of its values given."""
    result = {
        'schema': SCHEMA,
        'started': '2026-01-01T00:00:00+00:00',
        'command': 'surgseg benchmark --sizes 640x512',
        'interrupted': False,
        'machine': MACHINE,
        'foreign_load': 0.02,
        'peak_gflop_per_s': {'fp32': 600.0},
        'copy_gigabytes_per_s': 20.0,
        'picture': 'a picture',
        'rows': [asdict(row) for row in usual_rows],
        'skipped': [{'what': 'tensorrt', 'reason': 'no GPU'}],
        'targets': [asdict(target) for target in judge(usual_rows, ['avx2'])],
    }
    return lambda **changes: {**result, **changes}
