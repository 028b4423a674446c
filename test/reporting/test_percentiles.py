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

"""Percentiles of measured values."""

import pytest

from surgseg_ros.reporting.percentiles import percentiles


def test_percentiles_of_a_hundred_and_one_values():
    assert percentiles(range(101)) == (50.0, 95.0, 99.0)


def test_between_two_values_they_are_interpolated():
    assert percentiles([3.0, 1.0]) == pytest.approx((2.0, 2.9, 2.98))


def test_of_one_value_all_are_the_same():
    assert percentiles(value for value in [7.0]) == (7.0, 7.0, 7.0)


def test_of_nothing_there_are_none():
    assert percentiles([]) is None
