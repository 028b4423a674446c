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

"""The parameters of the tracking node: one table, from which the node declares them all."""

from surgseg_ros.nodes.common.parameters import Change
from surgseg_ros.nodes.common.parameters import NodeParameter
from surgseg_ros.perception.tracking import TrackerOptions

SOURCES = ('left', 'right', 'stereo')
STEREO = 'stereo'
WIDTHS = TrackerOptions.for_pixels(1)
METERS = TrackerOptions.for_metres()

PARAMETERS = (
    NodeParameter(
        'sources',
        list(SOURCES),
        'What is tracked: instruments in the image of an eye, or in space.',
        choices=SOURCES,
    ),
    NodeParameter(
        'prediction_ms',
        0.0,
        'Publish ~/<source>/predicted_instruments, this long after the images (ms); 0: do not.',
        Change.ALWAYS,
        bounds=(0.0, 2000.0),
    ),
    NodeParameter(
        'confirm_frames',
        METERS.confirm_frames,
        'Images in which an instrument was seen before it is published.',
        Change.ALWAYS,
        bounds=(1, 100),
    ),
    NodeParameter(
        'coast_s',
        METERS.coast_s,
        'How long an instrument that is not seen is published (s).',
        Change.ALWAYS,
        bounds=(0.0, 60.0),
    ),
    NodeParameter(
        'max_gap_s',
        METERS.max_gap_s,
        'After how long an instrument that is not seen loses its id; larger steps of the stamps '
        'reset the tracks (s).',
        Change.ALWAYS,
        bounds=(0.01, 600.0),
    ),
    NodeParameter(
        'fade_s',
        METERS.fade_s,
        'Time constant with which the velocity of an instrument fades that is not seen (s).',
        Change.ALWAYS,
        bounds=(0.01, 60.0),
    ),
    NodeParameter(
        'gate_probability',
        METERS.gate_probability,
        'Probability with which an instrument is found again where it is expected.',
        Change.ALWAYS,
        bounds=(0.5, 0.999999),
    ),
    NodeParameter(
        'class_cost',
        METERS.class_cost,
        'Cost of another class, in squared standard deviations.',
        Change.ALWAYS,
        bounds=(0.0, 1000.0),
    ),
    NodeParameter(
        'acceleration_m',
        METERS.acceleration_std,
        'Standard deviation of the acceleration in space (m/s^2).',
        Change.ALWAYS,
        bounds=(0.001, 100.0),
    ),
    NodeParameter(
        'acceleration_widths',
        WIDTHS.acceleration_std,
        'Standard deviation of the acceleration in the image (image widths/s^2).',
        Change.ALWAYS,
        bounds=(0.001, 1000.0),
    ),
    NodeParameter(
        'input_timeout_s',
        5.0,
        'Warn when no message of a source came for this long (s).',
        Change.ALWAYS,
        bounds=(0.1, 3600.0),
    ),
)
