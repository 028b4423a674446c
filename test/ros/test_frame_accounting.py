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

"""Where every frame of a fast stereo camera stays when the network is slow, and how old it is."""

from collections.abc import Iterator
import time

from camera_process import CameraProcess
from camera_process import EYES
from measurements import adds_up
from measurements import counts_of
from measurements import describe_ms
from measurements import gained_counts
from measurements import report
from measurements import stamp_ns
import numpy as np
import pytest
from rig import parameters_for
from rig import Rig
import torch

from surgseg_ros.inference.segmenter import Segmenter

SECONDS = 25.0
RATE_HZ = 30.0
WIDTH, HEIGHT = 320, 240
INFERENCE_S = 0.2
CALIBRATION_SIDE = 1024
CALIBRATION_RUNS = 5
SIDE_STEP = 32
LEAST_COMPLIANCE = 0.95
"""The rest is left to the scheduler of a busy computer."""
AGE_PARTS = 5
PERCENTILE = 100.0 * (1.0 - (1.0 - LEAST_COMPLIANCE) / AGE_PARTS)
"""
The one up to which each part of a bound is taken.

Each part may be longer for another answer. The bound then holds for as many as LEAST_COMPLIANCE
says, however the parts depend on each other.
"""


@pytest.fixture
def slow_size(target_checkpoint) -> Iterator[list[int]]:
    """Return an input size with which one thread needs about INFERENCE_S for both eyes."""
    threads = torch.get_num_threads()
    size = (CALIBRATION_SIDE, CALIBRATION_SIDE)
    segmenter = Segmenter(target_checkpoint, 'cpu', input_size=size, threads=1, backend='torch')
    images = [np.zeros((HEIGHT, WIDTH, 3), np.uint8)] * len(EYES)

    def measure():
        start = time.perf_counter()
        segmenter.segment(images, confidence=True)
        return time.perf_counter() - start

    measure()
    seconds = np.median([measure() for _ in range(CALIBRATION_RUNS)])
    torch.set_num_threads(threads)
    side = CALIBRATION_SIDE * np.sqrt(INFERENCE_S / seconds)
    return [max(1, round(side / SIDE_STEP)) * SIDE_STEP] * 2


class EyeRecord:
    """
    What a test knows of one eye after the camera has ended.

    :param stamps: of all images sent (ns)
    :param answers: the instruments of those that were answered
    :param arrivals_ns: when the answers came
    :param processed: frames of this eye processed before
    """

    def __init__(self, stamps, answers, arrivals_ns, processed):
        self.answers = answers
        timings = [answer.timing for answer in answers]
        self._stamps = np.array(stamps)
        self.captured = np.array([stamp_ns(answer.header.stamp) for answer in answers])
        self.arrived = np.array(arrivals_ns)
        self.received = np.array([stamp_ns(timing.received) for timing in timings])
        self.published = np.array([stamp_ns(timing.published) for timing in timings])
        self.queue = np.array([stamp_ns(timing.queue) for timing in timings])
        parts = ('preprocess', 'inference', 'postprocess')
        self.work = np.array(
            [sum(stamp_ns(getattr(timing, part)) for part in parts) for timing in timings]
        )
        self.place = np.searchsorted(self._stamps, self.captured)
        self._processed = processed

    @property
    def ages(self):
        return self.arrived - self.captured

    @property
    def transport_in(self):
        return self.received - self.captured

    @property
    def transport_out(self):
        return self.arrived - self.published

    @property
    def rest(self):
        """Return the time in the node that belongs to no stage: the other eye's share."""
        return self.published - self.received - self.queue - self.work

    @property
    def interval(self):
        return np.percentile(np.diff(self._stamps), PERCENTILE)

    def lost_before(self):
        """
        Return for each answer how many images sent before it the node had not received.

        At the moment when a frame is taken, the frames processed and dropped are all that were
        received before it. An image received later than the one taken would be among them.
        """
        indices = np.array([answer.frame_index for answer in self.answers]) - self._processed
        dropped = np.cumsum([answer.frames_dropped for answer in self.answers])
        return self.place - indices - dropped

    def overtaking(self):
        """Return by how much each answer's successor was sent before its processing began."""
        has_next = self.place + 1 < len(self._stamps)
        began = (self.received + self.queue)[has_next]
        return began - self._stamps[self.place[has_next] + 1]


def age_bound(record, part):
    """
    Return the age (ms) that an answer of a part may have, and what it is made of.

    One inference, one interval of the camera, and what was measured for the ways to the node and
    from the node to this test, and for the other eye's share of a batch. An image waits in the
    node until the next one is there at the latest: until its interval is over, and that one has
    come the way to the node.
    """
    parts = {
        'node work': np.percentile(record.work[part], PERCENTILE),
        'frame interval': record.interval,
        'camera to node': np.percentile(record.transport_in[part], PERCENTILE),
        'other eye': np.percentile(record.rest[part], PERCENTILE),
        'node to test': np.percentile(record.transport_out[part], PERCENTILE),
    }
    assert len(parts) == AGE_PARTS
    parts_ms = {name: part / 1e6 for name, part in parts.items()}
    return sum(parts_ms.values()), parts_ms


def test_a_slow_network_drops_frames_but_answers_the_newest(
    start_node, station, target_checkpoint, slow_size, tmp_path, record_property
):
    parameters = parameters_for(target_checkpoint, input_size=slow_size, reliability='best_effort')
    start_node('segmentation_node', parameters)
    rig = Rig(station)
    before = {eye: counts_of(rig.present_status(eye)) for eye in EYES}
    marks = {eye: len(rig.instruments[eye].messages) for eye in EYES}
    camera = CameraProcess(station.namespace, (WIDTH, HEIGHT), SECONDS, tmp_path, RATE_HZ)
    try:
        stamps = camera.wait_for_stamps()
    finally:
        camera.kill()
    report(record_property, input_size=slow_size, sent=len(stamps))
    rig.settle()
    for eye in EYES:
        after = counts_of(rig.present_status(eye))
        answered = after.processed - before[eye].processed
        answers = rig.instruments[eye].wait_for_count(marks[eye] + answered)
        record = EyeRecord(
            stamps,
            answers[marks[eye] :],
            rig.instruments[eye].arrivals_ns[marks[eye] :],
            before[eye].processed,
        )
        check_counts(record, len(stamps), after, gained_counts(before[eye], after))
        check_newest(record, len(stamps) - (after.received - before[eye].received))
        bound_ms, parts_ms = age_bound(record, slice(None))
        report(
            record_property,
            **{
                f'{eye} counters': gained_counts(before[eye], after),
                f'{eye} rate': f'{len(record.answers) / SECONDS:.2f} Hz answered',
                f'{eye} age': describe_ms(record.ages / 1e6),
                f'{eye} age bound': f'{bound_ms:.1f} ms = {format_parts(parts_ms)}',
                f'{eye} queue': describe_ms(record.queue / 1e6),
            },
        )
        check_ages(record)


def format_parts(parts_ms):
    return ' + '.join(f'{name} {part:.1f}' for name, part in parts_ms.items())


def check_counts(record, sent, after, gained):
    assert adds_up(after)
    assert after.pending == 0
    assert gained.processed == len(record.answers)
    assert gained.replaced > 0
    assert gained.stale == gained.rejected == 0
    assert gained.received <= sent
    headers = record.captured.tolist()
    assert headers == sorted(set(headers))
    dropped = sum(answer.frames_dropped for answer in record.answers)
    last = record.answers[-1].frame_index - record.answers[0].frame_index
    assert last + 1 == len(record.answers)
    # Nothing comes after the last image, so that it is answered and no drop is left untold.
    assert dropped == gained.replaced
    assert gained.received == len(record.answers) + dropped


def check_newest(record, lost):
    lost_before = record.lost_before()
    assert lost_before[0] >= 0
    assert (np.diff(lost_before) >= 0).all()
    assert lost_before[-1] <= lost
    # By the clock as well: an image that is newer than the one taken had not arrived yet.
    limit = np.percentile(record.transport_in, 99)
    assert (record.overtaking() <= limit).mean() >= LEAST_COMPLIANCE


def check_ages(record):
    half = len(record.ages) // 2
    # By halves: neither does the age grow, nor does a busy minute of the computer hide it.
    for part in (slice(half), slice(half, None)):
        bound_ms, _ = age_bound(record, part)
        assert (record.ages[part] / 1e6 <= bound_ms).mean() >= LEAST_COMPLIANCE
    # The newest image waits until the next one is there, which may take longer on its way.
    limit = record.interval + np.percentile(record.transport_in, PERCENTILE)
    assert (record.queue <= limit).mean() >= LEAST_COMPLIANCE
