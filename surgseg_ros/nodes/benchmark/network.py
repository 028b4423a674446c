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
The process that measures the network alone for :mod:`surgseg_ros.nodes.benchmark.bare_network`.

It loads a :class:`~surgseg_ros.inference.segmenter.Segmenter`, and for every line on its
standard input measures for some seconds and answers with a line of JSON.
"""

import argparse
from collections.abc import Mapping
from collections.abc import Sequence
import json
import sys
import time
from typing import Any

import numpy as np

from surgseg_ros.inference.segmenter import Segmenter

MIN_RUNS = 5


def main(arguments: Sequence[str] | None = None) -> int:
    """Answer requests until there are no more."""
    options = _parse(arguments)
    pairs = np.load(options.pictures)
    segmenter = Segmenter(**_read_arguments(options.segmenter))
    height, width = pairs.shape[2:4]
    segmenter.warm_up(pairs.shape[1], (width, height))
    names = ('backend', 'precision', 'device')
    _answer({name: getattr(segmenter, name) for name in names})
    for _ in sys.stdin:
        _answer(measure(segmenter, pairs, options.seconds))
    return 0


def measure(segmenter: Segmenter, pairs: np.ndarray, seconds: float) -> dict[str, list[float]]:
    """
    Segment pairs one after the other for some time.

    :param pairs: (pairs, 2, H, W, 3) uint8 RGB
    :param seconds: how long, but five pairs at least
    :return: arguments of :class:`surgseg_ros.nodes.benchmark.bare_network.BareTimes`
    """
    network_s: list[float] = []
    segment_s: list[float] = []
    end = time.perf_counter() + seconds
    while len(network_s) < MIN_RUNS or time.perf_counter() < end:
        images = list(pairs[len(network_s) % len(pairs)])
        start = time.perf_counter()
        results = segmenter.segment(images, confidence=True)
        segment_s.append(time.perf_counter() - start)
        network_s.append(results[0].inference_s)
    return {'network_s': network_s, 'segment_s': segment_s}


def _read_arguments(text: str) -> dict[str, Any]:
    """Return the arguments of the segmenter; JSON knows no tuples."""
    arguments: dict[str, Any] = json.loads(text)
    return {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in arguments.items()
    }


def _answer(content: Mapping[str, Any]) -> None:
    print(json.dumps(content), flush=True)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Measure the network alone on demand.')
    parser.add_argument('--segmenter', required=True, help='its arguments in JSON')
    parser.add_argument('--pictures', required=True, help='.npy file of make_pictures()')
    parser.add_argument('--seconds', type=float, required=True, help='time of a measurement')
    return parser.parse_args(arguments)


if __name__ == '__main__':
    sys.exit(main())
