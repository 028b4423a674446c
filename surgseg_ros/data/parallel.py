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

"""Work on many files at once, with a progress bar."""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from concurrent.futures import Executor
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import wait
from contextlib import contextmanager
import os
import signal
import threading
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar('Item')
Result = TypeVar('Result')

INTERRUPT_POLL_S = 0.1


@contextmanager
def held_interrupt() -> Iterator[Callable[[], None]]:
    """
    Hold Ctrl-C back in the main thread, to where a function is called that raises it.

    Raised while that thread takes the lock of a future, it would leave that locked, and the worker
    that wants to give its result would wait forever. Handlers of others stay as they are.

    :return: raises KeyboardInterrupt if Ctrl-C came
    """
    came: list[int] = []

    def check() -> None:
        if came:
            raise KeyboardInterrupt

    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield check
        return
    signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def default_workers() -> int:
    """Return the number of CPUs that this process may use."""
    return len(os.sched_getaffinity(0))


def map_in_threads(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    workers: int,
    description: str,
    unit: str,
) -> list[Result]:
    """
    Return the results for all items in their order.

    Threads suffice for work on images, as OpenCV releases the interpreter lock. When something is
    raised, Ctrl-C included, items that have not begun are given up.

    :param workers: threads
    """
    with ThreadPoolExecutor(workers) as pool, held_interrupt() as check:
        return map_in_pool(pool, function, items, description, unit, check)


def map_in_pool(
    pool: Executor,
    function: Callable[[Item], Result],
    items: Sequence[Item],
    description: str,
    unit: str,
    check: Callable[[], None] = lambda: None,
) -> list[Result]:
    """
    Do the work of :func:`map_in_threads` in a pool of threads or processes.

    :param check: raises what else ends the work; called now and then
    """
    results = []
    try:
        futures = [pool.submit(function, item) for item in items]
        for future in tqdm(futures, desc=description, unit=unit):
            while not future.done():
                wait([future], INTERRUPT_POLL_S)
                check()
            check()
            results.append(future.result())
        return results
    except BaseException:
        pool.shutdown(wait=True, cancel_futures=True)
        raise
