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

"""Tests of the choice of branch and size in the node."""

from types import SimpleNamespace

import pytest

from surgseg_ros.inference.deadline import Variant
from surgseg_ros.nodes.segmentation.variant_choice import CameraInterval
from surgseg_ros.nodes.segmentation.variant_choice import VariantChoice

MAIN, HALF = Variant('main'), Variant('main', 0.5)


def _choice(costs_s):
    return VariantChoice(SimpleNamespace(variants=(MAIN, HALF), variant_costs_s=costs_s))


def test_without_costs_there_is_no_choice():
    choice = _choice({})
    assert choice.state.variant == MAIN
    for _ in range(10):
        assert not choice.report(MAIN, 9.0, 9.0, 9.0, 0.01, 0.03)
    assert choice.variant == MAIN


@pytest.mark.parametrize('deadline_s', [0.1, None])
def test_a_deadline_is_kept_by_the_smaller_size(deadline_s):
    choice = _choice({MAIN: 0.05, HALF: 0.01})
    changes = [choice.report(MAIN, 0.3, 0.29, 0.3, deadline_s, 0.1) for _ in range(3)]
    assert any(changes)
    assert choice.variant == HALF
    assert 'of the 100 ms allowed' in choice.state.reason
    assert choice.state.missed_deadline_s is None


def test_a_deadline_that_nothing_keeps_is_said():
    choice = _choice({MAIN: 0.05, HALF: 0.01})
    for _ in range(3):
        choice.report(choice.variant, 3.0, 2.9, 3.0, 0.1, 0.1)
    for _ in range(3):
        choice.report(choice.variant, 3.0, 2.9, 3.0, 0.1, 0.1)
    assert choice.state.variant == HALF
    assert choice.state.missed_deadline_s == 0.1


def test_the_interval_is_that_of_the_fastest_camera():
    interval = CameraInterval(['left', 'right'])
    assert interval.seconds is None
    interval.note('left', 1.0)
    assert interval.seconds is None
    for number in range(5):
        interval.note('left', 1.1 + 0.1 * number)
        interval.note('right', 1.1 + 0.2 * number)
    interval.note('left', 99.0)
    assert interval.seconds == pytest.approx(0.1)
