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

"""Tests of finding instruments in label images."""

import math

import cv2
from drawn_tools import draw_tools
from drawn_tools import DrawnTool
import numpy as np
import pytest

from surgseg_ros.data import get_label_set
from surgseg_ros.data.label_sets import UNLABELED
from surgseg_ros.perception import find_instruments

PARTS = get_label_set('parts')
BINARY = get_label_set('binary')
TYPES = get_label_set('types')


def _instrument(labels, start, wrist, jaw, tip, width):
    """Draw shaft, wrist and clasper of one tool."""
    cv2.line(labels, start, wrist, 1, width)
    cv2.line(labels, wrist, jaw, 2, width - 6)
    cv2.line(labels, jaw, tip, 3, 6)


@pytest.fixture
def two_tools():
    labels = np.zeros((512, 640), np.uint8)
    _instrument(labels, (0, 100), (200, 200), (240, 220), (300, 250), 30)
    _instrument(labels, (639, 500), (450, 400), (420, 380), (380, 340), 24)
    return labels


def test_nothing_in_an_empty_image():
    found = find_instruments(np.zeros((48, 64), np.uint8), PARTS)
    assert found.instruments == []
    assert found.parts == []


def test_parts_are_merged_into_instruments(two_tools):
    found = find_instruments(two_tools, PARTS)
    assert [region.class_name for region in found.instruments] == ['instrument'] * 2
    first, second = found.instruments
    assert first.area > second.area
    assert first.area + second.area == np.count_nonzero(two_tools)
    assert all(region.touches_border for region in found.instruments)
    own = [part for part in found.parts if part.instrument_index == 0]
    assert [part.class_name for part in own] == ['shaft', 'wrist', 'clasper']
    assert sum(part.area for part in own) == first.area


@pytest.mark.parametrize('scale', [1, 2, 3])
def test_tools_that_touch_are_told_apart(scale):
    """Beyond scale 1 not all pixels are looked at for it."""
    tools = (
        DrawnTool((300.0 * scale, 250.0 * scale), 0.2, width=50.0 * scale, opening=0.5),
        DrawnTool((240.0 * scale, 310.0 * scale), -1.9, width=40.0 * scale),
    )
    labels, instances = draw_tools(*tools, size=(640 * scale, 512 * scale))
    found = find_instruments(labels, PARTS)
    assert len(found.instruments) == 2
    assert sum(region.area for region in found.instruments) == np.count_nonzero(labels)
    for number, tool in enumerate(tools, 1):
        rows, columns = np.nonzero(instances == number)
        truth = columns.mean(), rows.mean()
        index = np.argmin([math.dist(region.centroid, truth) for region in found.instruments])
        assert math.dist(found.instruments[index].centroid, truth) < 3.0 * scale
        own = [part.class_name for part in found.parts if part.instrument_index == index]
        assert set(own) == {'shaft', 'wrist', 'clasper'}
        tip = found.instruments[index].tip
        assert math.dist(tip, tool.jaw_tips.mean(axis=0)) < 2.0 * scale


BEHIND = DrawnTool((420.0, 250.0), 0.1, width=50.0)


@pytest.mark.parametrize('width', [40.0, 90.0])
def test_a_tool_cut_in_two_by_another_class_is_one(width):
    front = DrawnTool((300.0, 120.0), -1.5, width=width)
    _, classes = draw_tools(BEHIND, front)
    first, second = find_instruments(classes, TYPES).instruments
    assert {first.area, second.area} == {np.count_nonzero(classes == number) for number in (1, 2)}
    behind = first if first.class_id == 1 else second
    rows, columns = np.nonzero(classes == 1)
    assert behind.centroid == pytest.approx((columns.mean(), rows.mean()))
    assert math.dist(behind.tip, BEHIND.jaw_tips.mean(axis=0)) < 2.0


def test_what_background_or_a_long_way_parts_stays_apart():
    labels, _ = draw_tools(BEHIND)
    cut = (labels > 0).astype(np.uint8)
    cut[:, 300:320] = 0
    assert len(find_instruments(cut, TYPES).instruments) == 2
    cut[:, 300:320] = UNLABELED
    assert len(find_instruments(cut, TYPES).instruments) == 2
    cut[:, 30:-1] = 2
    cut[200:220, 600:615] = 1
    assert [region.class_id for region in find_instruments(cut, TYPES).instruments].count(1) == 2


def test_the_pieces_of_noise_are_not_joined():
    labels = np.full((300, 400), 2, np.uint8)
    labels[10:290:20, 10:390:20] = 1
    found = find_instruments(labels, TYPES, min_area=1).instruments
    assert [region.class_id for region in found].count(1) == 14 * 19


def test_both_pieces_that_enter_the_image_stay_apart():
    labels = np.zeros((100, 200), np.uint8)
    labels[40:60] = 1
    labels[:, 90:110] = 2
    classes = [region.class_id for region in find_instruments(labels, TYPES).instruments]
    assert sorted(classes) == [1, 1, 2]


def test_a_window_at_the_image_border_makes_no_second_tool():
    labels = np.zeros((512, 640), np.uint8)
    labels[220:300, :60] = 1
    labels[235:285, 10:150] = 2
    labels[245:275, 150:260] = 3
    labels[245:275, :10] = 0
    found = find_instruments(labels, PARTS)
    assert [region.area for region in found.instruments] == [np.count_nonzero(labels)]


def test_no_tip_behind_another_tool():
    behind = DrawnTool((200.0, 250.0), 0.1, width=50.0)
    front = DrawnTool((330.0, 180.0), -1.57, width=40.0)
    labels, _ = draw_tools(behind, front)
    covered, free = sorted(
        find_instruments(labels, PARTS).instruments, key=lambda tool: tool.centroid[0]
    )
    assert not covered.tip_valid
    assert free.tip_valid


@pytest.mark.parametrize('opening', [0.0, 0.6])
def test_the_tip_without_parts_is_between_the_jaws(opening):
    tool = DrawnTool((300.0, 250.0), 0.4, opening=opening)
    labels, _ = draw_tools(tool)
    (region,) = find_instruments((labels > 0).astype(np.uint8), BINARY).instruments
    assert region.tip_valid
    assert math.dist(region.tip, tool.jaw_tips.mean(axis=0)) < 2.0
    if opening:
        assert len(region.jaw_tips) == 2
        assert region.jaw_angle == pytest.approx(opening, abs=0.06)
    else:
        assert len(region.jaw_tips) == 1
        assert math.isnan(region.jaw_angle)


@pytest.mark.parametrize(
    ('heading', 'entry'), [(0.0, (0.0, 240.0)), (math.pi, (639.0, 240.0)), (1.57, (300.0, 0.0))]
)
def test_the_entry_is_where_the_shaft_crosses_the_border(heading, entry):
    tool = DrawnTool((300.0, 240.0), heading)
    labels, _ = draw_tools(tool)
    (region,) = find_instruments(labels, PARTS).instruments
    assert region.entry_valid
    assert region.entry == pytest.approx(entry, abs=1.0)


def test_what_floats_freely_has_no_entry():
    labels = np.zeros((200, 300), np.uint8)
    labels[50:90, 60:200] = 1
    (region,) = find_instruments(labels, BINARY).instruments
    assert not region.entry_valid
    assert math.isnan(region.entry[0])


def test_centroids_equal_the_mean_of_the_pixels(two_tools):
    _, ids = cv2.connectedComponents((two_tools > 0).astype(np.uint8), connectivity=8)
    expected = sorted(tuple(np.argwhere(ids == index).mean(axis=0)[::-1]) for index in (1, 2))
    found = sorted(region.centroid for region in find_instruments(two_tools, PARTS).instruments)
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_part_geometry_equals_that_of_the_part_alone(two_tools):
    for part in find_instruments(two_tools, PARTS).parts:
        x, y, width, height = part.bounding_box
        box = two_tools[y : y + height, x : x + width]
        rows, columns = np.nonzero(box == part.class_id)
        assert part.area == len(rows)
        assert part.centroid == pytest.approx((columns.mean() + x, rows.mean() + y))


def test_tip_is_the_end_of_the_claspers(two_tools):
    first, second = find_instruments(two_tools, PARTS).instruments
    assert first.tip_valid
    assert first.tip == pytest.approx((300, 250), abs=6)
    assert second.tip == pytest.approx((380, 340), abs=6)


def test_no_tip_without_claspers():
    labels = np.zeros((100, 200), np.uint8)
    cv2.line(labels, (0, 50), (100, 50), 1, 20)
    (tool,) = find_instruments(labels, PARTS).instruments
    assert not tool.tip_valid
    assert all(math.isnan(value) for value in tool.tip)


def test_no_tip_where_the_claspers_leave_the_image():
    labels = np.zeros((100, 200), np.uint8)
    cv2.line(labels, (100, 50), (150, 50), 1, 20)
    cv2.line(labels, (150, 50), (199, 50), 3, 10)
    (tool,) = find_instruments(labels, PARTS).instruments
    assert not tool.tip_valid


def test_binary_tip_is_the_end_away_from_the_border():
    labels = np.zeros((100, 200), np.uint8)
    cv2.rectangle(labels, (0, 40), (120, 50), 1, -1)
    (tool,) = find_instruments(labels, BINARY).instruments
    assert tool.class_name == 'instrument'
    assert tool.class_id == 1
    assert tool.tip_valid
    assert tool.tip[0] == 120
    assert tool.orientation == pytest.approx(0, abs=1e-6)
    assert tool.bounding_box == (0, 40, 121, 11)


def test_a_free_floating_region_has_no_known_tip():
    labels = np.zeros((100, 200), np.uint8)
    cv2.rectangle(labels, (50, 40), (120, 50), 1, -1)
    (tool,) = find_instruments(labels, BINARY).instruments
    assert not tool.touches_border
    assert not tool.tip_valid


def test_classes_of_other_tasks_stay_apart():
    """Two types side by side are two instruments, not one."""
    labels = np.zeros((100, 200), np.uint8)
    labels[20:60, 20:60] = 2
    labels[20:60, 60:90] = 5
    found = find_instruments(labels, get_label_set('types'))
    assert [r.class_name for r in found.instruments] == ['prograsp forceps', 'grasping retractor']
    assert found.parts == []


def test_small_regions_are_left_out():
    labels = np.zeros((100, 200), np.uint8)
    labels[10:19, 10:20] = 1
    labels[50:60, 50:60] = 1
    assert len(find_instruments(labels, BINARY, min_area=100).instruments) == 1
    assert len(find_instruments(labels, BINARY, min_area=90).instruments) == 2
    assert find_instruments(labels, BINARY, min_area=101).instruments == []


def test_unlabeled_pixels_are_nobodys():
    labels = np.full((100, 200), 255, np.uint8)
    labels[50:70, 50:70] = 1
    (tool,) = find_instruments(labels, PARTS).instruments
    assert tool.area == 400


def test_score_is_the_mean_confidence_of_the_region():
    labels = np.zeros((100, 200), np.uint8)
    labels[50:70, 50:70] = 1
    confidence = np.zeros((100, 200), np.uint8)
    confidence[50:70, 50:60] = 255
    confidence[50:70, 60:70] = 51
    (tool,) = find_instruments(labels, BINARY, confidence).instruments
    assert tool.score == pytest.approx(0.6)
    assert find_instruments(labels, BINARY).instruments[0].score == 1.0


def test_a_region_inside_the_hole_of_another_is_its_own():
    labels = np.zeros((100, 200), np.uint8)
    labels[10:90, 10:90] = 1
    labels[30:70, 30:70] = 0
    labels[40:60, 40:60] = 1
    ring, island = find_instruments(labels, BINARY).instruments
    assert ring.area == 80 * 80 - 40 * 40
    assert island.area == 400
    assert ring.centroid == pytest.approx((49.5, 49.5))
    assert island.bounding_box == (40, 40, 20, 20)
