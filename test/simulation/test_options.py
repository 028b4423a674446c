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

import pytest

from surgseg_ros.simulation import SceneOptions
from surgseg_ros.simulation.options import LIMITS

NAMES = {field.name for field in dataclasses.fields(SceneOptions)}


@pytest.mark.parametrize(
    ('name', 'value'),
    [
        ('num_instruments', 4),
        ('smoke', 1.5),
        ('width', 8),
        ('black_border', 'hexagon'),
        ('instrument_types', ('scalpel',)),
        ('eyes', ('middle',)),
        ('eyes', ()),
        ('backdrop', 'sand'),
        ('overlay', 'clock'),
        ('color_cast', 'red'),
        ('black_level', 0.5),
        ('near_infrared', 1.1),
        ('probes', 2),
        ('bubbles', 31),
    ],
)
def test_refuses_what_cannot_be_rendered(name, value):
    with pytest.raises(ValueError, match=name):
        SceneOptions(**{name: value})


def test_limits_are_those_of_real_options():
    assert set(LIMITS) <= NAMES


def test_options_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        SceneOptions().seed = 1
