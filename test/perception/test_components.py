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

"""Tests of connected sets of pixels."""

import numpy as np
import pytest

from surgseg_ros.perception.components import find_components
from surgseg_ros.perception.components import join

PICTURE = """
.....##..
.###..#..
.#.#.....
.#.#..##.
.#....###
"""
MASK = np.array([[pixel == '#' for pixel in row] for row in PICTURE.split()])


def paint(components):
    image = np.zeros(MASK.shape, np.uint8)
    for component in components:
        component.crop(image)[:] |= component.mask
    return image


def test_every_pixel_belongs_to_one_component():
    components = find_components(MASK, 1)
    assert sorted((component.box, component.area) for component in components) == [
        ((1, 1, 3, 4), 8),
        ((5, 0, 2, 2), 3),
        ((6, 3, 3, 2), 5),
    ]
    assert (paint(components) == MASK).all()


def test_small_components_are_left_out():
    assert [component.area for component in find_components(MASK, 6)] == [8]
    assert find_components(np.zeros((4, 4), bool), 1) == []


def test_a_component_inside_the_box_of_another_one_is_not_part_of_it():
    ring = np.ones((9, 9), bool)
    ring[1:-1, 1:-1] = False
    ring[4, 4] = True
    assert sorted(component.area for component in find_components(ring, 1)) == [1, 32]


def test_border():
    by_box = {component.box: component for component in find_components(MASK, 1)}
    assert by_box[5, 0, 2, 2].reaches_border((9, 5))
    assert by_box[6, 3, 3, 2].reaches_border((9, 5))
    assert not by_box[5, 0, 2, 2].moved(0, 1).reaches_border((9, 5))


def test_joined_components_are_one():
    components = find_components(MASK, 1)
    whole = join(components)
    assert (whole.box, whole.area) == ((1, 0, 8, 5), MASK.sum())
    assert (paint([whole]) == MASK).all()


@pytest.mark.parametrize('rows', [slice(0, 2), slice(2, 4)])
def test_a_cut_is_where_it_was(rows):
    (component,) = (item for item in find_components(MASK, 1) if item.area == 8)
    inside = np.zeros(component.mask.shape, bool)
    inside[rows] = component.mask[rows] > 0
    part = component.cut(inside)
    expected = np.zeros(MASK.shape, bool)
    expected[1 + rows.start : 1 + rows.stop, 1:4] = inside[rows]
    assert (paint([part]) == expected).all()
    assert part.area == expected.sum()
