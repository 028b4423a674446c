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

"""Tests of the CPU time that others take."""

from collections.abc import Iterator
import os
import subprocess
import sys

import psutil
import pytest

from surgseg_ros.benchmark import cpu_use
from surgseg_ros.benchmark.cpu_use import ForeignLoad
from surgseg_ros.benchmark.process import process_cpu_s

WORK_S = 0.5
WORK = f'import time\nwhile time.process_time() < {WORK_S}: pass\nprint(flush=True)\ninput()'


@pytest.fixture
def worker() -> Iterator[subprocess.Popen[str]]:
    """Start a process that works for a while, writes a line and then waits for one."""
    with subprocess.Popen(
        [sys.executable, '-c', WORK], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.kill()


def let_work(worker: subprocess.Popen[str]) -> None:
    """Wait until the worker has done its work."""
    assert worker.stdout is not None
    assert worker.stdout.readline() == '\n'


def test_work_of_another_process_is_foreign_unless_it_is_an_own_one(worker):
    foreign, own = ForeignLoad(), ForeignLoad([worker.pid])
    assert foreign.fraction is None
    assert foreign.cores is None
    with foreign, own:
        let_work(worker)
    assert 0.05 < foreign.fraction <= 1.0
    assert foreign.cores == foreign.fraction * len(os.sched_getaffinity(0))
    assert own.cores < foreign.cores
    assert process_cpu_s(worker.pid) >= 0.9 * WORK_S


def test_work_of_a_process_that_was_waited_for_is_not_foreign(worker):
    foreign, own = ForeignLoad(), ForeignLoad([worker.pid])
    with own:
        with foreign:
            let_work(worker)
        worker.communicate('\n')
    assert own.cores < foreign.cores


def test_cores_that_are_left_out_have_no_row(tmp_path, monkeypatch):
    """Without hyper-threading the rows of psutil are those of the cores 0, 2 and 4."""
    rows = [psutil.cpu_times()._replace(user=user) for user in (1.0, 20.0, 300.0)]
    idle = {name: 0.0 for name in rows[0]._fields if name != 'user'}
    online = tmp_path / 'online'
    online.write_text('0,2-2,4\n')
    monkeypatch.setattr(cpu_use, '_ONLINE', online)
    monkeypatch.setattr(psutil, 'cpu_times', lambda percpu: [row._replace(**idle) for row in rows])
    monkeypatch.setattr(os, 'sched_getaffinity', lambda _: {2, 4})
    assert cpu_use._read_busy_s() == 320.0


def test_without_a_list_of_cores_nothing_is_known(tmp_path, monkeypatch):
    monkeypatch.setattr(cpu_use, '_ONLINE', tmp_path / 'missing')
    load = ForeignLoad()
    with load:
        pass
    assert load.fraction is None
