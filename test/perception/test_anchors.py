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

"""Tests of the anchors, against values calculated by hand."""

import numpy as np
import pytest

from surgseg_ros.perception.anchors import anchors_of_truth
from surgseg_ros.perception.anchors import make_anchors

CUES = [np.array([[0.9, 0.2]]), np.array([[0.5, 0.1]]), np.array([[0.8, 0.5]])]


def test_products_of_all_cues_and_of_their_inverses():
    anchors = make_anchors(CUES)
    np.testing.assert_allclose(anchors.positive, [[0.36, 0.01]], rtol=1e-6)
    np.testing.assert_allclose(anchors.negative, [[0.01, 0.36]], rtol=1e-5)


def test_any_subset_of_the_cues():
    pair = make_anchors(CUES[:2])
    np.testing.assert_allclose(pair.positive, [[0.45, 0.02]], rtol=1e-6)
    single = make_anchors(CUES[:1])
    np.testing.assert_allclose(single.positive + single.negative, [[1, 1]])
    with pytest.raises(ValueError, match='at least one cue'):
        make_anchors([])


def test_truth_is_certain():
    anchors = anchors_of_truth(np.array([[0, 3, 255]], np.uint8))
    np.testing.assert_array_equal(anchors.positive, [[0, 1, 1]])
    np.testing.assert_array_equal(anchors.negative, [[1, 0, 0]])
