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

pytest.importorskip('rclpy')

from surgseg_ros.nodes.segmentation.stereo_statistics import StereoStatistics
from surgseg_ros.nodes.segmentation.stereo_statistics import StereoSummary
from surgseg_ros.nodes.segmentation.stereo_statistics import WINDOW_PAIRS


def test_nothing_has_happened_yet():
    summary = StereoStatistics().summary()
    assert summary == StereoSummary('', False, 0, 0, 0, processing_ms=None)


def test_pairs_are_counted_and_timed():
    statistics = StereoStatistics()
    for located, processing_s in ((2, 0.001), (0, 0.003), (1, 0.002)):
        statistics.record_pair(located, processing_s)
    summary = statistics.summary()
    assert (summary.pairs, summary.located, summary.unsynchronized) == (3, 1, 0)
    assert summary.processing_ms == pytest.approx((2.0, 2.9))


def test_only_the_last_pairs_are_timed_but_all_are_counted():
    statistics = StereoStatistics()
    for _ in range(WINDOW_PAIRS):
        statistics.record_pair(1, 9.0)
    for _ in range(WINDOW_PAIRS):
        statistics.record_pair(1, 0.004)
    summary = statistics.summary()
    assert summary.pairs == 2 * WINDOW_PAIRS
    assert summary.processing_ms == pytest.approx((4.0, 4.0))


@pytest.mark.parametrize('is_fault', [False, True])
def test_a_problem_lasts_until_the_next_pair(is_fault):
    statistics = StereoStatistics()
    statistics.record_problem('an earlier one', not is_fault)
    statistics.record_problem('no calibration', is_fault)
    summary = statistics.summary()
    assert (summary.problem, summary.is_fault, summary.pairs) == ('no calibration', is_fault, 0)
    statistics.record_pair(0, 0.001)
    assert (statistics.summary().problem, statistics.summary().is_fault) == ('', False)


def test_images_without_a_partner_are_counted_and_are_no_problem():
    statistics = StereoStatistics()
    for _ in range(3):
        statistics.record_unsynchronized()
    assert statistics.summary() == StereoSummary('', False, 0, 0, 3, None)


def test_a_summary_stays_as_it_was():
    statistics = StereoStatistics()
    before = statistics.summary()
    statistics.record_pair(1, 0.001)
    assert (before.pairs, before.processing_ms) == (0, None)
