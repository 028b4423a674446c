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

from surgseg_ros.nodes.segmentation.pairing_statistics import PairingStatistics


def test_nothing_is_known_before_the_first_batch():
    summary = PairingStatistics().summary()
    assert summary.paired_fraction is None
    assert summary.stamp_gap_ms is None


def test_a_missing_eye_is_no_pair():
    statistics = PairingStatistics()
    statistics.record(1, 0)
    assert statistics.summary().paired_fraction == 0.0
    assert statistics.summary().stamp_gap_ms is None


def test_gaps_are_those_of_the_pairs():
    statistics = PairingStatistics()
    statistics.record(1, 0)
    for gap_ms in (2, 4, 6):
        statistics.record(2, gap_ms * 1_000_000)
    summary = statistics.summary()
    assert summary.paired_fraction == pytest.approx(3 / 4)
    assert summary.stamp_gap_ms == pytest.approx((4.0, 5.8))
