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


"""What the simulator knows and a camera does not, as messages: labels, instruments, tips."""

import cv2
from geometry_msgs.msg import Point
from geometry_msgs.msg import Pose
from geometry_msgs.msg import PoseArray
from geometry_msgs.msg import Quaternion
import numpy as np
from std_msgs.msg import Header

from surgseg_ros.msg import Instrument
from surgseg_ros.msg import InstrumentArray
from surgseg_ros.nodes.messages.instruments import region_to_instrument
from surgseg_ros.perception.region import fit_ellipse
from surgseg_ros.perception.region import on_image_border
from surgseg_ros.perception.region import outline
from surgseg_ros.perception.region import Region
from surgseg_ros.simulation import EyeFrame
from surgseg_ros.simulation import InstrumentTruth

MODEL_NAME = 'ground truth'


def truth_instruments(frame: EyeFrame, eye: str, index: int, header: Header) -> InstrumentArray:
    """
    Describe the visible instruments of one eye.

    Class ids are those of the label set ``types``, ``track_id`` is the value in the instance
    image, scores are 1 and the covariance of the centroid is 0.

    :param frame: what the eye sees
    :param eye: ``'left'`` or ``'right'``
    :param index: frame number
    :param header: of the image
    """
    height, width = frame.labels['instance'].shape
    return InstrumentArray(
        header=header,
        eye=eye,
        model=MODEL_NAME,
        image_width=width,
        image_height=height,
        frame_index=index,
        instruments=[
            _instrument(truth, frame.labels['instance'])
            for truth in frame.instruments
            if np.isfinite(truth.centroid_px).all()
        ],
    )


def truth_tips(frame: EyeFrame, header: Header) -> PoseArray:
    """
    Return where the tips are.

    One pose an instrument of the scene, visible or not, in the order of the instance ids: the
    midpoint between both jaw tips in m in the eye's optical frame. Orientations are identity.

    :param frame: what the eye sees
    :param header: of the image
    """
    return PoseArray(
        header=header,
        poses=[
            Pose(
                position=Point(**dict(zip('xyz', map(float, truth.tip), strict=True))),
                orientation=Quaternion(w=1.0),
            )
            for truth in frame.instruments
        ],
    )


def _instrument(truth: InstrumentTruth, instance: np.ndarray) -> Instrument:
    mask = (instance == truth.instance_id).view(np.uint8)
    x, y, width, height = cv2.boundingRect(mask)
    mask = mask[y : y + height, x : x + width]
    ellipse = fit_ellipse(mask, (x, y))
    boundary = outline(mask, (x, y))
    message = region_to_instrument(
        Region(
            class_id=truth.class_id,
            class_name=truth.class_name,
            score=1.0,
            instrument_index=0,
            centroid=ellipse.centroid,
            centroid_covariance=(0.0, 0.0, 0.0),
            orientation=ellipse.orientation,
            major_axis_length=ellipse.major_axis_length,
            minor_axis_length=ellipse.minor_axis_length,
            tip=(float(truth.tip_px[0]), float(truth.tip_px[1])),
            tip_valid=truth.tip_visible,
            jaw_tips=_pairs(truth.jaw_tips_px) if truth.tip_visible else (),
            bounding_box=(x, y, width, height),
            area=int(cv2.countNonZero(mask)),
            touches_border=bool(on_image_border(boundary, instance.shape[::-1]).any()),
        )
    )
    message.track_id = truth.instance_id
    return message


def _pairs(points: np.ndarray) -> tuple[tuple[float, float], ...]:
    return tuple((float(x), float(y)) for x, y in points)
