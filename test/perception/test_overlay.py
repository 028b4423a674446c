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

"""Tests of the pictures for people."""

import numpy as np
import pytest

from surgseg_ros.data import get_label_set
from surgseg_ros.perception import find_instruments
from surgseg_ros.perception.overlay import draw_instruments
from surgseg_ros.perception.overlay import draw_overlay

PARTS = get_label_set('parts')


@pytest.fixture
def labels():
    image = np.zeros((64, 80), np.uint8)
    image[20:40, 0:40] = 1
    image[20:40, 40:60] = 3
    return image


def test_background_stays_and_classes_are_tinted(labels):
    image = np.full((64, 80, 3), 100, np.uint8)
    overlay = draw_overlay(image, labels, PARTS, alpha=0.5)
    assert (overlay[:18] == 100).all()
    np.testing.assert_allclose(overlay[30, 20], 50 + PARTS.colors[1] / 2, atol=1)
    np.testing.assert_array_equal(overlay[20, 50], PARTS.colors[3])
    assert (image == 100).all()


def test_alpha_zero_leaves_only_outlines(labels):
    image = np.full((64, 80, 3), 100, np.uint8)
    assert (draw_overlay(image, labels, PARTS, alpha=0.0)[30, 20] == 100).all()


def test_instruments_are_marked_at_centroid_and_tip(labels):
    image = np.zeros((64, 80, 3), np.uint8)
    (tool,) = find_instruments(labels, PARTS).instruments
    drawn = draw_instruments(image, [tool])
    x, y = (round(value) for value in tool.centroid)
    assert (drawn[y, x] == 255).all()
    tip_x, tip_y = (round(value) for value in tool.tip)
    assert drawn[tip_y, tip_x].any()
    assert not image.any()
