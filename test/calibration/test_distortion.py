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

"""Tests of the names of distortion models."""

import numpy as np
import pytest

from surgseg_ros.calibration.camera import CalibrationError
from surgseg_ros.calibration.distortion import name_distortion_model


@pytest.mark.parametrize('names', [(), ('',), ('plumb_bob',), ('pinhole', 'radtan'), ('opencv',)])
@pytest.mark.parametrize(
    ('count', 'model'),
    [(0, 'plumb_bob'), (4, 'plumb_bob'), (5, 'plumb_bob')]
    + [(count, 'rational_polynomial') for count in (8, 12, 14)],
)
def test_the_number_of_coefficients_decides_about_polynomials(names, count, model):
    assert name_distortion_model(names, np.full(count, 0.1)) == model


@pytest.mark.parametrize('name', ['rational_polynomial', 'Rational Polynomial', 'plumb_bob'])
def test_names_of_polynomials_may_be_wrong(name):
    assert name_distortion_model([name], np.full(8, 0.1)) == 'rational_polynomial'
    assert name_distortion_model([name], np.full(5, 0.1)) == 'plumb_bob'


@pytest.mark.parametrize('name', ['equidistant', 'fisheye', 'kannala_brandt', 'KB4', 'EQUI'])
def test_fisheye_has_many_names(name):
    assert name_distortion_model(['pinhole', name], np.full(4, 0.1)) == 'equidistant'


@pytest.mark.parametrize(
    ('names', 'count', 'message'),
    [
        (['double_sphere'], 4, "'double_sphere'; known: plumb_bob"),
        (['inverse_brown_conrady'], 5, 'inverse_brown_conrady'),
        (['plumb_bob', 'fisheye'], 4, "'plumb_bob' and 'fisheye'"),
        (['fisheye'], 5, '4 coefficients, D has 5'),
        (['fisheye'], 0, '4 coefficients, D has 0'),
        (['plumb_bob'], 6, '4, 5, 8, 12 or 14'),
        (['none'], 5, 'D is not zero'),
        (['x' * 10_000], 5, 'x' * 40 + "'"),
    ],
)
def test_what_is_not_known_is_refused_by_name(names, count, message):
    with pytest.raises(CalibrationError, match=message):
        name_distortion_model(names, np.full(count, 0.1))


def test_no_distortion():
    assert name_distortion_model(['none'], np.zeros(4)) == 'plumb_bob'
