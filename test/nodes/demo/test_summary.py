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

import json

import numpy as np
import pytest

from surgseg_ros.data.label_sets import get_label_set
from surgseg_ros.nodes.demo.summary import DemoStatistics
from surgseg_ros.nodes.demo.summary import format_summary
from surgseg_ros.nodes.demo.summary import FrameResult
from surgseg_ros.nodes.demo.summary import percentiles_ms
from surgseg_ros.nodes.demo.summary import write_summary

EYES = ('left', 'right')
PERIOD_NS = 100_000_000
START_NS = 1_700_000_000 * 10**9
MODEL = {'model': 'mffnet', 'branch': 'main', 'device': 'cpu', 'backend': 'torch'}


def result(latency_s=0.05, dropped_before=0):
    stages = {'queue': 0.001, 'preprocess': 0.002, 'inference': 0.03, 'postprocess': 0.004}
    return FrameResult(latency_s, 0.04, stages, dropped_before)


def started():
    statistics = DemoStatistics(get_label_set('parts'), EYES)
    statistics.start(START_NS)
    return statistics


def stamp(index):
    return START_NS + index * PERIOD_NS


def test_frames_in_is_the_sum_of_processed_and_dropped():
    statistics = started()
    for index in range(1, 101):
        for eye in EYES:
            statistics.add_frame(eye, stamp(index))
            if index % 4 == 0:
                statistics.add_result(eye, stamp(index), result(dropped_before=3))
    summary = statistics.summarize()
    assert summary['frames_in'] == 200
    assert summary['frames_processed'] == 50
    assert summary['frames_dropped'] == 150
    # What was dropped before the first result may lie before the measurement.
    assert summary['frames_dropped_in_node'] == 144
    assert summary['frames_in_flight'] == 0
    assert summary['duration_s'] == 10.0
    assert summary['camera_rate_hz'] == 10.0
    assert summary['throughput_hz'] == 2.5


def test_frames_that_may_yet_be_answered_are_neither_in_nor_dropped():
    statistics = started()
    for index in range(1, 31):
        statistics.add_frame('left', stamp(index))
    for index in range(1, 28):
        statistics.add_result('left', stamp(index), result())
    summary = statistics.summarize()
    assert summary['frames_in_flight'] == 3
    assert summary['frames_in'] == 27
    assert summary['frames_dropped'] == 0


def test_frames_unanswered_for_long_are_dropped():
    statistics = started()
    statistics.add_result('left', stamp(1), result())
    for index in range(1, 51):
        statistics.add_frame('left', stamp(index))
    summary = statistics.summarize()
    assert summary['frames_in_flight'] == 20
    assert summary['frames_dropped'] == 29
    assert summary['frames_in'] == 30


def test_a_frame_skipped_before_an_answer_after_the_end_is_dropped():
    statistics = started()
    for index in (1, 2):
        statistics.add_frame('left', stamp(index))
    statistics.add_result('left', stamp(1), result())
    statistics.stop(stamp(2))
    statistics.add_result('left', stamp(3), result())
    assert statistics.summarize()['frames_dropped'] == 1
    assert statistics.summarize()['frames_processed'] == 1


def test_frames_outside_the_measurement_do_not_count():
    statistics = started()
    statistics.stop(stamp(5))
    for index in (-1, 0, 6):
        statistics.add_frame('left', stamp(index))
        statistics.add_result('left', stamp(index), result())
        statistics.add_comparison('left', stamp(index), np.ones((2, 2)), np.ones((2, 2)))
    summary = statistics.summarize()
    assert summary['frames_in'] == summary['frames_processed'] == 0
    assert summary['dice']['binary'] is None


def test_the_end_waits_for_every_eye():
    statistics = started()
    statistics.add_result('left', stamp(3), result())
    assert not statistics.answered(stamp(3))
    statistics.add_result('right', stamp(4), result())
    assert statistics.answered(stamp(3))


def test_dice_is_pooled_over_frames_and_eyes():
    statistics = started()
    truth = np.array([[0, 1, 1, 2, 3, 3]], np.uint8)
    shifted = np.array([[0, 0, 1, 2, 2, 3]], np.uint8)
    for eye, prediction in (('left', shifted), ('right', truth)):
        statistics.add_result(eye, stamp(1), result())
        statistics.add_comparison(eye, stamp(1), truth, prediction)
    summary = statistics.summarize()
    # shaft: truth 4, predicted 3, both 3; wrist: 2, 3, 2; clasper: 4, 3, 3; any: 10, 9, 9
    assert summary['dice'] == {
        'binary': round(18 / 19, 4),
        'shaft': round(6 / 7, 4),
        'wrist': round(4 / 5, 4),
        'clasper': round(6 / 7, 4),
    }
    assert summary['dice_mean_parts'] == pytest.approx((6 / 7 + 4 / 5 + 6 / 7) / 3, abs=1e-4)
    assert summary['frames_compared'] == 2
    assert summary['frames_not_compared'] == 0
    assert statistics.all_compared


def test_a_frame_is_compared_once_and_a_missing_comparison_is_counted():
    statistics = started()
    truth = np.array([[0, 1]], np.uint8)
    statistics.add_result('left', stamp(1), result())
    statistics.add_result('left', stamp(2), result())
    statistics.add_comparison('left', stamp(1), truth, truth)
    statistics.add_comparison('left', stamp(1), truth, truth * 0)
    assert not statistics.all_compared
    summary = statistics.summarize()
    assert summary['dice']['shaft'] == 1.0
    assert summary['frames_compared'] == 1
    assert summary['frames_not_compared'] == 1


def test_classes_that_never_occur_are_unknown_not_zero():
    statistics = started()
    truth = np.array([[0, 1]], np.uint8)
    statistics.add_comparison('left', stamp(1), truth, truth)
    dice = statistics.summarize()['dice']
    assert dice['wrist'] is None
    assert statistics.summarize()['dice_mean_parts'] == 1.0


def test_label_images_of_different_size_are_refused():
    with pytest.raises(ValueError, match='truth is'):
        started().add_comparison('left', stamp(1), np.ones((2, 2)), np.ones((2, 3)))


def test_percentiles_are_in_milliseconds():
    latencies = np.arange(1, 102) * 1e-3
    assert percentiles_ms(latencies.tolist()) == {'p50': 51.0, 'p95': 96.0, 'p99': 100.0}
    assert percentiles_ms([]) == {'p50': None, 'p95': None, 'p99': None}


def test_an_empty_summary_can_be_written_and_printed(tmp_path):
    summary = started().summarize() | MODEL
    write_summary(tmp_path / 'summary.json', summary)
    assert json.loads((tmp_path / 'summary.json').read_text(encoding='utf-8')) == summary
    assert [path.name for path in tmp_path.iterdir()] == ['summary.json']
    assert 'unknown' in format_summary(summary)


def test_the_table_shows_the_numbers():
    statistics = started()
    truth = np.array([[0, 1, 2, 3]], np.uint8)
    statistics.add_result('left', stamp(1), result(latency_s=0.0423))
    statistics.add_comparison('left', stamp(1), truth, truth)
    text = format_summary(statistics.summarize() | MODEL)
    assert 'mffnet, branch main' in text
    assert 'p50 42.3' in text
    assert 'clasper' in text
