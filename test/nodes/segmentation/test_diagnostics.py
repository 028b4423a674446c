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

from dataclasses import replace

import pytest

pytest.importorskip('rclpy')

from diagnostic_msgs.msg import DiagnosticStatus

from surgseg_ros.nodes.segmentation.diagnostics import explain_silence
from surgseg_ros.nodes.segmentation.diagnostics import eye_status
from surgseg_ros.nodes.segmentation.diagnostics import EyeLimits
from surgseg_ros.nodes.segmentation.diagnostics import find_eye_problems
from surgseg_ros.nodes.segmentation.diagnostics import find_frame_id_notes
from surgseg_ros.nodes.segmentation.diagnostics import idle_status
from surgseg_ros.nodes.segmentation.diagnostics import stereo_status
from surgseg_ros.nodes.segmentation.eye_statistics import EyeSummary
from surgseg_ros.nodes.segmentation.pairing_statistics import PairingSummary
from surgseg_ros.nodes.segmentation.slots import FrameCounts
from surgseg_ros.nodes.segmentation.stereo_statistics import StereoSummary
from surgseg_ros.perception.image_quality import QualityReport

COUNTS = FrameCounts(received=10, processed=5, replaced=2, stale=1, rejected=1, pending=1)


def summary(**changes):
    values = {
        'input_rate_hz': 30.0,
        'rate_hz': 24.96,
        'latency_ms': (10.0, 20.0, 30.0),
        'age_ms': 12.5,
        'silence_s': 0.01,
        'lost': 0,
        'lost_fraction': 0.0,
        'rejected': {},
        'recently_rejected': 0,
        'last_error': '',
        'quality': None,
    }
    return EyeSummary(**{**values, **changes})


def values_of(status):
    return {item.key: item.value for item in status.values}


def test_a_healthy_eye():
    status = eye_status('segmentation: left', COUNTS, summary(), {})
    assert status.level == DiagnosticStatus.OK
    assert status.message == '25.0 Hz'
    values = values_of(status)
    assert values['received'] == '10'
    assert values['dropped'] == '4'
    assert values['input_rate_hz'] == '30.00'
    assert values['latency_p95_ms'] == '20.00'
    assert values['age_ms'] == '12.50'


def test_an_eye_without_results_yet():
    values = values_of(eye_status('left', COUNTS, summary(latency_ms=(), age_ms=None), {}))
    assert values['latency_p50_ms'] == values['age_ms'] == values['sharpness'] == 'n/a'


def test_rejected_images_are_counted_by_cause():
    faulty = summary(rejected={'step': 3}, last_error='step is too small')
    values = values_of(eye_status('left', COUNTS, faulty, {}))
    assert values['rejected_step'] == '3'
    assert values['last_error'] == 'step is too small'


def test_problems_warn_one_after_the_other():
    status = eye_status('left', COUNTS, summary(), {'silence': 'no image', 'quality': 'black'})
    assert (status.level, status.message) == (DiagnosticStatus.WARN, 'no image; black')


def test_a_paused_eye_says_so():
    status = eye_status('left', COUNTS, summary(), {}, is_listening=False)
    assert (status.level, status.message) == (DiagnosticStatus.OK, 'paused by ~/enable')


LIMITS = EyeLimits(input_timeout_s=5.0, max_lost_fraction=0.2, max_latency_ms=0.0)


BLACK = QualityReport(1.0, 0.0, 0.5, 0.0, ('black',))


def problems_of(limits=LIMITS, received=10, publishers=1, **changes):
    return find_eye_problems('/left/image_raw', publishers, received, summary(**changes), limits)


def test_a_healthy_eye_has_no_problems():
    assert problems_of() == {}


def test_silence_is_the_only_problem_of_a_dead_camera():
    problems = problems_of(silence_s=6.0, recently_rejected=1, publishers=0)
    assert list(problems) == ['publisher']
    assert 'nobody publishes it' in problems['publisher']


def test_a_camera_whose_images_are_all_lost_has_not_stopped():
    problems = problems_of(silence_s=6.0, lost_fraction=1.0)
    assert list(problems) == ['loss']


@pytest.mark.parametrize(
    ('changes', 'kind', 'text'),
    [
        ({'lost_fraction': 0.5}, 'loss', '50% of the images on /left/image_raw are lost'),
        ({'recently_rejected': 1, 'last_error': 'step'}, 'rejected', 'the last one: step'),
        ({'is_stamped': False}, 'stamp', 'have no stamp'),
        ({'bits_remark': 'set bits to 12'}, 'bits', 'set bits to 12'),
        ({'quality': BLACK, 'poor_fraction': 1.0}, 'quality', 'black'),
    ],
)
def test_each_problem_is_explained(changes, kind, text):
    problems = problems_of(**changes)
    assert list(problems) == [kind]
    assert text in problems[kind]


def test_one_poor_image_among_good_ones_is_no_problem():
    assert problems_of(quality=BLACK, poor_fraction=0.1) == {}


def test_latency_is_a_problem_only_above_a_limit_that_was_set():
    limits = replace(LIMITS, max_latency_ms=9.0)
    assert 'max_latency_ms (9)' in problems_of(limits)['latency']
    assert problems_of(replace(limits, max_latency_ms=11.0)) == {}


def test_frame_ids_that_tf_cannot_use_are_noted():
    assert find_frame_id_notes({'left': 'l', 'right': 'r'}) == {}
    assert find_frame_id_notes({'left': 'l', 'right': None}) == {}
    notes = find_frame_id_notes({'left': '', 'right': '/r'})
    assert 'empty' in notes['left']
    assert 'leading slash' in notes['right']
    same = find_frame_id_notes({'left': 'camera', 'right': 'camera'})
    assert 'both eyes' in same['left']
    assert 'both eyes' in same['right']


NO_POSITIONS = StereoSummary('', False, 0, 0, 0, None)


def test_pairs_and_their_gap():
    pairing = PairingSummary(0.5, (1.25, 3.0))
    status = stereo_status('stereo', pairing, NO_POSITIONS, {})
    assert status.message == 'stamps 1.2 ms apart'
    assert values_of(status)['paired_fraction'] == '0.500'
    nothing = stereo_status('stereo', PairingSummary(None, None), NO_POSITIONS, {})
    assert nothing.message == 'no pair yet'


def test_positions_and_why_there_are_none():
    pairing = PairingSummary(1.0, (0.0, 0.0))
    missing = replace(NO_POSITIONS, problem='no right/camera_info came')
    status = stereo_status('stereo', pairing, missing, {})
    assert status.level == DiagnosticStatus.OK
    assert values_of(status)['positions'] == 'no right/camera_info came'
    assert 'no right/camera_info came' in status.message
    faulty = stereo_status('stereo', pairing, missing, {'positions': 'the eyes are swapped'})
    assert faulty.level == DiagnosticStatus.WARN
    assert faulty.message == 'the eyes are swapped'


@pytest.mark.parametrize(
    ('publishers', 'received', 'kind', 'text'),
    [
        (0, 0, 'publisher', 'nobody publishes'),
        (0, 7, 'publisher', 'nobody publishes'),
        (1, 7, 'silence', 'stopped sending'),
        (1, 0, 'delivery', 'fastdds_large_images.xml'),
    ],
)
def test_silence_is_explained_by_what_is_known(publishers, received, kind, text):
    found, explanation = explain_silence('/left/image_raw', publishers, received, 5.2)
    assert found == kind
    assert text in explanation
    assert 'no image on /left/image_raw for 5 s' in explanation


def test_a_node_without_a_network():
    assert idle_status('model', '').level == DiagnosticStatus.OK
    failed = idle_status('model', 'no such file')
    assert (failed.level, failed.message) == (DiagnosticStatus.ERROR, 'no such file')
