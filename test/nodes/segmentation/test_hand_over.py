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

import threading

import pytest

from surgseg_ros.nodes.segmentation.hand_over import HandOver

TIMEOUT_S = 30.0


@pytest.fixture
def hand_over():
    return HandOver()


@pytest.fixture
def run():
    """Return a function that starts a thread, which is to end before the test does."""
    threads = []

    def start(work, *arguments):
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        thread.start()
        threads.append(thread)
        return thread

    yield start
    for thread in threads:
        thread.join(TIMEOUT_S)
        assert not thread.is_alive()


def test_work_arrives_in_its_order_and_at_most_one_piece_waits(hand_over, run):
    given, taken, ahead = [], [], []

    def give():
        for number in range(1000):
            hand_over.wait_until_free()
            given.append(number)
            hand_over.put(number)
        hand_over.close()

    def take():
        while (number := hand_over.take()) is not None:
            taken.append(number)
            ahead.append(len(given) - len(taken))

    for thread in (run(give), run(take)):
        thread.join(TIMEOUT_S)
    assert taken == given == list(range(1000))
    # One waits, and the next one is just being given.
    assert max(ahead) <= 2


def test_one_may_wait_until_the_other_thread_is_done(hand_over, run):
    hand_over.put('first')
    assert hand_over.take() == 'first'
    hand_over.wait_until_free()
    waiting = run(hand_over.wait_until_free, True)
    assert waiting.is_alive()
    run(hand_over.take)
    waiting.join(TIMEOUT_S)
    assert not waiting.is_alive()
    hand_over.close()


def test_what_waits_at_the_end_is_still_taken(hand_over):
    hand_over.put('last')
    hand_over.close()
    assert hand_over.take() == 'last'
    assert hand_over.take() is None
