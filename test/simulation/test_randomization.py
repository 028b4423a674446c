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


import dataclasses

import numpy as np
import pytest

from surgseg_ros.simulation import SceneOptions
from surgseg_ros.simulation.options import LIMITS
from surgseg_ros.simulation.randomization import RANGES
from surgseg_ros.simulation.randomization import Uniform


def test_ranges_are_those_of_real_options():
    names = {field.name for field in dataclasses.fields(SceneOptions)}
    assert all(set(table) <= names for table in RANGES.values())


@pytest.mark.parametrize('ranges', list(RANGES))
def test_drawn_ranges_are_within_the_limits(ranges):
    for name, draw in RANGES[ranges].items():
        if isinstance(draw, Uniform) and name in LIMITS:
            low, high = LIMITS[name]
            assert low <= draw.low <= draw.high <= high, name


def test_randomized_options_depend_on_the_seed_alone():
    assert SceneOptions.randomized(5) == SceneOptions.randomized(5)
    assert SceneOptions.randomized(5) != SceneOptions.randomized(6)


def test_draws_stay_what_they_were_when_options_are_added():
    options = SceneOptions.randomized(5)
    assert options.focal_length == pytest.approx(1085.3613415940465)
    assert (options.num_instruments, options.tissue, options.gauzes) == (2, 'liver', 1)
    assert options.vignetting == pytest.approx(0.570276309225388)
    assert options.metal_contrast == pytest.approx(0.3994892550676725)


def test_wide_ranges_show_what_the_standard_ones_do_not():
    drawn = [SceneOptions.randomized(seed, 'wide') for seed in range(200)]
    assert {options.backdrop for options in drawn} > {'tissue', 'cloth'}
    assert any(options.probes for options in drawn)
    assert all(not SceneOptions.randomized(seed).probes for seed in range(200))


def test_crowded_ranges_show_more_tubes_that_are_no_instruments():
    shares = []
    for ranges in ('wide', 'crowded'):
        drawn = [SceneOptions.randomized(seed, ranges) for seed in range(400)]
        tubes = [each.probes + each.suctions + each.retractors + each.drains for each in drawn]
        shares.append(np.mean(np.array(tubes) > 0))
    assert shares[0] < 0.25
    assert shares[1] > 0.3


def test_overrides_leave_the_other_draws_alone():
    free = SceneOptions.randomized(5)
    fixed = SceneOptions.randomized(5, smoke=0.25, width=320)
    assert dataclasses.replace(free, smoke=0.25, width=320) == fixed
