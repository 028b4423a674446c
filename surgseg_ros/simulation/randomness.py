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


"""Independent random streams of one scene: no option disturbs what another one draws."""

from enum import IntEnum

import numpy as np


class Stream(IntEnum):
    """What the numbers of a stream decide."""

    OPTIONS = 1
    INSTRUMENTS = 2
    SURFACES = 3
    OPTICS = 4
    NOISE = 5
    NOISE_OF_FRAME = 6
    TISSUE = 7
    DISTRACTORS = 8
    BACKDROP = 9
    HELD_TOOLS = 10
    LENS = 11
    OVERLAY = 12
    RECORDING = 13
    SHADOWS = 14


def make_rng(seed: int, stream: Stream, *more: int) -> np.random.Generator:
    """
    Return the generator of a stream.

    :param seed: of the scene
    :param stream: what the numbers are for
    :param more: further numbers that select a stream, such as a frame number
    """
    return np.random.default_rng((seed, int(stream), *more))
