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

"""From measured times to the rows of the benchmark's table."""

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
import statistics

import numpy as np

from surgseg_ros.benchmark.eager_engine import EAGER

YARDSTICK = 'linknet34'
"""The network whose time in the same backend the others' are compared with."""

MAIN = 'main'
_MEBIBYTE = 2**20


@dataclass(frozen=True)
class Candidate:
    """
    What one row measures.

    :param model: name in the model registry
    :param branch: output of the network
    :param size: (width, height) in pixels
    :param batch: images in one forward pass
    :param backend: ``eager``, the yardstick, or one of :mod:`surgseg_ros.inference.backends`
    :param precision: ``fp32``, ``bf16`` or ``fp16``
    """

    model: str
    branch: str
    size: tuple[int, int]
    batch: int
    backend: str
    precision: str

    def __str__(self) -> str:
        """Return all of it in a line."""
        width, height = self.size
        return (
            f'{self.model} {self.branch}, {self.batch} x {width}x{height}, {self.backend} '
            f'{self.precision}'
        )


@dataclass(frozen=True)
class Facts:
    """
    What is known of a candidate before it is timed.

    :param weights: name of the checkpoint, or ``random``
    :param parameters: of the whole network
    :param flops: of one image, two a multiplication and addition
    :param build_s: seconds to convert and compile, nothing kept from earlier
    :param memory_bytes: growth at the peak of a pass, weights included; ``None``: not known
    :param agreement: fraction of pixels labeled as by torch in single precision; ``None``: not
        compared
    """

    weights: str
    parameters: int
    flops: int
    build_s: float
    memory_bytes: int | None
    agreement: float | None


@dataclass(frozen=True)
class Turn:
    """
    The passes of one candidate in one round, in seconds.

    :param forward_s: the network alone
    :param total_s: from images on the host to label images on the host
    """

    forward_s: tuple[float, ...]
    total_s: tuple[float, ...]


@dataclass
class Measured:
    """
    A candidate and its times.

    :param run: candidates of the same run were measured in turns, round by round
    :param turns: one a round
    """

    candidate: Candidate
    facts: Facts
    run: int
    turns: list[Turn] = field(default_factory=list)


@dataclass(frozen=True)
class Row:
    """
    One row of the table. Times are those of one forward pass of the whole batch.

    Ratios are medians over rounds of the quotient within the round, so that other work on the
    computer, which hits all candidates of a round alike, cancels; ``None`` where the other part
    was not measured in the same run.

    :param gflop: of one image, in 10^9
    :param run: rows of the same run were measured in turns
    :param median_ms: of the network alone, as the next two
    :param images_per_s: from the median
    :param labels_ms: median from images on the host to label images on the host
    :param gflop_per_s: achieved, from the median
    :param peak_fraction: of the most that was measured of this number format on this computer
    :param memory_mib: growth at the peak of a pass, weights included
    :param agreement: fraction of pixels labeled as by torch in single precision on the CPU
    :param faster_than_eager: time of the network as its paper ran it / this time
    :param labels_faster_than_eager: the same from images to label images
    :param of_yardstick: this time / time of :data:`YARDSTICK` in the same backend
    :param of_main: this time / time of the main branch in the same backend
    """

    model: str
    branch: str
    width: int
    height: int
    batch: int
    backend: str
    precision: str
    weights: str
    parameters: int
    gflop: float
    build_s: float
    run: int
    rounds: int
    passes: int
    median_ms: float
    p95_ms: float
    p99_ms: float
    images_per_s: float
    labels_ms: float
    labels_p95_ms: float
    labels_p99_ms: float
    gflop_per_s: float
    peak_fraction: float | None
    memory_mib: float | None
    agreement: float | None
    faster_than_eager: float | None
    labels_faster_than_eager: float | None
    of_yardstick: float | None
    of_main: float | None


def make_rows(measured: Sequence[Measured], peaks: Mapping[str, float]) -> list[Row]:
    """
    Return the rows of everything that has been timed at least once.

    :param peaks: most that was measured of each number format, GFLOP/s
    """
    timed = [one for one in measured if one.turns]
    return [_make_row(one, timed, peaks) for one in timed]


def _make_row(one: Measured, timed: Sequence[Measured], peaks: Mapping[str, float]) -> Row:
    candidate, facts = one.candidate, one.facts
    forward_ms = _percentiles_ms([value for turn in one.turns for value in turn.forward_s])
    labels_ms = _percentiles_ms([value for turn in one.turns for value in turn.total_s])
    gflop_per_s = candidate.batch * facts.flops / forward_ms[0] / 1e6
    peak = peaks.get(candidate.precision)
    backend, precision = candidate.backend, candidate.precision
    eager = _find(one, timed, backend=EAGER, precision='fp32')
    yardstick = _find(
        one, timed, model=YARDSTICK, branch=MAIN, backend=backend, precision=precision
    )
    main = _find(one, timed, branch=MAIN, backend=backend, precision=precision)
    return Row(
        model=candidate.model,
        branch=candidate.branch,
        width=candidate.size[0],
        height=candidate.size[1],
        batch=candidate.batch,
        backend=backend,
        precision=precision,
        weights=facts.weights,
        parameters=facts.parameters,
        gflop=round(facts.flops / 1e9, 3),
        build_s=round(facts.build_s, 2),
        run=one.run,
        rounds=len(one.turns),
        passes=sum(len(turn.forward_s) for turn in one.turns),
        median_ms=forward_ms[0],
        p95_ms=forward_ms[1],
        p99_ms=forward_ms[2],
        images_per_s=round(1000 * candidate.batch / forward_ms[0], 2),
        labels_ms=labels_ms[0],
        labels_p95_ms=labels_ms[1],
        labels_p99_ms=labels_ms[2],
        gflop_per_s=round(gflop_per_s, 1),
        peak_fraction=None if peak is None else round(gflop_per_s / peak, 3),
        memory_mib=None if facts.memory_bytes is None else round(facts.memory_bytes / _MEBIBYTE),
        agreement=facts.agreement,
        faster_than_eager=_ratio(eager, one),
        labels_faster_than_eager=_ratio(eager, one, 'total_s'),
        of_yardstick=_ratio(one, yardstick),
        of_main=None if candidate.branch == MAIN else _ratio(one, main),
    )


def _find(one: Measured, timed: Sequence[Measured], **changes: str) -> Measured | None:
    """Return what differs from a candidate in these values alone and was timed in its run."""
    wanted = vars(one.candidate) | changes
    matches = (other for other in timed if vars(other.candidate) == wanted)
    return next((other for other in matches if other.run == one.run), None)


def _ratio(
    dividend: Measured | None, divisor: Measured | None, part: str = 'forward_s'
) -> float | None:
    """Return the median over the rounds of one time divided by another."""
    if dividend is None or divisor is None:
        return None
    # The last round of an interrupted run may lack the later candidates.
    rounds = zip(dividend.turns, divisor.turns, strict=False)
    quotients = [
        statistics.median(getattr(above, part)) / statistics.median(getattr(below, part))
        for above, below in rounds
    ]
    return round(statistics.median(quotients), 3)


def _percentiles_ms(seconds: Sequence[float]) -> tuple[float, float, float]:
    """Return median, 95 % and 99 % in milliseconds."""
    median, p95, p99 = (1000 * np.percentile(seconds, (50, 95, 99))).round(4).tolist()
    return median, p95, p99
