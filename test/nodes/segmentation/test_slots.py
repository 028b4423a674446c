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

import queue
import threading

import pytest

from surgseg_ros.nodes.segmentation.slots import FramePlace
from surgseg_ros.nodes.segmentation.slots import FrameSlots
from surgseg_ros.nodes.segmentation.slots import Outcome


def add_up(counts):
    return counts.processed + counts.replaced + counts.stale + counts.rejected + counts.pending


@pytest.fixture
def slots():
    return FrameSlots(['left', 'right'])


def test_the_newest_frame_wins(slots):
    for number in range(3):
        slots.put('left', number)
    taken = slots.take()
    assert {eye: frame.content for eye, frame in taken.items()} == {'left': 2}
    assert slots.counts('left').replaced == 2
    assert slots.counts('left').pending == 1


def test_both_eyes_are_taken_together(slots):
    slots.put('right', 'r')
    slots.put('left', 'l')
    assert {eye: frame.content for eye, frame in slots.take().items()} == {
        'left': 'l',
        'right': 'r',
    }


def test_a_frame_may_wait_while_another_is_in_work(slots):
    slots.put('left', 0)
    taken = slots.take()
    slots.put('left', 1)
    assert slots.counts('left').pending == 2
    slots.finish('left', taken['left'], Outcome.PROCESSED)
    assert slots.counts('left').pending == 1
    assert slots.take()['left'].content == 1


@pytest.mark.parametrize('outcome', list(Outcome))
def test_every_outcome_has_its_counter(slots, outcome):
    slots.put('left', 0)
    slots.finish('left', slots.take()['left'], outcome)
    counts = slots.counts('left')
    assert getattr(counts, outcome.value) == 1
    assert counts.received == add_up(counts) == 1


def process(slots, eye, frame):
    """Finish a frame as processed and return its index and the frames dropped before it."""
    place = slots.place(eye, frame)
    slots.finish(eye, frame, Outcome.PROCESSED)
    return place.index, place.dropped


def test_dropped_frames_are_reported_with_the_next_processed_one(slots):
    for number in range(4):
        slots.put('left', number)
    first = slots.take()['left']
    slots.put('left', 4)
    slots.put('left', 5)
    assert process(slots, 'left', first) == (0, 3)
    second = slots.take()['left']
    assert slots.place('left', second) == FramePlace(1, 1)
    slots.finish('left', second, Outcome.REJECTED)
    slots.put('left', 6)
    assert process(slots, 'left', slots.take()['left']) == (1, 2)


def test_frames_in_work_together_have_their_places_when_they_are_processed(slots):
    taken = []
    for number in range(8):
        slots.put('left', number)
        # Every second one is overtaken.
        if number % 2:
            taken.append(slots.take()['left'])
    # The network fails on the third before the first is published.
    slots.finish('left', taken[2], Outcome.REJECTED)
    assert process(slots, 'left', taken[0]) == (0, 1)
    slots.finish('left', taken[1], Outcome.REJECTED)
    assert slots.counts('left').pending == 1
    assert process(slots, 'left', taken[3]) == (1, 5)
    assert add_up(slots.counts('left')) == 8


def test_take_waits_for_a_frame(slots):
    taken = []
    thread = threading.Thread(target=lambda: taken.append(slots.take()))
    thread.start()
    slots.put('right', 'frame')
    thread.join(10.0)
    assert taken[0]['right'].content == 'frame'


def test_a_refused_frame_is_received_and_rejected(slots):
    slots.put('left', 'waits')
    slots.refuse('left')
    counts = slots.counts('left')
    assert (counts.received, counts.rejected, counts.pending) == (2, 1, 1)
    assert slots.place('left', slots.take()['left']).dropped == 1


def take_in_thread(slots, *arguments):
    taken = []
    thread = threading.Thread(target=lambda: taken.append(slots.take(*arguments)))
    thread.start()
    return thread, taken


def test_a_patient_worker_waits_for_the_partner(slots):
    thread, taken = take_in_thread(slots, lambda: 30.0)
    slots.put('left', 1)
    slots.put('right', 1)
    thread.join(10.0)
    assert {eye: frame.content for eye, frame in taken[0].items()} == {'left': 1, 'right': 1}


def test_a_partner_of_another_moment_is_not_enough(slots):
    thread, taken = take_in_thread(
        slots, lambda: 30.0, lambda frames: len(set(frames.values())) == 1
    )
    slots.put('left', 1)
    slots.put('right', 2)
    slots.put('left', 2)
    thread.join(10.0)
    assert {eye: frame.content for eye, frame in taken[0].items()} == {'left': 2, 'right': 2}
    assert slots.counts('left').replaced == 1


def test_patience_ends_and_what_is_there_is_taken(slots):
    slots.put('left', 1)
    assert list(slots.take(lambda: 0.01)) == ['left']


def test_close_ends_the_wait(slots):
    taken = []
    thread = threading.Thread(target=lambda: taken.append(slots.take()))
    thread.start()
    slots.close()
    thread.join(10.0)
    assert taken == [{}]


def test_frames_left_over_at_the_end_are_stale(slots):
    slots.put('left', 0)
    slots.close()
    slots.put('left', 1)
    counts = slots.counts('left')
    assert (counts.received, counts.stale, counts.pending) == (2, 2, 0)
    assert slots.take() == {}


def test_counters_add_up_with_two_cameras_and_two_workers(slots):
    frames = 3000
    snapshots = []
    finished = queue.SimpleQueue()

    def camera(eye):
        for number in range(frames):
            slots.put(eye, number)

    def take_all():
        last = {'left': -1, 'right': -1}
        while taken := slots.take():
            for eye, frame in taken.items():
                assert frame.content > last[eye]
                last[eye] = frame.content
                outcome = list(Outcome)[frame.content % 3]
                if outcome is not Outcome.PROCESSED:
                    slots.finish(eye, frame, outcome)
            finished.put(taken)
        finished.put(None)

    def process_all():
        reported = {'left': 0, 'right': 0}
        while taken := finished.get():
            for eye, frame in taken.items():
                if list(Outcome)[frame.content % 3] is Outcome.PROCESSED:
                    index, dropped = process(slots, eye, frame)
                    reported[eye] += dropped
                    # What was received before this frame is either processed or reported.
                    snapshots.append(index + reported[eye] == frame.received_before)
                counts = slots.counts(eye)
                snapshots.append(add_up(counts) == counts.received)

    threads = [threading.Thread(target=camera, args=(eye,)) for eye in ('left', 'right')]
    workers = [threading.Thread(target=work) for work in (take_all, process_all)]
    for thread in [*threads, *workers]:
        thread.start()
    for thread in threads:
        thread.join()
    slots.close()
    for worker in workers:
        worker.join(30.0)
        assert not worker.is_alive()
    assert snapshots
    assert all(snapshots)
    for eye in ('left', 'right'):
        counts = slots.counts(eye)
        assert counts.received == frames == add_up(counts)
        assert counts.pending == 0
