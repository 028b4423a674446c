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

from surgseg_ros.nodes.segmentation.eye_statistics import EyeStatistics
from surgseg_ros.nodes.segmentation.eye_statistics import FAULT_WINDOW_S
from surgseg_ros.nodes.segmentation.eye_statistics import QUALITY_WINDOW_S
from surgseg_ros.nodes.segmentation.eye_statistics import WINDOW_FRAMES
from surgseg_ros.perception.image_quality import QualityReport


class Clock:
    """A clock that moves only when told."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def statistics(clock):
    return EyeStatistics(clock)


def test_nothing_is_known_at_first(statistics, clock):
    clock.now += 3.0
    summary = statistics.summary()
    assert summary.rate_hz == 0.0
    assert summary.latency_ms == ()
    assert summary.age_ms is None
    assert summary.silence_s == pytest.approx(3.0)
    assert summary.rejected == {}


def test_percentiles_cover_the_last_frames(statistics):
    for _ in range(10):
        statistics.record_result(9.0, None)
    for number in range(WINDOW_FRAMES):
        statistics.record_result(number / 1000, None)
    p50, p95, p99 = statistics.summary().latency_ms
    assert p50 == pytest.approx(0.50 * (WINDOW_FRAMES - 1))
    assert p95 == pytest.approx(0.95 * (WINDOW_FRAMES - 1))
    assert p99 == pytest.approx(0.99 * (WINDOW_FRAMES - 1))


def test_rate_is_that_of_the_last_seconds(statistics, clock):
    for _ in range(200):
        clock.now += 0.05
        statistics.record_result(0.01, None)
    assert statistics.summary().rate_hz == pytest.approx(20.0, rel=0.02)
    clock.now += 60.0
    assert statistics.summary().rate_hz == 0.0


def test_rate_soon_after_the_start(statistics, clock):
    for _ in range(10):
        clock.now += 0.1
        statistics.record_result(0.01, None)
    assert statistics.summary().rate_hz == pytest.approx(10.0)


def test_silence_ends_with_an_image(statistics, clock):
    clock.now += 3.0
    statistics.record_image()
    clock.now += 1.0
    assert statistics.summary().silence_s == pytest.approx(1.0)


def test_rejections_are_counted_by_cause(statistics):
    assert statistics.record_rejection('step', 'first')
    assert statistics.record_rejection('encoding', 'other')
    assert not statistics.record_rejection('step', 'last')
    summary = statistics.summary()
    assert summary.rejected == {'step': 2, 'encoding': 1}
    assert summary.last_error == 'last'


def test_silence_counts_from_when_the_camera_is_listened_to(statistics, clock):
    statistics.record_image()
    clock.now += 100.0
    statistics.expect_images()
    clock.now += 2.0
    assert statistics.summary().silence_s == pytest.approx(2.0)


def test_losses_are_a_share_of_what_was_sent_lately(statistics, clock):
    for _ in range(30):
        statistics.record_image()
    statistics.record_loss(10)
    summary = statistics.summary()
    assert (summary.lost, summary.lost_fraction) == (10, 0.25)
    clock.now += FAULT_WINDOW_S + 1.0
    summary = statistics.summary()
    assert (summary.lost, summary.lost_fraction) == (10, 0.0)


def test_rejections_are_forgotten_as_recent_ones_only(statistics, clock):
    statistics.record_rejection('step', 'too small')
    assert statistics.summary().recently_rejected == 1
    clock.now += FAULT_WINDOW_S + 1.0
    summary = statistics.summary()
    assert summary.recently_rejected == 0
    assert summary.rejected == {'step': 1}


def test_quality_is_that_of_the_last_image_and_its_share_that_of_the_last_seconds(
    statistics, clock
):
    good = QualityReport(90.0, 0.0, 0.8, 0.0, ())
    black = QualityReport(1.0, 0.0, 0.0, 0.0, ('black',))
    for report in (good, good, good, black):
        statistics.record_quality(report)
    summary = statistics.summary()
    assert (summary.quality, summary.poor_fraction) == (black, 0.25)
    clock.now += QUALITY_WINDOW_S + 1.0
    assert statistics.summary().poor_fraction == 0.0


def test_input_rate_counts_every_image(statistics, clock):
    for _ in range(200):
        clock.now += 0.05
        statistics.record_image()
    assert statistics.summary().input_rate_hz == pytest.approx(20.0, rel=0.02)


def test_the_last_header_is_remembered(statistics):
    assert statistics.summary().frame_id is None
    statistics.record_header('/camera', is_stamped=False)
    summary = statistics.summary()
    assert (summary.frame_id, summary.is_stamped) == ('/camera', False)
