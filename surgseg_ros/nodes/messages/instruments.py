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

"""Conversion of found instruments to messages."""

from collections.abc import Sequence
import math

from sensor_msgs.msg import RegionOfInterest

from surgseg_ros.msg import Instrument
from surgseg_ros.msg import Point2D
from surgseg_ros.perception.region import Region

NOT_TRACKED = -1


def region_to_instrument(region: Region) -> Instrument:
    """
    Make the message of one region.

    :param region: pixel coordinates of the full input image
    :return: the message, not tracked
    """
    x, y, width, height = region.bounding_box
    return Instrument(
        class_id=int(region.class_id),
        class_name=region.class_name,
        score=float(region.score),
        instrument_index=int(region.instrument_index),
        track_id=NOT_TRACKED,
        centroid=_point(region.centroid),
        centroid_covariance=[float(value) for value in region.centroid_covariance],
        velocity=_point((math.nan, math.nan)),
        velocity_covariance=[math.nan] * 3,
        orientation=float(region.orientation),
        major_axis_length=float(region.major_axis_length),
        minor_axis_length=float(region.minor_axis_length),
        tip=_point(region.tip),
        tip_valid=bool(region.tip_valid),
        jaw_tips=[_point(tip) for tip in region.jaw_tips],
        jaw_angle=float(region.jaw_angle),
        entry=_point(region.entry),
        entry_valid=bool(region.entry_valid),
        shaft_edges=[_point(end) for edge in region.shaft_edges for end in edge],
        bounding_box=RegionOfInterest(
            x_offset=int(x), y_offset=int(y), width=int(width), height=int(height)
        ),
        area=int(region.area),
        touches_border=bool(region.touches_border),
    )


def _point(xy: Sequence[float]) -> Point2D:
    return Point2D(x=float(xy[0]), y=float(xy[1]))
