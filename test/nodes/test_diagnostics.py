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

from diagnostic_msgs.msg import DiagnosticStatus

from surgseg_ros.nodes.diagnostics import explain_silence
from surgseg_ros.nodes.diagnostics import eye_status
from surgseg_ros.nodes.diagnostics import idle_status
from surgseg_ros.nodes.eye_statistics import EyeSummary
from surgseg_ros.nodes.frame_slots import FrameCounts

COUNTS = FrameCounts(received=10, processed=5, replaced=2, stale=1, rejected=1, pending=1)


def summary(**changes):
    values = {
        'rate_hz': 24.96,
        'latency_ms': (10.0, 20.0, 30.0),
        'age_ms': 12.5,
        'silence_s': 0.01,
        'rejected': {},
        'last_error': '',
    }
    return EyeSummary(**{**values, **changes})


def values_of(status):
    return {item.key: item.value for item in status.values}


def test_a_healthy_eye():
    status = eye_status('segmentation: left', COUNTS, summary(), '')
    assert status.level == DiagnosticStatus.OK
    assert status.message == '25.0 Hz'
    values = values_of(status)
    assert values['received'] == '10'
    assert values['dropped'] == '4'
    assert values['latency_p95_ms'] == '20.00'
    assert values['age_ms'] == '12.50'


def test_an_eye_without_results_yet():
    values = values_of(eye_status('left', COUNTS, summary(latency_ms=(), age_ms=None), ''))
    assert values['latency_p50_ms'] == values['age_ms'] == 'n/a'


def test_rejected_images_warn_and_name_the_cause():
    faulty = summary(rejected={'step': 3}, last_error='step is too small')
    status = eye_status('left', COUNTS, faulty, '')
    assert status.level == DiagnosticStatus.WARN
    assert 'step is too small' in status.message
    assert values_of(status)['rejected_step'] == '3'


def test_silence_warns():
    status = eye_status('left', COUNTS, summary(), 'no image')
    assert (status.level, status.message) == (DiagnosticStatus.WARN, 'no image')


@pytest.mark.parametrize(
    ('publishers', 'received', 'text'),
    [
        (0, 0, 'nobody publishes'),
        (0, 7, 'nobody publishes'),
        (1, 7, 'stopped sending'),
        (1, 0, 'fastdds_large_images.xml'),
    ],
)
def test_silence_is_explained_by_what_is_known(publishers, received, text):
    explanation = explain_silence('/left/image_raw', publishers, received, 5.2)
    assert text in explanation
    assert 'no image on /left/image_raw for 5 s' in explanation


def test_a_node_without_a_network():
    assert idle_status('model', '').level == DiagnosticStatus.OK
    failed = idle_status('model', 'no such file')
    assert (failed.level, failed.message) == (DiagnosticStatus.ERROR, 'no such file')
