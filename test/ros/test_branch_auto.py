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

"""A node that moves between branches and sizes of its network to keep a deadline."""

from diagnostic_msgs.msg import DiagnosticStatus
import numpy as np
from rig import change_parameter
from rig import parameters_for
from rig import Rig

MASK = np.zeros((128, 160), np.uint8)
EVERY_NETWORK_S = 10_000.0
NO_NETWORK_S = 0.01
MAX_FRAMES = 1000


def _send_until(rig, reached):
    """Answer stereo images, none left out, until an answer fulfills a condition; return it."""
    for _ in range(MAX_FRAMES):
        headers = {eye: rig.send(eye, MASK) for eye in rig.cameras}
        answers = [rig.answer(eye, header)[1] for eye, header in headers.items()]
        for answer in answers:
            assert answer.frames_dropped == 0
            if reached(answer):
                return answer
    raise AssertionError(f'no such answer among {MAX_FRAMES}; the last one: {answers}')


def _wait_for_model(rig, level):
    """Wait until the newest diagnostics of the network have a level and return them."""
    found = []

    def fulfilled(messages):
        statuses = [status for msg in messages if (status := rig.status(msg, 'model'))]
        found[:] = statuses[-1:]
        return bool(found) and found[0].level == level

    rig.diagnostics.wait_for(fulfilled)
    return found[0]


def test_the_variant_follows_the_deadline_and_every_answer_names_it(
    start_node, station, mffnet_checkpoint
):
    process = start_node(
        'segmentation_node',
        parameters_for(mffnet_checkpoint, branch='auto', deadline_ms=EVERY_NETWORK_S),
    )
    rig = Rig(station)
    first = _send_until(rig, lambda answer: True)
    size = (first.network_width, first.network_height)
    assert (first.branch, size, first.backend) == ('main', (160, 128), 'torch')

    assert change_parameter(station, 'deadline_ms', NO_NETWORK_S).successful
    last = _send_until(rig, lambda answer: answer.network_width == 64)
    assert (last.branch, last.network_height) in (('main', 64), ('auxiliary', 64))
    process.wait_for_output(' ms allowed')
    status = _wait_for_model(rig, DiagnosticStatus.WARN)
    assert 'the deadline of 0 ms is not kept' in status.message
    assert {item.key: item.value for item in status.values}['branch'].endswith(' at 0.5 size')

    assert change_parameter(station, 'deadline_ms', EVERY_NETWORK_S).successful
    _send_until(rig, lambda answer: (answer.branch, answer.network_width) == ('main', 160))
    _wait_for_model(rig, DiagnosticStatus.OK)
