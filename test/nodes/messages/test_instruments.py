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

import math

import pytest

pytest.importorskip('rclpy')

from surgseg_ros.msg import Instrument

from surgseg_ros.nodes.messages.instruments import region_to_instrument
from surgseg_ros.perception.region import Region
from surgseg_ros.perception.region import WHOLE_INSTRUMENT


def test_every_field_of_a_region_arrives():
    msg = region_to_instrument(
        Region(
            class_id=2,
            class_name='wrist',
            score=0.75,
            instrument_index=3,
            centroid=(10.25, 20.5),
            centroid_covariance=(1.5, -0.25, 2.0),
            orientation=-0.5,
            major_axis_length=40.0,
            minor_axis_length=8.0,
            tip=(30.0, 40.0),
            tip_valid=True,
            bounding_box=(5, 6, 70, 80),
            area=1234,
            touches_border=True,
            jaw_tips=((25.0, 38.0), (35.0, 42.0)),
            jaw_angle=0.5,
            entry=(0.0, 12.5),
            entry_valid=True,
        )
    )
    assert (msg.class_id, msg.class_name, msg.score) == (2, 'wrist', 0.75)
    assert msg.instrument_index == 3
    assert (msg.track_id, msg.track_age) == (-1, 0)
    assert (msg.centroid.x, msg.centroid.y) == (10.25, 20.5)
    assert list(msg.centroid_covariance) == [1.5, -0.25, 2.0]
    assert (msg.orientation, msg.major_axis_length, msg.minor_axis_length) == (-0.5, 40.0, 8.0)
    assert (msg.tip.x, msg.tip.y, msg.tip_valid) == (30.0, 40.0, True)
    assert [(tip.x, tip.y) for tip in msg.jaw_tips] == [(25.0, 38.0), (35.0, 42.0)]
    assert msg.jaw_angle == 0.5
    assert (msg.entry.x, msg.entry.y, msg.entry_valid) == (0.0, 12.5, True)
    box = msg.bounding_box
    assert (box.x_offset, box.y_offset, box.width, box.height) == (5, 6, 70, 80)
    assert (msg.area, msg.touches_border) == (1234, True)


def test_a_tip_that_is_not_there_stays_nan():
    msg = region_to_instrument(
        Region(
            WHOLE_INSTRUMENT,
            'instrument',
            1.0,
            0,
            (1.0, 1.0),
            (1.0, 0.0, 1.0),
            0.0,
            2.0,
            2.0,
            (math.nan, math.nan),
            False,
            (0, 0, 2, 2),
            4,
            False,
        )
    )
    assert msg.class_id == Instrument.CLASS_MERGED
    assert not msg.tip_valid
    assert math.isnan(msg.tip.x)
    assert len(msg.jaw_tips) == 0
    assert math.isnan(msg.jaw_angle)
    assert not msg.entry_valid
    assert math.isnan(msg.entry.x)
