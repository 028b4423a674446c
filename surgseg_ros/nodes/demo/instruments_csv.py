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

"""Instruments as a table: one CSV row an instrument and eye, and one a position in space."""

import csv
from pathlib import Path
from typing import Any

from surgseg_ros.msg import Instrument
from surgseg_ros.msg import InstrumentArray
from surgseg_ros.msg import StereoInstrument
from surgseg_ros.msg import StereoInstrumentArray

COLUMNS = (
    'stamp',
    'frame_id',
    'eye',
    'frame_index',
    'class_id',
    'class_name',
    'score',
    'track_id',
    'centroid_x',
    'centroid_y',
    'centroid_variance_xx',
    'centroid_variance_xy',
    'centroid_variance_yy',
    'orientation',
    'major_axis_length',
    'minor_axis_length',
    'tip_x',
    'tip_y',
    'tip_valid',
    'jaw_angle',
    'entry_x',
    'entry_y',
    'entry_valid',
    'box_x',
    'box_y',
    'box_width',
    'box_height',
    'area',
    'touches_border',
    'position_x',
    'position_y',
    'position_z',
    'position_variance_xx',
    'position_variance_yy',
    'position_variance_zz',
    'reprojection_error',
    'velocity_x',
    'velocity_y',
    'velocity_z',
    'tip_position_x',
    'tip_position_y',
    'tip_position_z',
    'time_since_seen',
)
"""
Units are those of ``Instrument.msg`` and ``StereoInstrument.msg``: px, px^2, rad, m, m^2, m/s.

``stamp`` is in s with all nine digits. The ``eye`` of a position is ``stereo``; its pixels are
those of the left image. What a row does not know is empty.
"""

STEREO = 'stereo'


class InstrumentsCsv:
    """
    Write the instruments of every message to a CSV file; each message is on disk at once.

    :param path: the file, replaced if it exists
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open('w', newline='', encoding='utf-8')
        self._writer = csv.writer(self._file)
        self._writer.writerow(COLUMNS)
        self._file.flush()

    def write(self, message: InstrumentArray) -> None:
        """Append one row for each instrument of a message."""
        for instrument in message.instruments:
            cells = [*_frame_cells(message), *_instrument_cells(instrument)]
            self._writer.writerow([*cells, *[''] * (len(COLUMNS) - len(cells))])
        self._file.flush()

    def write_positions(self, message: StereoInstrumentArray) -> None:
        """Append one row for each instrument in space of a message."""
        for instrument in message.instruments:
            cells = {**_position_frame_cells(message), **_position_cells(instrument)}
            self._writer.writerow([cells.get(column, '') for column in COLUMNS])
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _frame_cells(message: InstrumentArray) -> list[Any]:
    return [
        _seconds(message.header.stamp),
        message.header.frame_id,
        message.eye,
        message.frame_index,
    ]


def _instrument_cells(instrument: Instrument) -> list[Any]:
    box = instrument.bounding_box
    return [
        instrument.class_id,
        instrument.class_name,
        instrument.score,
        instrument.track_id,
        instrument.centroid.x,
        instrument.centroid.y,
        *instrument.centroid_covariance.tolist(),
        instrument.orientation,
        instrument.major_axis_length,
        instrument.minor_axis_length,
        instrument.tip.x,
        instrument.tip.y,
        instrument.tip_valid,
        instrument.jaw_angle,
        instrument.entry.x,
        instrument.entry.y,
        instrument.entry_valid,
        box.x_offset,
        box.y_offset,
        box.width,
        box.height,
        instrument.area,
        instrument.touches_border,
    ]


def _position_frame_cells(message: StereoInstrumentArray) -> dict[str, Any]:
    return {
        'stamp': _seconds(message.header.stamp),
        'frame_id': message.header.frame_id,
        'eye': STEREO,
        'frame_index': message.pair_index,
    }


def _position_cells(instrument: StereoInstrument) -> dict[str, Any]:
    centroid, tip = instrument.centroid, instrument.tip
    cells = {
        'class_id': instrument.class_id,
        'class_name': instrument.class_name,
        'score': instrument.score,
        'track_id': instrument.track_id,
        'centroid_x': centroid.left.x,
        'centroid_y': centroid.left.y,
        'tip_valid': tip.valid,
        'reprojection_error': centroid.reprojection_error,
        'time_since_seen': instrument.time_since_seen,
        **_axes('position', centroid.position),
        **_axes('velocity', centroid.velocity),
    }
    for name, index in (('xx', 0), ('yy', 4), ('zz', 8)):
        cells[f'position_variance_{name}'] = float(centroid.covariance[index])
    if tip.valid:
        cells |= {'tip_x': tip.left.x, 'tip_y': tip.left.y, **_axes('tip_position', tip.position)}
    return cells


def _axes(name: str, vector: Any) -> dict[str, float]:
    return {f'{name}_{axis}': getattr(vector, axis) for axis in 'xyz'}


def _seconds(stamp: Any) -> str:
    return f'{stamp.sec}.{stamp.nanosec:09d}'
