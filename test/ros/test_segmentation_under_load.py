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

"""What the segmentation node does with the images of a camera that is faster than the network."""

from collections.abc import Iterator

import pytest
from rig import parameters_for
from rig import Rig
from targets import draw_target

# One thread needs long for an image of this size, whatever the computer.
SLOW_INPUT_SIZE = [2560, 2560]
MAX_TRIES = 20
BURSTS = 20


@pytest.fixture(scope='module')
def rig(module_station, start_module_node, target_checkpoint) -> Iterator[Rig]:
    parameters = parameters_for(target_checkpoint, input_size=SLOW_INPUT_SIZE)
    start_module_node('segmentation_node', parameters)
    return Rig(module_station)


def test_two_eyes_waiting_together_are_one_batch(rig):
    mask = draw_target(320, 240, (100, 100), (50, 20), 10)

    def inference_times():
        # The first image keeps the worker busy until both others wait for it.
        rig.send('left', mask)
        rig.settle()
        headers = {eye: rig.send(eye, mask) for eye in rig.cameras}
        for eye, header in headers.items():
            _, instruments = rig.answer(eye, header)
            assert instruments.eye == eye
            yield instruments.timing.inference.nanosec

    assert any(len(set(inference_times())) == 1 for _ in range(MAX_TRIES))


def test_counters_add_up_and_the_newest_frame_is_answered(rig):
    mask = draw_target(320, 240, (150, 100), (90, 40), 20)
    start = {eye: rig.present_status(eye) for eye in rig.cameras}
    marks = {eye: len(rig.instruments[eye].messages) for eye in rig.cameras}
    last = {}
    for _ in range(BURSTS):
        last = {eye: rig.send(eye, mask) for eye in rig.cameras}
        rig.settle()
    for eye in rig.cameras:
        rig.answer(eye, last[eye])
        answers = rig.instruments[eye].messages[marks[eye] :]
        processed = str(int(start[eye]['processed']) + len(answers))
        status = rig.wait_for_status(
            eye, lambda values, processed=processed: values['processed'] == processed
        )
        gained = {
            key: int(status[key]) - int(start[eye][key])
            for key in ('received', 'processed', 'replaced', 'stale', 'rejected')
        }
        assert status['pending'] == '0'
        assert gained['received'] == sum(gained.values()) - gained['received']
        assert gained['replaced'] > 0
        assert sum(answer.frames_dropped for answer in answers) == gained['replaced']
        assert answers[-1].header == last[eye]
