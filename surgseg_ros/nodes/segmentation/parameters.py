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

"""The parameters of the segmentation node: one table, from which the node declares them all."""

import re

from surgseg_ros.calibration.baseline import ENDOSCOPE
from surgseg_ros.calibration.baseline import parse_limits
from surgseg_ros.decoding.bit_depth import WHOLE_RANGE
from surgseg_ros.inference.backend_selection import AUTO
from surgseg_ros.inference.backends import BACKENDS
from surgseg_ros.inference.checkpoints import DEFAULT_CHECKPOINT
from surgseg_ros.inference.crop import parse_crop
from surgseg_ros.inference.devices import PRECISIONS
from surgseg_ros.nodes.common.parameters import Change
from surgseg_ros.nodes.common.parameters import NodeParameter
from surgseg_ros.perception.image_quality import DEFAULT_BLACK_BELOW
from surgseg_ros.perception.image_quality import DEFAULT_BLURRED_BELOW
from surgseg_ros.perception.image_quality import DEFAULT_FROZEN_AFTER_S
from surgseg_ros.perception.image_quality import DEFAULT_OVEREXPOSED_ABOVE
from surgseg_ros.perception.instruments import DEFAULT_MIN_AREA
from surgseg_ros.perception.overlay import DEFAULT_ALPHA
from surgseg_ros.perception.stereo_matching import StereoOptions

RAW, COMPRESSED, RECTIFIED, OFF = 'raw', 'compressed', 'rectified', 'off'
DEFAULT_STEREO = StereoOptions()
EIGHT_K_PIXELS = 7680 * 4320
DDS_IMAGE_PIXELS = 2**28
"""More pixels than any camera has; three bytes each, they still fit one DDS message."""


def _parse_sha256(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch('([0-9a-fA-F]{64})?', value):
        raise ValueError(
            f'{value!r} is no SHA-256: it has 64 hexadecimal digits, as sha256sum prints them'
        )
    return value


_INPUT = (
    NodeParameter(
        'eyes',
        ['left', 'right'],
        'Cameras to subscribe to; [left] for a mono rig.',
        choices=('left', 'right'),
    ),
    NodeParameter(
        'image_transport',
        RAW,
        'raw: sensor_msgs/Image on <eye>/image_raw; compressed: JPEG or PNG on '
        '<eye>/image_raw/compressed.',
        choices=(RAW, COMPRESSED),
    ),
    NodeParameter(
        'reliability',
        'best_effort',
        'QoS of the image subscriptions; best_effort matches every camera driver.',
        choices=('best_effort', 'reliable'),
    ),
    NodeParameter(
        'max_image_pixels',
        EIGHT_K_PIXELS,
        'Reject larger images before they are decoded (px).',
        Change.ALWAYS,
        bounds=(1, DDS_IMAGE_PIXELS),
    ),
    NodeParameter(
        'bits',
        0,
        'Bits of 16-bit samples that the camera fills, from below: 10, 12 or 14; 16: all of them; '
        '0: all, with a warning where the images come out nearly black.',
        Change.ALWAYS,
        bounds=(0, WHOLE_RANGE),
    ),
    NodeParameter(
        'crop',
        'none',
        'Part of the image that the network sees: none (all of it), auto (without the black '
        'border) or [x, y, width, height] (px). Outputs keep the pixels of the whole image.',
        Change.ALWAYS,
        parse=parse_crop,
    ),
    NodeParameter(
        'max_image_age_ms',
        0.0,
        'Drop images whose stamp is older than this (ms); 0: never.',
        Change.ALWAYS,
        bounds=(0.0, 10_000.0),
    ),
    NodeParameter(
        'pair_wait_ms',
        0.0,
        "Wait up to this long for the other eye's image of the same moment (ms); 0: never.",
        Change.ALWAYS,
        bounds=(0.0, 1000.0),
    ),
    NodeParameter(
        'pair_tolerance_ms',
        15.0,
        'Images whose stamps differ by no more than this are of the same moment (ms).',
        Change.ALWAYS,
        bounds=(0.0, 1000.0),
    ),
)

_NETWORK = (
    NodeParameter(
        'checkpoint',
        DEFAULT_CHECKPOINT,
        'Weights: a file or folder, see docs/checkpoints.md, or the name of a shipped checkpoint.',
        Change.UNCONFIGURED,
    ),
    NodeParameter(
        'checkpoint_sha256',
        '',
        'SHA-256 that the file of the checkpoint must have, 64 hexadecimal digits; empty: any.',
        parse=_parse_sha256,
    ),
    NodeParameter(
        'checkpoint_directory',
        '',
        'Once the node runs, checkpoints are taken from below this folder only, or from the '
        'shipped ones; empty: from anywhere.',
    ),
    NodeParameter(
        'branch',
        'main',
        'Output of the network: main is exact, auxiliary is faster and coarser; auto: the best '
        'that keeps the deadline, at half the size where it must.',
        Change.UNCONFIGURED,
        choices=('main', 'auxiliary', AUTO),
    ),
    NodeParameter(
        'deadline_ms',
        0.0,
        'For branch auto: from the reception of an image to its result (ms); 0: the interval of '
        "the camera's images.",
        Change.ALWAYS,
        bounds=(0.0, 10_000.0),
    ),
    NodeParameter(
        'device',
        'auto',
        'cpu, cuda, cuda:<index>, or auto: CUDA when there is one, else CPU.',
        Change.UNCONFIGURED,
    ),
    NodeParameter(
        'backend',
        AUTO,
        'Library that runs the network; auto: the fastest of those installed, measured once.',
        Change.UNCONFIGURED,
        choices=(AUTO, *BACKENDS),
    ),
    NodeParameter(
        'precision',
        AUTO,
        'Number format of the network; auto: the fastest that the device has instructions for.',
        Change.UNCONFIGURED,
        choices=(AUTO, *PRECISIONS),
    ),
    NodeParameter(
        'allow_cpu_fallback',
        False,
        'Go on with the CPU, much slower, when the CUDA device is missing or fails.',
        Change.UNCONFIGURED,
    ),
    NodeParameter(
        'input_size',
        [0, 0],
        'Width and height in px that the network is run at; [0, 0]: those of the checkpoint.',
        Change.UNCONFIGURED,
        bounds=(0, 16_384),
        length=2,
    ),
    NodeParameter(
        'threads',
        0,
        'CPU threads of the network; 0: one a core, of more than four cores one is left to the '
        'rest.',
        Change.UNCONFIGURED,
        bounds=(0, 256),
    ),
    NodeParameter(
        'threshold',
        0.0,
        'Probability from which on a pixel is an instrument, with networks of two classes; '
        '0: that of the checkpoint.',
        Change.UNCONFIGURED,
        bounds=(0.0, 1.0),
    ),
    NodeParameter(
        'max_consecutive_errors',
        0,
        'Deactivate the node when so many inferences in a row have failed; 0: never.',
        Change.ALWAYS,
        bounds=(0, 100_000),
    ),
)

_OUTPUT = (
    NodeParameter(
        'confidence_threshold',
        0.0,
        'Pixels whose class is less probable than this become background.',
        Change.ALWAYS,
        bounds=(0.0, 1.0),
    ),
    NodeParameter(
        'min_area_px',
        DEFAULT_MIN_AREA,
        'Smaller connected regions are not reported as instruments (px).',
        Change.ALWAYS,
        bounds=(0, 1_000_000),
    ),
    *(
        NodeParameter(
            f'publish_{name}',
            True,
            f'Publish ~/<eye>/{name} while somebody subscribes to it.',
            Change.ALWAYS,
        )
        for name in ('confidence', 'color', 'overlay', 'markers', 'detections')
    ),
    NodeParameter(
        'overlay_alpha',
        DEFAULT_ALPHA,
        'Opacity of the colors in the overlay.',
        Change.ALWAYS,
        bounds=(0.0, 1.0),
    ),
    NodeParameter(
        'overlay_jpeg_quality',
        80,
        'JPEG quality of ~/<eye>/overlay/compressed.',
        Change.ALWAYS,
        bounds=(1, 100),
    ),
    NodeParameter(
        'marker_depth_m',
        0.1,
        'Distance from the camera at which the markers are drawn (m).',
        Change.ALWAYS,
        bounds=(0.001, 10.0),
    ),
)

_STEREO = (
    NodeParameter(
        'stereo',
        AUTO,
        'auto: publish positions in space once both eyes have a calibration; off: never.',
        Change.ALWAYS,
        choices=(AUTO, OFF),
    ),
    NodeParameter(
        'stereo_sync_tolerance_ms',
        25.0,
        'Images whose stamps differ by no more than this are a pair for positions (ms).',
        Change.ALWAYS,
        bounds=(0.0, 1000.0),
    ),
    NodeParameter(
        'stereo_images',
        AUTO,
        'What the images are: raw, rectified, or auto: rectified if the name of the topic has '
        '"rect" in it.',
        Change.ALWAYS,
        choices=(AUTO, RAW, RECTIFIED),
    ),
    NodeParameter(
        'stereo_baseline_mm',
        [ENDOSCOPE.low_mm, ENDOSCOPE.high_mm],
        'Smallest and largest distance of the eyes that a calibration can have (mm).',
        Change.ALWAYS,
        parse=parse_limits,
    ),
    NodeParameter(
        'stereo_calibration_std_px',
        DEFAULT_STEREO.calibration_std_px,
        'Standard deviation of a disparity because of the calibration (px).',
        Change.ALWAYS,
        bounds=(0.0, 100.0),
    ),
    NodeParameter(
        'stereo_min_depth_m',
        DEFAULT_STEREO.min_depth,
        'Nearer instruments are not believed (m).',
        Change.ALWAYS,
        bounds=(0.001, 1.0),
    ),
    NodeParameter(
        'stereo_max_depth_m',
        DEFAULT_STEREO.max_depth,
        'Farther instruments are not believed (m).',
        Change.ALWAYS,
        bounds=(0.01, 10.0),
    ),
)

_WARNINGS = (
    NodeParameter(
        'input_timeout_s',
        5.0,
        'Warn when no image of an eye came for this long (s).',
        Change.ALWAYS,
        bounds=(0.1, 3600.0),
    ),
    NodeParameter(
        'max_lost_fraction',
        0.2,
        'Warn when more of the images sent to an eye were lost on the way (fraction).',
        Change.ALWAYS,
        bounds=(0.0, 1.0),
    ),
    NodeParameter(
        'max_latency_ms',
        0.0,
        'Warn when the median latency of an eye is longer (ms); 0: never.',
        Change.ALWAYS,
        bounds=(0.0, 100_000.0),
    ),
    NodeParameter(
        'quality.black_below',
        DEFAULT_BLACK_BELOW,
        'Warn of a black image when its mean brightness is below this (0 to 255); 0: never.',
        Change.ALWAYS,
        bounds=(0.0, 255.0),
    ),
    NodeParameter(
        'quality.overexposed_above',
        DEFAULT_OVEREXPOSED_ABOVE,
        'Warn when more of the pixels are overexposed (fraction); 0: never.',
        Change.ALWAYS,
        bounds=(0.0, 1.0),
    ),
    NodeParameter(
        'quality.frozen_after_s',
        DEFAULT_FROZEN_AFTER_S,
        'Warn when the images of an eye stay the same for this long (s); 0: never.',
        Change.ALWAYS,
        bounds=(0.0, 3600.0),
    ),
    NodeParameter(
        'quality.blurred_below',
        DEFAULT_BLURRED_BELOW,
        'Warn of a fogged or blurred lens when the sharpness is below this; 0: never.',
        Change.ALWAYS,
        bounds=(0.0, 1000.0),
    ),
)

PARAMETERS = (
    NodeParameter('autostart', True, 'Configure and activate the node when it starts.'),
    *_INPUT,
    *_NETWORK,
    *_OUTPUT,
    *_STEREO,
    *_WARNINGS,
)
