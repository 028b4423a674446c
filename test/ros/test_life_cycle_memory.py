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

"""What twenty turns of the life cycle leave behind in the process of the segmentation node."""

from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from measurements import report
from measurements import sample_process
from node_process import wait_until
from rig import Rig
from targets import draw_target

CYCLES = 20
SETTLED_CYCLES = 10
"""On a busy computer the memory grows to its final size over the first seven."""
MOST_GROWTH_MB = 10.0
SETTLE_TIMEOUT_S = 30.0
INPUT_SIZE = [160, 128]
TRIES = 100
TRY_S = 0.2
MASK = draw_target(160, 128, (80, 60), (40, 15), 0)
READY = (Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE)
DONE = (Transition.TRANSITION_DEACTIVATE, Transition.TRANSITION_CLEANUP)


def pass_transitions(station, transitions):
    for transition in transitions:
        request = ChangeState.Request(transition=Transition(id=transition))
        assert station.call_once(ChangeState, 'segmentation/change_state', request).success


def wait_for_answer(rig, eye):
    """Send images until one is answered; the first may come before all ends know each other."""
    sent = []
    for _ in range(TRIES):
        sent.append(rig.send(eye, MASK))
        for header in sent:
            if is_answered(rig, eye, header):
                return
    raise AssertionError(f'no answer to {len(sent)} images of {eye}')


def is_answered(rig, eye, header):
    try:
        rig.labels[eye].wait_for_header(header, TRY_S)
        rig.instruments[eye].wait_for_header(header, TRY_S)
    except AssertionError:
        return False
    return True


def test_cycles_leave_no_memory_threads_or_descriptors(start_node, station, record_property):
    parameters = {
        'autostart': False,
        'device': 'cpu',
        'threads': 1,
        'input_size': INPUT_SIZE,
        'reliability': 'reliable',
    }
    process = start_node('segmentation_node', parameters)
    pass_transitions(station, READY)
    rig = Rig(station)
    samples = []
    for cycle in range(1, CYCLES + 1):
        if cycle > 1:
            pass_transitions(station, READY)
        for eye in rig.cameras:
            wait_for_answer(rig, eye)
        pass_transitions(station, DONE)
        samples.append(sample_process(process.pid))
        report(record_property, **{f'cycle {cycle}': samples[-1]})

    settled = samples[SETTLED_CYCLES - 1]

    def is_back():
        # Not equal: one that was just ending may be among those that were counted before.
        last = sample_process(process.pid)
        return last.threads <= settled.threads and last.descriptors <= settled.descriptors

    wait_until(
        is_back,
        SETTLE_TIMEOUT_S,
        f'{settled} of cycle {SETTLED_CYCLES}; after {CYCLES} cycles {samples[-1]}',
    )
    growth_mb = samples[-1].rss_mb - settled.rss_mb
    report(record_property, growth=f'{growth_mb:+.1f} MiB')
    assert growth_mb < MOST_GROWTH_MB
