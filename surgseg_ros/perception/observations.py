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

"""What the trackers take of the instruments that were found."""

from collections.abc import Sequence

import numpy as np

from surgseg_ros.perception.region import Region
from surgseg_ros.perception.region import tip_covariance
from surgseg_ros.perception.stereo import StereoInstrument
from surgseg_ros.perception.stereo import StereoPoint
from surgseg_ros.perception.track import Observation
from surgseg_ros.perception.track import PointEstimate
from surgseg_ros.perception.track import UNKNOWN_CLASSES

ENTRY_STD_WIDTHS = 0.1
"""Standard deviation of where an instrument enters the image, in minor axis lengths."""
MIN_ENTRY_STD_PX = 2.0


def observe_regions(regions: Sequence[Region]) -> list[Observation]:
    """
    Return what a tracker in the image takes: centroid, tip and entry, in px.

    :param regions: instruments of one image, in the order of their message
    """
    return [
        Observation(
            points_in_image(
                region.centroid,
                region.centroid_covariance,
                region.tip if region.tip_valid else None,
                region.entry if region.entry_valid else None,
                region.orientation,
                region.minor_axis_length,
            ),
            _class_name(region),
            region.score,
            index,
        )
        for index, region in enumerate(regions)
    ]


def observe_in_space(instruments: Sequence[StereoInstrument]) -> list[Observation]:
    """
    Return what a tracker in space takes: centroid and tip, in m.

    :param instruments: of one pair of images, in the order of their message
    """
    return [
        Observation(
            (_estimate(item.centroid), None if item.tip is None else _estimate(item.tip)),
            _class_name(item.region),
            item.region.score,
            index,
        )
        for index, item in enumerate(instruments)
    ]


def points_in_image(
    centroid: Sequence[float],
    centroid_covariance: Sequence[float],
    tip: Sequence[float] | None,
    entry: Sequence[float] | None,
    orientation: float,
    minor_axis_length: float,
) -> tuple[PointEstimate | None, ...]:
    """
    Return the points of an instrument in the image, each in its place.

    :param centroid: (x, y) px
    :param centroid_covariance: (xx, xy, yy) px^2
    :param tip: (x, y) px, ``None`` if it is not seen
    :param entry: (x, y) px, likewise
    :param orientation: principal axis in rad, from +x towards +y
    :param minor_axis_length: px
    """
    xx, xy, yy = centroid_covariance
    entry_std = max(ENTRY_STD_WIDTHS * minor_axis_length, MIN_ENTRY_STD_PX)
    return (
        PointEstimate(np.array(centroid, float), np.array([[xx, xy], [xy, yy]], float)),
        None
        if tip is None
        else PointEstimate(np.array(tip, float), tip_covariance(orientation, minor_axis_length)),
        None if entry is None else PointEstimate(np.array(entry, float), entry_std**2 * np.eye(2)),
    )


def _class_name(region: Region) -> str:
    """Return the type of an instrument, empty if its pixels tell parts and no type."""
    return '' if region.class_name in UNKNOWN_CLASSES else region.class_name


def _estimate(point: StereoPoint) -> PointEstimate:
    return PointEstimate(point.position, point.covariance)
