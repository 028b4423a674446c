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

"""Tests of the figures that the node benchmark computes."""

import math

import pytest

pytest.importorskip('rclpy')

from surgseg_ros.nodes.benchmark.bare_network import BareTimes
from surgseg_ros.nodes.benchmark.figures import compare
from surgseg_ros.nodes.benchmark.figures import describe
from surgseg_ros.nodes.benchmark.figures import Phase
from surgseg_ros.nodes.benchmark.figures import rate
from surgseg_ros.nodes.benchmark.figures import summarize_network
from surgseg_ros.nodes.benchmark.figures import summarize_node
from surgseg_ros.nodes.benchmark.receiver import Arrival
from surgseg_ros.nodes.benchmark.receiver import Heard
from surgseg_ros.nodes.benchmark.receiver import TimedArrival

MS = 1_000_000
STAMPS = [0, 100 * MS, 200 * MS, 300 * MS]
PARTS_MS = (1, 2, 30, 4)


def answer(stamp_ns, inference_ms=30):
    parts = (1 * MS, 2 * MS, inference_ms * MS, 4 * MS)
    return TimedArrival(
        stamp_ns, stamp_ns + 50 * MS, stamp_ns + 5 * MS, stamp_ns + 45 * MS, parts, 0, 'main'
    )


def make_phase(counts=None):
    """Make a phase whose first pair warms up and whose last right image is dropped."""
    labels = {
        'left': [Arrival(stamp, stamp + 60 * MS) for stamp in STAMPS],
        'right': [Arrival(stamp, stamp + 70 * MS) for stamp in STAMPS[:-1]],
    }
    instruments = {
        'left': [answer(stamp) for stamp in STAMPS],
        # The second pair did not go through the network together.
        'right': [answer(0), answer(100 * MS, 25), answer(200 * MS)],
    }
    return Phase(STAMPS, 1, Heard(labels, instruments), counts or {}, cpu_s=0.18)


COUNTS = {
    'left': {'received': 4, 'processed': 4, 'replaced': 0, 'stale': 0, 'rejected': 0},
    'right': {'received': 4, 'processed': 3, 'replaced': 1, 'stale': 0, 'rejected': 0},
}


def test_quantiles_of_known_numbers():
    found = describe(range(1, 102))
    assert found == {
        'count': 101,
        'p50': 51.0,
        'p95': 96.0,
        'p99': 100.0,
        'max': 101.0,
        'p99_over_p50': pytest.approx(100 / 51),
    }


def test_nothing_has_no_distribution():
    assert describe([]) is None


def test_rate_leaves_out_the_time_between_phases():
    assert rate([[0, 100 * MS, 200 * MS], [9000 * MS, 9200 * MS]]) == pytest.approx(3 / 0.4)
    assert rate([[5 * MS], []]) is None


def test_times_of_a_node():
    found = summarize_node([make_phase(), make_phase()])
    # The pair that warms up is not timed: 3 of the left eye and 2 of the right one, twice.
    assert found['latency_ms']['count'] == 10
    assert found['latency_ms']['p50'] == 60.0
    assert found['latency_ms']['max'] == 70.0
    assert found['instruments_latency_ms']['p99'] == 50.0
    assert found['node_latency_ms']['p50'] == 40.0
    assert {name: part['p50'] for name, part in found['parts_ms'].items()} == {
        'queue': 1.0,
        'preprocess': 2.0,
        'inference': 30.0,
        'postprocess': 4.0,
        'rest': 3.0,
    }
    assert found['branches'] == {'main': 10}


def test_throughput_and_cpu_of_a_node():
    found = summarize_node([make_phase()])
    assert found['sent_rate_hz'] == pytest.approx(10.0)
    assert found['frames_per_s'] == pytest.approx({'left': 10.0, 'right': 10.0})
    assert found['pairs_per_s'] == pytest.approx(10.0)
    assert found['batched_fraction'] == pytest.approx(2 / 3)
    # From the first stamp to the last label image.
    assert found['cpu_cores'] == pytest.approx(0.18 / 0.36)
    assert found['cpu_s_per_pair'] == pytest.approx(0.18 / 3)


def test_every_frame_is_accounted_for():
    frames = summarize_node([make_phase(COUNTS), make_phase(COUNTS)])['frames']
    assert frames['left'] == {
        'sent': 8,
        'answered': 8,
        'unanswered': 0,
        'lost': 0,
        'received': 8,
        'processed': 8,
        'replaced': 0,
        'stale': 0,
        'rejected': 0,
        'unheard': 0,
    }
    assert (frames['right']['unanswered'], frames['right']['replaced']) == (2, 2)


def test_a_node_without_counters_has_unanswered_frames_only():
    assert summarize_node([make_phase()])['frames']['right'] == {
        'sent': 4,
        'answered': 3,
        'unanswered': 1,
    }


def test_a_node_that_never_answers_has_figures_too():
    silent = Heard({'left': [], 'right': []}, {'left': [], 'right': []})
    found = summarize_node([Phase(STAMPS, 1, silent, {}, 0.0)])
    assert found['latency_ms'] is None
    assert found['pairs_per_s'] is None
    assert found['batched_fraction'] is None
    assert math.isfinite(found['cpu_cores'])


def test_ratios():
    node = summarize_node([make_phase()])
    plain = {'pairs_per_s': 2.0, 'latency_ms': {'p99': 700.0}}
    network = summarize_network([BareTimes([0.03, 0.04], [0.05]), BareTimes([0.032], [0.05])])
    assert network['phase_medians_ms'] == pytest.approx([35.0, 32.0])
    ratios = compare(node, plain, network)
    assert ratios['node_over_network'] == pytest.approx(40 / 32)
    assert ratios['node_over_segment'] == pytest.approx(40 / 50)
    assert ratios['node_p99_over_p50'] == 1.0
    assert ratios['throughput_over_plain'] == pytest.approx(5.0)
    assert ratios['p99_over_plain'] == pytest.approx(0.1)
    assert compare(node, None, network)['p99_over_plain'] is None
