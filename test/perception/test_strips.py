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
"""Shafts in masks."""

import math

from drawn_tools import draw_tools
from drawn_tools import DrawnTool
from drawn_tools import PARTS
import numpy as np
import pytest

from surgseg_ros.perception.strips import find_strips

SIZE = (640, 512)


def strips_of(*tools):
    labels, _ = draw_tools(*tools, size=SIZE)
    return find_strips((labels == PARTS.index('shaft')).view(np.uint8), (0, 0), SIZE)


def angle_between(strip, heading):
    return math.acos(min(1.0, abs(strip.axis @ (math.cos(heading), math.sin(heading)))))


@pytest.mark.parametrize('heading', np.linspace(-3.0, 3.0, 13))
def test_a_shaft_is_found_in_every_direction(heading):
    tool = DrawnTool((320.0, 256.0), heading, width=50.0)
    (strip,) = strips_of(tool)
    assert strip.width == pytest.approx(50.0, abs=2.0)
    assert angle_between(strip, heading) < 0.02
    assert abs((strip.point - tool.wrist) @ (-strip.axis[1], strip.axis[0])) < 1.5


def test_a_shaft_behind_another_is_one_strip():
    behind = DrawnTool((330.0, 420.0), 1.4, width=50.0)
    front = DrawnTool((560.0, 250.0), 0.1, width=70.0)
    strips = strips_of(behind, front)
    assert len(strips) == 2
    thin = min(strips, key=lambda strip: strip.width)
    assert thin.width == pytest.approx(50.0, abs=2.0)
    assert thin.span[1] - thin.span[0] > 350.0


def test_shafts_that_touch_at_an_angle_are_two_strips():
    strips = strips_of(
        DrawnTool((400.0, 220.0), -0.3, width=50.0), DrawnTool((400.0, 262.0), 0.3, width=50.0)
    )
    assert [round(strip.width, -1) for strip in strips] == [50.0, 50.0]


def test_what_has_no_two_parallel_edges_is_no_shaft():
    rows, columns = np.ogrid[:512, :640]
    disc = ((rows - 256) ** 2 + (columns - 320) ** 2 < 80**2).view(np.uint8)
    assert find_strips(disc, (0, 0), SIZE) == []
    assert find_strips(np.zeros((512, 640), np.uint8), (0, 0), SIZE) == []


def test_a_crop_gives_the_same_strip_as_the_image():
    labels, _ = draw_tools(DrawnTool((320.0, 256.0), 0.3), size=SIZE)
    mask = (labels == PARTS.index('shaft')).view(np.uint8)
    (whole,) = find_strips(mask, (0, 0), SIZE)
    rows, columns = np.nonzero(mask)
    top, left = rows.min(), columns.min()
    crop = np.ascontiguousarray(mask[top:, left:])
    (part,) = find_strips(crop, (int(left), int(top)), SIZE)
    np.testing.assert_allclose(part.point, whole.point)
