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
"""Tests of the learning rates against the formulas of the papers."""

import pytest

from surgseg_ros.training.recipe import load_recipe
from surgseg_ros.training.schedule import rate_factor


def test_poly_of_islam_2019():
    recipe = load_recipe('islam2019')
    assert rate_factor(recipe, 0, 100, 10) == 1
    assert rate_factor(recipe, 50, 100, 10) == pytest.approx(0.5**0.9)


def test_rasnet_multiplies_by_0_8_every_30_epochs():
    recipe = load_recipe('rasnet')
    steps = [0, 299, 300, 600]
    factors = [rate_factor(recipe, step, 2000, steps_per_epoch=10) for step in steps]
    assert factors == pytest.approx([1, 1, 0.8, 0.64])


def test_warm_up_rises_linearly():
    recipe = load_recipe('ternaus', ['warm_up_steps=4'])
    factors = [rate_factor(recipe, step, 100, 10) for step in range(6)]
    assert factors == pytest.approx([0.25, 0.5, 0.75, 1, 1, 1])
