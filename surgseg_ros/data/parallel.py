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
from collections.abc import Sequence
from concurrent.futures import Executor
from concurrent.futures import ThreadPoolExecutor
import os
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar('Item')
Result = TypeVar('Result')


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
    with ThreadPoolExecutor(workers) as pool:
        return map_in_pool(pool, function, items, description, unit)


def map_in_pool(
    pool: Executor,
    function: Callable[[Item], Result],
    items: Sequence[Item],
    description: str,
    unit: str,
) -> list[Result]:
    """Do the work of :func:`map_in_threads` in a pool of threads or processes."""
    try:
        futures = [pool.submit(function, item) for item in items]
        return [future.result() for future in tqdm(futures, desc=description, unit=unit)]
    except BaseException:
        pool.shutdown(wait=True, cancel_futures=True)
        raise
