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

"""
Time that filling and reading image messages takes on this computer.

Run ``python -m surgseg_ros.nodes.benchmark.messages --help``, or ``surgseg benchmark --messages``.
"""

import argparse
from array import array
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import dataclass
from functools import partial
import json
from pathlib import Path
import statistics
import sys
import time
from typing import Any

import cv2
import numpy as np
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from surgseg_ros.decoding.compressed_images import compressed_to_array
from surgseg_ros.decoding.encodings import ENCODINGS
from surgseg_ros.decoding.raw_images import image_to_array
from surgseg_ros.nodes.common.argument_types import positive_count
from surgseg_ros.nodes.messages.compressed_images import array_to_compressed
from surgseg_ros.nodes.messages.images import array_to_image
from surgseg_ros.reporting.text_tables import format_table
from surgseg_ros.reporting.text_tables import PLAIN

FILL_LIMIT_MS = 2.0
"""Most that filling an outgoing rgb8 message of 1920x1080 may take, ms (median)."""

OUTGOING_SIZE = (1920, 1080)
INCOMING_SIZE = (1280, 1024)
PADDING_BYTES = 64
JPEG_QUALITY = 80
REPETITIONS = 30
WARM_UP_RUNS = 3

READ_ENCODINGS = (
    *('rgb8', 'bgr8', 'rgba8', 'bgra8', 'mono8', 'rgb16', 'mono16'),
    *('uyvy', 'yuyv', 'nv12', 'bayer_rggb8', 'bayer_rggb16'),
)

DESCRIPTION = f"""\
Measure how long filling and reading ROS image messages takes on this computer.

Three groups of rows, each the median of repeated runs in milliseconds:
  fill    make an outgoing message of {OUTGOING_SIZE[0]}x{OUTGOING_SIZE[1]} from an array
  read    make an RGB array of an incoming image of {INCOMING_SIZE[0]}x{INCOMING_SIZE[1]},
          its rows packed, or padded by {PADDING_BYTES} bytes; rgb8 is a view and costs nothing
  jpeg    encode and decode a compressed image of {INCOMING_SIZE[0]}x{INCOMING_SIZE[1]}
"""
EPILOG = f"""\
exit code:
  0  filling an rgb8 message takes {FILL_LIMIT_MS} ms at most
  1  it takes longer: the computer is busy, or somebody assigns arrays to msg.data,
     which converts them element by element and takes hundreds of milliseconds
"""


@dataclass(frozen=True)
class Measurement:
    """
    One row of the table.

    :param task: ``fill``, ``read`` or ``jpeg``
    :param what: encoding and layout of the image
    :param width: px
    :param height: px
    :param median_ms: median time of one run, ms
    """

    task: str
    what: str
    width: int
    height: int
    median_ms: float


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Print the table.

    :return: exit code: 0 success, 1 filling a message takes longer than :data:`FILL_LIMIT_MS`
    """
    parsed = _parse(arguments)
    rows = list(measure(parsed.repetitions))
    print(format_rows(rows))
    slow = is_too_slow(rows)
    if parsed.json:
        parsed.json.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(_summarize(rows, parsed.repetitions), indent=2)
        parsed.json.write_text(text + '\n', encoding='utf-8')
    if slow:
        print(f'filling an rgb8 message takes more than {FILL_LIMIT_MS} ms', file=sys.stderr)
    return 1 if slow else 0


def measure(repetitions: int) -> Iterator[Measurement]:
    """
    Measure all rows, one after the other.

    :param repetitions: measured runs of each row
    :return: the rows, as they are ready
    """
    yield from _measure_filling(repetitions)
    yield from _measure_reading(repetitions)
    yield from _measure_jpeg(repetitions)


def is_too_slow(rows: Sequence[Measurement]) -> bool:
    """Tell whether filling an rgb8 message takes longer than :data:`FILL_LIMIT_MS`."""
    return any(
        row.median_ms > FILL_LIMIT_MS for row in rows if (row.task, row.what) == ('fill', 'rgb8')
    )


def format_rows(rows: Sequence[Measurement]) -> str:
    """Return the rows as text, one line each below a line of titles."""
    titles = ('task', 'image', 'size', 'median [ms]')
    lines = [
        (row.task, row.what, f'{row.width}x{row.height}', f'{row.median_ms:.3f}') for row in rows
    ]
    return format_table([titles, *lines], PLAIN)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        'surgseg benchmark --messages',
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        '--repetitions',
        type=positive_count,
        default=REPETITIONS,
        help='measured runs of each row (default: %(default)s)',
    )
    parser.add_argument('--json', type=Path, help='also write the result to this file')
    return parser.parse_args(arguments)


def _summarize(rows: Sequence[Measurement], repetitions: int) -> dict[str, Any]:
    return {
        'repetitions': repetitions,
        'fill_limit_ms': FILL_LIMIT_MS,
        'measurements': [asdict(row) for row in rows],
    }


def _measure_filling(repetitions: int) -> Iterator[Measurement]:
    width, height = OUTGOING_SIZE
    image = _picture(width, height)
    header = Header()
    for encoding, pixels in (('rgb8', image), ('mono8', image[..., 0].copy())):
        run_ms = _median_ms(partial(array_to_image, pixels, encoding, header), repetitions)
        yield Measurement('fill', encoding, width, height, run_ms)


def _measure_reading(repetitions: int) -> Iterator[Measurement]:
    width, height = INCOMING_SIZE
    for encoding in READ_ENCODINGS:
        for layout, padding in (('packed', 0), ('padded', PADDING_BYTES)):
            msg = _incoming(encoding, width, height, padding)
            run_ms = _median_ms(partial(image_to_array, msg), repetitions)
            yield Measurement('read', f'{encoding} {layout}', width, height, run_ms)


def _measure_jpeg(repetitions: int) -> Iterator[Measurement]:
    width, height = INCOMING_SIZE
    image = _picture(width, height)
    header = Header()
    msg = array_to_compressed(image, header, JPEG_QUALITY)
    encode_ms = _median_ms(partial(array_to_compressed, image, header, JPEG_QUALITY), repetitions)
    yield Measurement('jpeg', f'encode, quality {JPEG_QUALITY}', width, height, encode_ms)
    decode_ms = _median_ms(partial(compressed_to_array, msg), repetitions)
    yield Measurement('jpeg', f'decode, quality {JPEG_QUALITY}', width, height, decode_ms)


def _median_ms(run: Callable[[], Any], repetitions: int) -> float:
    for _ in range(WARM_UP_RUNS):
        run()
    durations_s = []
    for _ in range(repetitions):
        start_s = time.perf_counter()
        run()
        durations_s.append(time.perf_counter() - start_s)
    return 1000.0 * statistics.median(durations_s)


def _incoming(encoding: str, width: int, height: int, padding: int) -> Image:
    layout = ENCODINGS[encoding]
    msg = Image(encoding=encoding, width=width, height=height)
    msg.step = width * layout.channels * np.dtype(layout.dtype).itemsize + padding
    noise = np.random.default_rng(0).integers(
        0, 256, layout.rows(height) * msg.step, dtype=np.uint8
    )
    msg.data = array('B', noise.tobytes())
    return msg


def _picture(width: int, height: int) -> np.ndarray:
    """Return smooth colors, (H, W, 3) uint8 RGB, which JPEG compresses about as well as tissue."""
    coarse = np.random.default_rng(0).integers(0, 256, (9, 16, 3), dtype=np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


if __name__ == '__main__':
    sys.exit(main())
