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

"""Instruments of messages as observations of a tracker, and tracks as instruments of messages."""

from collections.abc import Sequence
import copy
import math

import numpy as np

from surgseg_ros.msg import Instrument
from surgseg_ros.msg import InstrumentArray
from surgseg_ros.msg import Point2D
from surgseg_ros.msg import StereoInstrument
from surgseg_ros.msg import StereoInstrumentArray
from surgseg_ros.msg import StereoPoint
from surgseg_ros.nodes.messages.stereo import make_position
from surgseg_ros.nodes.messages.stereo import make_stereo_point
from surgseg_ros.nodes.messages.stereo import make_vector
from surgseg_ros.perception.observations import points_in_image
from surgseg_ros.perception.track import Observation
from surgseg_ros.perception.track import PointEstimate
from surgseg_ros.perception.track import Track
from surgseg_ros.perception.track import TrackedPoint

NOT_SEEN = -1

TrackedPoints = Sequence[TrackedPoint | None]


def observe_instruments(array: InstrumentArray) -> list[Observation]:
    """Return the instruments in an image: centroid, tip and entry, in px."""
    return [
        Observation(
            points_in_image(
                _xy(instrument.centroid),
                instrument.centroid_covariance,
                _xy(instrument.tip) if instrument.tip_valid else None,
                _xy(instrument.entry) if instrument.entry_valid else None,
                instrument.orientation,
                instrument.minor_axis_length,
            ),
            _type_name(instrument),
            instrument.score,
            index,
        )
        for index, instrument in enumerate(array.instruments)
    ]


def observe_stereo_instruments(array: StereoInstrumentArray) -> list[Observation]:
    """Return the instruments in space: centroid and tip, in m."""
    return [
        Observation(
            (_estimate_in_space(instrument.centroid), _estimate_in_space(instrument.tip)),
            _type_name(instrument),
            instrument.score,
            index,
        )
        for index, instrument in enumerate(array.instruments)
    ]


def tracked_instrument(last: Instrument, track: Track, points: TrackedPoints) -> Instrument:
    """
    Return an instrument of an image with what its track knows.

    :param last: as it was seen last
    :param points: centroid, tip and entry
    """
    instrument = copy.copy(last)
    centroid, tip, entry = points
    assert centroid is not None
    moved = centroid.position - (last.centroid.x, last.centroid.y)
    instrument.centroid = _pixel(centroid.position)
    instrument.centroid_covariance = _upper(centroid.covariance)
    instrument.velocity = _pixel(centroid.velocity)
    instrument.velocity_covariance = _upper(centroid.velocity_covariance)
    instrument.tip_valid = tip is not None
    instrument.tip = _pixel((math.nan, math.nan) if tip is None else tip.position)
    instrument.jaw_tips = [
        _pixel((jaw.x + moved[0], jaw.y + moved[1])) for jaw in last.jaw_tips if tip is not None
    ]
    instrument.entry_valid = entry is not None
    instrument.entry = _pixel((math.nan, math.nan) if entry is None else entry.position)
    return instrument


def tracked_stereo_instrument(
    last: StereoInstrument, track: Track, points: TrackedPoints
) -> StereoInstrument:
    """
    Return an instrument in space with what its track knows.

    :param last: as it was seen last
    :param points: centroid and tip
    """
    instrument = copy.copy(last)
    instrument.centroid, instrument.tip = (
        _tracked_point(before, point)
        for before, point in zip((last.centroid, last.tip), points, strict=True)
    )
    if track.index is None:
        instrument.left_index = instrument.right_index = NOT_SEEN
    return instrument


def _tracked_point(before: StereoPoint, point: TrackedPoint | None) -> StereoPoint:
    if point is None:
        return make_stereo_point(None)
    tracked = copy.copy(before)
    tracked.valid = True
    tracked.position = make_position(point.position)
    tracked.covariance = point.covariance.ravel()
    tracked.velocity = make_vector(point.velocity)
    tracked.velocity_covariance = point.velocity_covariance.ravel()
    return tracked


def _type_name(instrument: Instrument | StereoInstrument) -> str:
    is_merged = instrument.class_id == Instrument.CLASS_MERGED
    return '' if is_merged else str(instrument.class_name)


def _xy(point: Point2D) -> tuple[float, float]:
    return point.x, point.y


def _estimate_in_space(point: StereoPoint) -> PointEstimate | None:
    if not point.valid:
        return None
    position = point.position
    return PointEstimate(
        np.array([position.x, position.y, position.z]), np.reshape(point.covariance, (3, 3))
    )


def _pixel(values: Sequence[float] | np.ndarray) -> Point2D:
    return Point2D(x=float(values[0]), y=float(values[1]))


def _upper(matrix: np.ndarray) -> list[float]:
    """Return xx, xy and yy."""
    return [float(matrix[0, 0]), float(matrix[0, 1]), float(matrix[1, 1])]
