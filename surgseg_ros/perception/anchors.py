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
Anchors: where the cues agree that there is an instrument, or that there is none.

D. Liu et al., MICCAI 2020, section 2.1.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Anchors(NamedTuple):
    """
    Pseudo labels of one frame.

    :param positive: (H, W) float32 in [0, 1], certainly an instrument
    :param negative: (H, W) float32 in [0, 1], certainly background
    """

    positive: np.ndarray
    negative: np.ndarray


def make_anchors(cues: Sequence[np.ndarray]) -> Anchors:
    """
    Return ``a_pos = c_1 * c_2 * ...`` and ``a_neg = (1 - c_1) * (1 - c_2) * ...``.

    :param cues: (H, W) float in [0, 1] each, one or more
    :raises ValueError: if there is none
    """
    if not cues:
        raise ValueError('anchors need at least one cue')
    stack = np.stack(cues).astype(np.float32)
    return Anchors(np.prod(stack, axis=0), np.prod(1 - stack, axis=0))


def anchors_of_truth(labels: np.ndarray) -> Anchors:
    """
    Return what replaces the anchors of a frame with ground truth (section 3.3).

    :param labels: (H, W) class ids, 0 is background
    """
    instrument = (labels > 0).astype(np.float32)
    return Anchors(instrument, 1 - instrument)
