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

"""Tests of the edges of a shaft."""

from drawn_tools import draw_tools
from drawn_tools import DrawnTool
from drawn_tools import PARTS
import numpy as np
import pytest

from surgseg_ros.data.label_sets import get_label_set
from surgseg_ros.perception.instruments import find_instruments
from surgseg_ros.perception.shaft_edges import find_shaft_edges

WRIST = (340.0, 270.0)


def distances_to_edges(segments, tool):
    """Return how far the ends of both segments are from the tool's axis, (2, 2) px."""
    normal = np.array([-np.sin(tool.heading), np.cos(tool.heading)])
    return (np.array(segments) - tool.wrist) @ normal


@pytest.mark.parametrize('heading', np.linspace(-3.0, 3.0, 9))
@pytest.mark.parametrize('task', ['parts', 'binary'])
def test_the_edges_are_those_of_the_shaft(heading, task):
    tool = DrawnTool(WRIST, heading, opening=0.5)
    labels, _ = draw_tools(tool)
    if task == 'binary':
        labels = (labels > 0).astype(np.uint8)
    (found,) = find_instruments(labels, get_label_set(task)).instruments
    away = distances_to_edges(found.shaft_edges, tool)
    np.testing.assert_allclose(np.sort(away[:, 0]), [-30, 30], atol=0.8)
    np.testing.assert_allclose(np.sort(away[:, 1]), [-30, 30], atol=0.8)


def test_a_dent_in_the_outline_does_not_move_an_edge():
    tool = DrawnTool(WRIST, 0.0)
    labels, _ = draw_tools(tool)
    labels[225:250, 100:130] = PARTS.index('background')
    (found,) = find_instruments(labels, PARTS).instruments
    away = distances_to_edges(found.shaft_edges, tool)
    np.testing.assert_allclose(np.sort(away[:, 0]), [-30, 30], atol=1.0)


def test_what_has_no_straight_edges_has_none():
    angles = np.linspace(0, 2 * np.pi, 400)
    circle = 50 * np.column_stack((np.cos(angles), np.sin(angles)))
    rng = np.random.default_rng(1)
    assert find_shaft_edges(circle[:10], (0.0, 0.0), 0.0) == ()
    scattered = rng.uniform(-50, 50, (300, 2)) * (0.05, 1.0)
    assert find_shaft_edges(scattered, (0.0, 0.0), 0.0) == ()


def test_an_instrument_without_a_shaft_has_no_edges():
    labels, _ = draw_tools(DrawnTool(WRIST, 0.4))
    labels[labels == PARTS.index('shaft')] = 0
    (found, *_) = find_instruments(labels, PARTS).instruments
    assert found.shaft_edges == ()
