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

"""Tests for surgseg_ros.data.parallel."""

import os
import signal
import time

import pytest

from surgseg_ros.data.parallel import map_in_threads

ITEMS = 2000
WORK_S = 0.001


def test_results_come_in_the_order_of_the_items():
    assert map_in_threads(str, range(5), 2, 'work', 'item') == ['0', '1', '2', '3', '4']


def test_an_error_is_raised_and_the_rest_given_up():
    done = []

    def work(item):
        done.append(item)
        time.sleep(WORK_S)  # All of it takes far longer than handing it out.
        return 1 // (item - 3)

    with pytest.raises(ZeroDivisionError):
        map_in_threads(work, range(ITEMS), 2, 'work', 'item')
    assert len(done) < ITEMS


@pytest.mark.parametrize('workers', [1, 4])
def test_an_interrupt_ends_the_work_and_is_heard_again_afterwards(workers):
    """Also one that comes while the main thread holds the lock of a result."""
    done = []

    def work(item):
        done.append(item)
        if item == ITEMS // 2:
            os.kill(os.getpid(), signal.SIGINT)
        return item

    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            map_in_threads(work, range(ITEMS), workers, 'work', 'item')
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, handler)
    assert ITEMS // 2 in done
