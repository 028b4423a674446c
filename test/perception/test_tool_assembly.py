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
"""Tools that touch, cross and cover each other in a parts label image."""

from drawn_tools import draw_tools
from drawn_tools import DrawnTool
from drawn_tools import overlap
from drawn_tools import PARTS
import numpy as np
import pytest

from surgseg_ros.perception.tool_assembly import assemble_tools

SIZE = (640, 512)
LEFT = DrawnTool((300.0, 250.0), 0.2, width=50.0, opening=0.4)


def assemble(labels):
    return assemble_tools(labels, PARTS, (0, 0), SIZE)


def overlaps(*tools):
    """Return for each tool how well the best of those found matches it."""
    labels, instances = draw_tools(*tools, size=SIZE)
    numbers = assemble(labels)
    assert (numbers > 0).tolist() == (labels > 0).tolist()
    found = range(1, int(numbers.max()) + 1)
    assert len(found) == len(tools)
    return [
        max(overlap(numbers == number, instances == truth) for number in found)
        for truth in range(1, len(tools) + 1)
    ]


def test_one_tool_stays_one():
    assert overlaps(LEFT) == [1.0]


@pytest.mark.parametrize('heading', [2.4, 3.0, -2.8])
def test_claspers_that_touch_another_shaft(heading):
    """The tip of one lies on the shaft of the other, which is in front."""
    front = DrawnTool((300.0, 330.0), heading, width=70.0)
    assert min(overlaps(LEFT, front)) > 0.9


def test_crossing_shafts_the_nearer_one_is_wider():
    behind = DrawnTool((330.0, 400.0), 1.4, width=44.0)
    front = DrawnTool((520.0, 250.0), 0.1, width=70.0)
    assert min(overlaps(behind, front)) > 0.97


def test_a_tool_that_comes_out_behind_another_is_one():
    """Its wrist and claspers touch only the side of the shaft that covers it."""
    behind = DrawnTool((330.0, 270.0), 1.4, width=44.0)
    front = DrawnTool((560.0, 200.0), 0.1, width=90.0)
    assert min(overlaps(behind, front)) > 0.9


def test_a_tool_whose_shaft_is_out_of_sight():
    """Only the claspers of one enter the image and lie on the wrist of the other."""
    near = DrawnTool((325.0, -60.0), 1.57, width=90.0)
    assert min(overlaps(LEFT, near)) > 0.85


def test_scraps_of_labels_do_not_make_tools():
    labels, instances = draw_tools(LEFT, DrawnTool((330.0, 420.0), -2.0, width=70.0), size=SIZE)
    rng = np.random.default_rng(3)
    for row, column in rng.integers(0, (512, 640), (200, 2)):
        patch = np.s_[row : row + 4, column : column + 4]
        labels[patch] = np.where(labels[patch] > 0, rng.integers(1, 4), 0)
    assert assemble(labels).max() == instances.max()


def test_noise_is_one_region():
    noise = np.random.default_rng(1).integers(0, 4, (512, 640)).astype(np.uint8)
    numbers = assemble(noise)
    np.testing.assert_array_equal(numbers, noise > 0)
