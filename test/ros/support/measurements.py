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

"""What the tests of dependability measure: processes, counters and ages, and how they tell it."""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import psutil

from surgseg_ros.nodes.segmentation.slots import FrameCounts

COUNTERS = ('received', 'processed', 'replaced', 'stale', 'rejected', 'pending')
PERCENTILES = (50, 95, 99)


@dataclass(frozen=True)
class ProcessSample:
    """
    What a process takes at one moment.

    :param rss_mb: resident memory (MiB)
    :param threads: number of threads
    :param descriptors: number of open file descriptors
    """

    rss_mb: float
    threads: int
    descriptors: int


def sample_process(pid: int) -> ProcessSample:
    """Read what a process takes now."""
    process = psutil.Process(pid)
    return ProcessSample(
        rss_mb=process.memory_info().rss / 2**20,
        threads=process.num_threads(),
        descriptors=process.num_fds(),
    )


def counts_of(values: Mapping[str, str]) -> FrameCounts:
    """Return the frame counters in the diagnostics of an eye."""
    return FrameCounts(**{name: int(values[name]) for name in COUNTERS})


def gained_counts(before: FrameCounts, after: FrameCounts) -> FrameCounts:
    """Return what the counters gained."""
    gains = {name: getattr(after, name) - getattr(before, name) for name in COUNTERS}
    return FrameCounts(**gains)


def adds_up(counts: FrameCounts) -> bool:
    """Tell whether every received frame is accounted for."""
    return counts.received == counts.processed + counts.dropped + counts.pending


def describe_ms(values_ms: Iterable[float]) -> str:
    """Return median, high percentiles and maximum of times (ms) as text."""
    values = np.array(list(values_ms))
    parts = [f'p{p} {np.percentile(values, p):.1f}' for p in PERCENTILES]
    return f'{" ".join(parts)} max {values.max():.1f} ms of {len(values)}'


def stamp_ns(stamp: object) -> int:
    """Return a time or duration message in nanoseconds."""
    return stamp.sec * 1_000_000_000 + stamp.nanosec


def report(record_property: Callable[[str, object], None], **figures: object) -> None:
    """Print figures (visible with ``pytest -s``) and record them in the JUnit report."""
    for name, figure in figures.items():
        print(f'\n  {name}: {figure}', end='', flush=True)
        record_property(name, str(figure))
