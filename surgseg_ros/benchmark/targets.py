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

"""What the measured rows have to reach."""

from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass

from surgseg_ros.benchmark.eager_engine import EAGER
from surgseg_ros.benchmark.rows import MAIN
from surgseg_ros.benchmark.rows import Row
from surgseg_ros.benchmark.rows import YARDSTICK

NETWORK = 'mffnet'
AUXILIARY = 'auxiliary'
SIZES = ((1280, 1024), (640, 512))
FULL_SIZE = SIZES[0]

LEAST_SPEED_UP = {'amx': 4.0, 'no amx': 1.4}
"""Fastest backend against eager torch, on CPUs with matrix instructions and without."""

MOST_OF_YARDSTICK = 0.6
LEAST_AGREEMENT = 0.999

GPU_TARGETS_APPLY_TO = ('H100', 'H200', 'H800', 'GH200', 'B100', 'B200')
MOST_FORWARD_MS = {1: 1.0, 2: 2.0}
"""Forward pass on such a GPU at full size in half precision, by batch."""

MOST_STEREO_LABELS_MS = 4.0
LEAST_IMAGES_PER_S = 870.0
MOST_GPU_MIB = 1024.0


@dataclass(frozen=True)
class Target:
    """
    One requirement and how it came out.

    :param text: what was required and what was measured
    """

    text: str
    met: bool


def judge(rows: Sequence[Row], instruction_sets: Sequence[str], gpu: str = '') -> list[Target]:
    """
    Compare rows with what they have to reach; rows that were not measured are not judged.

    :param instruction_sets: of the CPU, as in :mod:`surgseg_ros.benchmark.machine`
    :param gpu: its name if the networks ran there
    """
    own = [row for row in rows if row.model == NETWORK and row.backend != EAGER]
    targets = [] if gpu else list(_judge_speed_up(own, 'amx_bf16' in instruction_sets))
    targets += [*_judge_against_others(own), *_judge_labels(own)]
    if any(name in gpu for name in GPU_TARGETS_APPLY_TO):
        targets += _judge_gpu(own)
    return targets


def _judge_speed_up(rows: Sequence[Row], has_amx: bool) -> Iterator[Target]:
    kind = 'amx' if has_amx else 'no amx'
    least = LEAST_SPEED_UP[kind]
    for size in SIZES:
        candidates = [
            row
            for row in rows
            if row.branch == MAIN and row.batch == 1 and (row.width, row.height) == size
        ]
        speed_ups = {row: row.faster_than_eager for row in candidates if row.faster_than_eager}
        if not speed_ups:
            continue
        best = max(speed_ups, key=lambda row: speed_ups[row])
        yield Target(
            f'{_name(best)} is {speed_ups[best]:.2f} times as fast as eager torch; at least '
            f'{least:g} times with the fastest backend on a CPU with {kind.replace("amx", "AMX")}',
            speed_ups[best] >= least,
        )


def _judge_against_others(rows: Sequence[Row]) -> Iterator[Target]:
    for row in rows:
        if row.branch == MAIN and row.of_yardstick is not None:
            yield Target(
                f'{_name(row)} takes {row.of_yardstick:.2f} times the time of {YARDSTICK}; at '
                f'most {MOST_OF_YARDSTICK:g} times',
                row.of_yardstick <= MOST_OF_YARDSTICK,
            )
        if row.branch == AUXILIARY and row.of_main is not None:
            yield Target(
                f'{_name(row)} takes {row.of_main:.3f} times the time of {MAIN}; less than 1',
                row.of_main < 1,
            )


def _judge_labels(rows: Sequence[Row]) -> Iterator[Target]:
    agreements = {row: row.agreement for row in rows if row.agreement is not None}
    if agreements:
        worst = min(agreements, key=lambda row: agreements[row])
        yield Target(
            f'at least {100 * agreements[worst]:.3f} % of the pixels get the label that torch '
            f'gives them in single precision ({_name(worst)}); at least '
            f'{100 * LEAST_AGREEMENT:g} %',
            agreements[worst] >= LEAST_AGREEMENT,
        )


def _judge_gpu(rows: Sequence[Row]) -> Iterator[Target]:
    """Judge the fastest row of each batch at full size in half precision."""
    full = [
        row
        for row in rows
        if row.branch == MAIN and row.precision == 'fp16' and (row.width, row.height) == FULL_SIZE
    ]
    for batch, most_ms in MOST_FORWARD_MS.items():
        candidates = [row for row in full if row.batch == batch]
        if not candidates:
            continue
        best = min(candidates, key=lambda row: row.median_ms)
        figures = [('forward pass', 'ms', best.median_ms, most_ms)]
        if batch == 2:
            figures.append(('images to labels', 'ms', best.labels_ms, MOST_STEREO_LABELS_MS))
        if best.memory_mib is not None:
            figures.append(('memory', 'MiB', best.memory_mib, MOST_GPU_MIB))
        for what, unit, value, most in figures:
            text = f'{_name(best)}: {what} {value:.2f} {unit}; at most {most:g} {unit}'
            yield Target(text, value <= most)
        if batch == 1:
            text = (
                f'{_name(best)}: {best.images_per_s:.0f} images/s; at least {LEAST_IMAGES_PER_S:g}'
            )
            yield Target(text, best.images_per_s >= LEAST_IMAGES_PER_S)


def _name(row: Row) -> str:
    return (
        f'{row.model} {row.branch}, {row.batch} x {row.width}x{row.height}, {row.backend} '
        f'{row.precision}'
    )
