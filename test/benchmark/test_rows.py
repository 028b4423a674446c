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

import pytest

from surgseg_ros.benchmark.rows import make_rows


def test_figures_of_a_row(measured):
    times_ms = [*[10.0] * 98, 20.0, 30.0]
    (row,) = make_rows([measured(times_ms, batch=2)], {'fp32': 12_000.0})
    assert (row.median_ms, row.p95_ms, row.passes, row.rounds) == (10, 10, 100, 100)
    assert row.p99_ms == pytest.approx(20.1)
    assert row.labels_ms == 11
    assert row.images_per_s == 200
    assert row.gflop_per_s == 6000  # 2 x 30 GFLOP in 10 ms
    assert row.peak_fraction == 0.5
    assert row.memory_mib == 100


def test_ratios_are_taken_within_a_round(measured):
    # The computer is busy in the second and third round: medians of times would tell 3.
    eager = measured([20, 80, 200], 'eager')
    fast = measured([10, 40, 100])
    yardstick = measured([20, 80, 200], model='linknet34')
    auxiliary = measured([9, 36, 50], branch='auxiliary')
    rows = make_rows([eager, fast, yardstick, auxiliary], {})
    assert [row.faster_than_eager for row in rows] == [1.0, 2.0, None, None]
    assert rows[1].labels_faster_than_eager == pytest.approx(81 / 41, abs=1e-3)
    assert [row.of_yardstick for row in rows] == [None, 0.5, 1.0, 0.45]
    assert [row.of_main for row in rows] == [None, None, None, 0.9]
    assert rows[0].peak_fraction is None


def test_what_was_not_measured_in_turns_is_not_compared(measured):
    rows = make_rows([measured([20], 'eager', run=0), measured([10], run=1)], {})
    assert [row.faster_than_eager for row in rows] == [1.0, None]
    other_size = measured([10], size=(320, 256))
    assert make_rows([measured([20], 'eager'), other_size], {})[1].faster_than_eager is None


def test_an_interrupted_round_counts_as_far_as_it_got(measured):
    rows = make_rows([measured([20, 30], 'eager'), measured([10]), measured([], 'torch')], {})
    assert [(row.backend, row.rounds) for row in rows] == [('eager', 2), ('openvino', 1)]
    assert rows[1].faster_than_eager == 2
