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
"""The ends of the jaws."""

import math

from drawn_tools import draw_tools
from drawn_tools import DrawnTool
from drawn_tools import PARTS
import numpy as np
import pytest

from surgseg_ros.perception.jaws import find_jaws

WRIST = np.array([320.0, 256.0])


def jaws_of(tool, names=('clasper',)):
    labels, _ = draw_tools(tool)
    mask = np.isin(labels, [PARTS.index(name) for name in names]).view(np.uint8)
    return find_jaws(mask, (0, 0), WRIST)


@pytest.mark.parametrize('heading', np.linspace(-3.0, 3.0, 7))
@pytest.mark.parametrize('opening', [0.4, 0.8, 1.2])
def test_open_jaws(heading, opening):
    tool = DrawnTool(tuple(WRIST), heading, opening=opening)
    jaws = jaws_of(tool)
    distances = np.linalg.norm(np.array(jaws.tips)[:, None] - tool.jaw_tips, axis=2)
    assert distances.min(axis=0).max() < 2.0
    np.testing.assert_allclose(jaws.tip, tool.jaw_tips.mean(axis=0), atol=1.5)
    assert jaws.angle == pytest.approx(opening, abs=0.06)


@pytest.mark.parametrize('heading', np.linspace(-3.0, 3.0, 7))
def test_closed_jaws_end_in_their_middle(heading):
    tool = DrawnTool(tuple(WRIST), heading)
    jaws = jaws_of(tool)
    assert len(jaws.tips) == 1
    assert math.isnan(jaws.angle)
    np.testing.assert_allclose(jaws.tip, tool.jaw_tips.mean(axis=0), atol=1.5)


def test_jaws_of_a_mask_without_parts():
    tool = DrawnTool(tuple(WRIST), 0.5, opening=0.6)
    jaws = jaws_of(tool, ('wrist', 'clasper'))
    assert len(jaws.tips) == 2
    np.testing.assert_allclose(jaws.tip, tool.jaw_tips.mean(axis=0), atol=1.5)


def test_a_speck_of_a_jaw_is_no_second_jaw():
    labels, _ = draw_tools(DrawnTool(tuple(WRIST), 0.0))
    mask = (labels == PARTS.index('clasper')).view(np.uint8)
    mask[250:254, 385:389] = 0
    mask[300:304, 400:404] = 1
    assert len(find_jaws(mask, (0, 0), WRIST).tips) == 1


def test_one_pixel_is_its_own_tip():
    jaws = find_jaws(np.ones((1, 1), np.uint8), (7, 9), np.array([0.0, 0.0]))
    assert jaws.tips == ((7.0, 9.0),)


def test_a_jaw_inside_the_opening_of_the_other():
    """As a network may label a fenestrated jaw in front of the other one."""
    mask = np.zeros((200, 300), np.uint8)
    mask[20:180, 20:280] = 1
    mask[40:160, 40:260] = 0
    mask[60:140, 200:250] = 1
    jaws = find_jaws(mask, (0, 0), np.array([10.0, 100.0]))
    assert np.isfinite(jaws.tip).all()
    ends = sorted(jaws.tips)
    assert ends[-1] == pytest.approx((279.0, 100.0), abs=3.0)
