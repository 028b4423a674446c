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


from functools import cache

import numpy as np
import pytest

from surgseg_ros.simulation import SceneOptions
from surgseg_ros.simulation import StereoEndoscopeSimulator

SMALL = {'width': 320, 'height': 256, 'eyes': ('left',), 'noise': 0.0}
TOOLS = ('probes', 'suctions', 'cannulas', 'retractors')


@cache
def first_frame(**options):
    """Return the left image and labels of a scene; tests share those without held tools."""
    with StereoEndoscopeSimulator(SceneOptions(**{**SMALL, **options})) as simulator:
        return simulator.step().left


def changed_share(first, second):
    return np.mean(np.abs(first.image.astype(int) - second.image).max(axis=2) > 25)


@pytest.mark.parametrize('tool', TOOLS)
def test_held_tools_are_large_and_background(tool):
    shares = []
    for seed in range(4):
        base = {'seed': seed, 'num_instruments': 0}
        frame = first_frame(**base, **{tool: 1})
        assert not frame.labels['binary'].any()
        shares.append(changed_share(frame, first_frame(**base)))
    assert max(shares) > 0.03
    assert np.median(shares) > 0.005


@pytest.mark.parametrize('tool', TOOLS)
def test_held_tools_leave_visible_instruments_labeled_as_they_were(tool):
    base = {'seed': 3, 'fill_fenestrations': False}
    plain = first_frame(**base).labels['instance']
    crossed = first_frame(**base, **{tool: 1}).labels['instance']
    kept = crossed > 0
    assert np.array_equal(crossed[kept], plain[kept])


def test_held_tools_may_cross_over_instruments():
    hidden = []
    for seed in range(8):
        base = {'seed': seed, 'fill_fenestrations': False, 'num_instruments': 3}
        plain = first_frame(**base).labels['binary'].sum()
        hidden.append(plain - first_frame(**base, probes=1, suctions=2).labels['binary'].sum())
    assert max(hidden) > 100
    assert min(hidden) >= 0


def test_held_tools_move():
    options = SceneOptions(
        seed=1, suctions=2, num_instruments=0, camera_motion=0.0, rate_hz=1.0, **SMALL
    )
    with StereoEndoscopeSimulator(options) as simulator:
        first, second = (simulator.step().left for _ in range(2))
    assert changed_share(first, second) > 0.002
