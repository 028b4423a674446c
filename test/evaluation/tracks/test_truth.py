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

"""Tests of the true centroid in space, on a plane whose disparity is known."""

import numpy as np
import pytest

from surgseg_ros.evaluation.tracks.truth import find_middle_point

GENERATOR = np.random.default_rng(0)


def disparity_of(pixels):
    return 20.0 + 0.1 * (pixels[:, 0] - 100) + 0.05 * (pixels[:, 1] - 50)


def masks():
    """Return a bar in both eyes; the right one sees it only from x = 60 on."""
    left, right = np.zeros((2, 100, 200), bool)
    left[40:61, 50:151] = True
    right[40:61, 60:200] = True
    return left, right


def test_the_centroid_is_that_of_what_both_eyes_see():
    left, right = masks()
    middle = find_middle_point(left, right, disparity_of, GENERATOR)
    # x - d(x) >= 60 from about x = 78 on.
    assert middle.pixel == pytest.approx([(78 + 150) / 2, 50], abs=1.0)
    assert middle.disparity == pytest.approx(disparity_of(middle.pixel[None])[0], abs=1e-6)


def test_rays_that_miss_do_not_count():
    left, right = masks()

    def sometimes(pixels):
        return np.where(pixels[:, 0] % 2 == 0, np.nan, disparity_of(pixels))

    middle = find_middle_point(left, right, sometimes, GENERATOR)
    assert middle.disparity == pytest.approx(disparity_of(middle.pixel[None])[0], abs=1e-6)


@pytest.mark.parametrize('case', ['no left', 'no right', 'no ray'])
def test_what_only_one_eye_sees_has_no_centroid(case):
    left, right = masks()
    if case == 'no left':
        left[:] = False
    if case == 'no right':
        right[:] = False
    disparity = (lambda pixels: np.full(len(pixels), np.nan)) if case == 'no ray' else disparity_of
    assert find_middle_point(left, right, disparity, GENERATOR) is None
