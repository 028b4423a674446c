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

"""
Standard messages of ``vision_msgs``, where that package is installed.

It is on no package index, so that :data:`AVAILABLE` is false in an environment without ROS 2.
"""

from collections.abc import Sequence
from typing import Any

from std_msgs.msg import Header

from surgseg_ros.data.label_sets import LabelSet
from surgseg_ros.msg import Instrument
from surgseg_ros.msg import InstrumentArray

try:
    from vision_msgs.msg import Detection2D
    from vision_msgs.msg import Detection2DArray
    from vision_msgs.msg import LabelInfo
    from vision_msgs.msg import ObjectHypothesisWithPose
    from vision_msgs.msg import VisionClass

    AVAILABLE = True
except ImportError:
    AVAILABLE = False


def make_label_info(label_set: LabelSet, threshold: float, header: Header) -> Any:
    """
    Make the ``LabelInfo`` of the label images.

    :param threshold: probability below which a pixel becomes background, [0, 1]
    """
    return LabelInfo(
        header=header,
        class_map=[
            VisionClass(class_id=class_id, class_name=name)
            for class_id, name in enumerate(label_set.class_names)
        ],
        threshold=threshold,
    )


def make_detections(array: InstrumentArray) -> Any:
    """
    Make the ``Detection2DArray`` of the instruments in one image.

    ``class_id`` is the decimal class id of the label image, or the class name of an instrument
    that was merged from several classes. Boxes are axis-aligned, ``theta`` is 0; ``id`` is the
    track id, empty when there is none.
    """
    return Detection2DArray(
        header=array.header,
        detections=[_detection(instrument, array.header) for instrument in array.instruments],
    )


def _detection(instrument: Instrument, header: Header) -> Any:
    detection = Detection2D(header=header, results=_hypotheses(instrument))
    box = instrument.bounding_box
    # Pixel centers have whole numbers: a box of one pixel at 0 is centered at 0.
    detection.bbox.center.position.x = box.x_offset + (box.width - 1) / 2
    detection.bbox.center.position.y = box.y_offset + (box.height - 1) / 2
    detection.bbox.size_x = float(box.width)
    detection.bbox.size_y = float(box.height)
    detection.id = '' if instrument.track_id < 0 else str(instrument.track_id)
    return detection


def _hypotheses(instrument: Instrument) -> Sequence[Any]:
    merged = instrument.class_id == Instrument.CLASS_MERGED
    result = ObjectHypothesisWithPose()
    result.hypothesis.class_id = instrument.class_name if merged else str(instrument.class_id)
    result.hypothesis.score = float(instrument.score)
    return [result]
