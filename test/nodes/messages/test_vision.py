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

import pytest

REASON = 'vision_msgs is not installed; it comes with ROS 2 and is not on PyPI'
pytest.importorskip('vision_msgs.msg', reason=REASON)

from std_msgs.msg import Header  # noqa: E402
from surgseg_ros.msg import Instrument  # noqa: E402
from surgseg_ros.msg import InstrumentArray  # noqa: E402

from surgseg_ros.data.label_sets import get_label_set  # noqa: E402
from surgseg_ros.nodes.messages.vision import make_detections  # noqa: E402
from surgseg_ros.nodes.messages.vision import make_label_info  # noqa: E402


def test_label_info_lists_every_class():
    info = make_label_info(get_label_set('parts'), 0.25, Header(frame_id='camera'))
    assert [(entry.class_id, entry.class_name) for entry in info.class_map] == [
        (0, 'background'),
        (1, 'shaft'),
        (2, 'wrist'),
        (3, 'clasper'),
    ]
    assert info.threshold == 0.25
    assert info.header.frame_id == 'camera'


def test_detections_carry_header_box_and_class():
    single = Instrument(class_id=4, class_name='vessel sealer', score=0.5, track_id=-1)
    single.bounding_box.x_offset, single.bounding_box.width = 10, 3
    single.bounding_box.y_offset, single.bounding_box.height = 20, 4
    merged = Instrument(
        class_id=Instrument.CLASS_MERGED, class_name='instrument', score=0.75, track_id=7
    )
    array = InstrumentArray(instruments=[single, merged])
    array.header.stamp.nanosec = 123
    detections = make_detections(array)
    assert detections.header == array.header
    assert all(detection.header == array.header for detection in detections.detections)
    first, second = detections.detections
    assert (first.bbox.center.position.x, first.bbox.center.position.y) == (11.0, 21.5)
    assert (first.bbox.size_x, first.bbox.size_y, first.bbox.center.theta) == (3.0, 4.0, 0.0)
    assert (first.results[0].hypothesis.class_id, first.results[0].hypothesis.score) == ('4', 0.5)
    assert (first.id, second.id) == ('', '7')
    assert second.results[0].hypothesis.class_id == 'instrument'
