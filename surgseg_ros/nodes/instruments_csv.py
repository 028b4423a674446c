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

"""Instruments as a table: one CSV row an instrument and eye."""

import csv
from pathlib import Path
from typing import Any

from surgseg_ros.msg import Instrument
from surgseg_ros.msg import InstrumentArray

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
)
"""Units are those of ``Instrument.msg``: px, px^2, rad; ``stamp`` is in s with all nine digits."""


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
            self._writer.writerow([*_frame_cells(message), *_instrument_cells(instrument)])
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _frame_cells(message: InstrumentArray) -> list[Any]:
    stamp = message.header.stamp
    return [
        f'{stamp.sec}.{stamp.nanosec:09d}',
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
