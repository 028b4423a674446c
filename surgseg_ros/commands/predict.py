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


"""``surgseg predict``: label images of images and videos."""

import argparse
from collections.abc import Sequence
from pathlib import Path
import sys
from typing import TYPE_CHECKING

from surgseg_ros.commands.arguments import add_backend_argument
from surgseg_ros.commands.arguments import add_bits_argument
from surgseg_ros.commands.arguments import add_branch_argument
from surgseg_ros.commands.arguments import add_checkpoint_argument
from surgseg_ros.commands.arguments import add_crop_argument
from surgseg_ros.commands.arguments import add_device_argument
from surgseg_ros.commands.arguments import add_json_argument
from surgseg_ros.commands.arguments import add_topic_argument
from surgseg_ros.commands.arguments import load_segmenter
from surgseg_ros.commands.arguments import missing_options
from surgseg_ros.commands.arguments import run_with_account
from surgseg_ros.commands.frame_accounts import make_account
from surgseg_ros.reporting.accounts import Account
from surgseg_ros.reporting.accounts import LeftOut

if TYPE_CHECKING:
    from surgseg_ros.prediction.stereo import StereoReport


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command to those of ``surgseg``."""
    parser = commands.add_parser(
        'predict',
        help='write label images for an image, a folder of images, a video or a recording',
        description='Write <stem>.png, 8-bit class ids of the size of the input, for every frame. '
        'Weights published with ternaus/robot-surgery-segmentation are used as there with --crop '
        '320,28,1280,1024 --threshold 0.3 and --mask-factor 255 (binary), 85 (parts) or 32 '
        '(types). With --stereo, --left, --right and --calibration instead of --input: find where '
        'the instruments are, <stem>.json for every pair, in m in the left optical frame.',
    )
    parser.add_argument('--input', type=Path, help='image, folder, video or rosbag2 recording')
    add_topic_argument(parser)
    add_bits_argument(parser)
    _add_stereo_arguments(parser)
    parser.add_argument('--output', type=Path, required=True, help='folder for the results')
    add_checkpoint_argument(parser)
    add_branch_argument(parser)
    add_device_argument(parser)
    add_backend_argument(
        parser,
        'torch (default), openvino, onnxruntime, tensorrt, or auto: the fastest, which pays '
        'for long videos',
    )
    parser.add_argument(
        '--overlay', action='store_true', help='also write <stem>_overlay.jpg to look at'
    )
    add_crop_argument(
        parser,
        'part of the frames to segment in px, none (default), or auto: without black border',
    )
    parser.add_argument(
        '--threshold',
        type=float,
        help="probability of 'instrument' from which on a pixel is one, task binary only "
        "(default: the checkpoint's)",
    )
    parser.add_argument(
        '--mask-factor',
        type=int,
        default=1,
        help='multiply the class ids in the PNG files (default: %(default)s)',
    )
    add_json_argument(parser)
    parser.set_defaults(run=_run_predict)


def _add_stereo_arguments(parser: argparse.ArgumentParser) -> None:
    stereo = parser.add_argument_group('pairs of images')
    stereo.add_argument(
        '--stereo', action='store_true', help='locate the instruments in pairs of images'
    )
    stereo.add_argument(
        '--left', type=Path, help='image, folder, video or rosbag2 recording of the left eye'
    )
    stereo.add_argument('--right', type=Path, help='of the right eye; names or times make pairs')
    for eye in ('left', 'right'):
        stereo.add_argument(
            f'--{eye}-topic', help=f'of the recording of the {eye} eye, as --topic'
        )
    stereo.add_argument(
        '--calibration',
        type=Path,
        nargs='+',
        metavar='FILE',
        help='one file of both eyes, or those of the left and of the right eye: JSON or YAML with '
        'P_left and P_right (3x4) of rectified images, or K, D, R and t of each eye; ROS, OpenCV '
        '(YAML, XML) and Kalibr as they write it',
    )
    stereo.add_argument(
        '--length-unit',
        default='auto',
        choices=('auto', 'm', 'mm'),
        help='of the calibration (default: auto, by the size of the baseline)',
    )
    stereo.add_argument(
        '--baseline-mm',
        default='1,40',
        metavar='MIN,MAX',
        help='distances of the eyes that the rig can have (default: %(default)s, an endoscope)',
    )
    stereo.add_argument(
        '--rectified',
        action='store_true',
        help='the images are rectified, P of the calibration describes them (default: raw where '
        'the calibration has K and D)',
    )


def _run_predict(arguments: argparse.Namespace) -> int:
    work = _predict_pairs if arguments.stereo else _predict_frames
    return run_with_account(work, arguments)


def _predict_frames(arguments: argparse.Namespace) -> Account:
    from surgseg_ros.data.frame_source import FrameSource
    from surgseg_ros.inference.crop import parse_crop
    from surgseg_ros.prediction.images import predict

    if arguments.input is None:
        raise ValueError('predict needs --input, or --stereo with --left and --right')
    source = FrameSource(arguments.input, arguments.topic)
    crop = parse_crop(arguments.crop)
    segmenter = load_segmenter(arguments)
    factor = arguments.mask_factor
    report = predict(source, arguments.output, segmenter, arguments.overlay, crop, factor)
    print(f'{report.segmented} label images in {arguments.output}')
    classes = enumerate(segmenter.label_set.class_names)
    print('pixel values: ' + ', '.join(f'{index * factor} {name}' for index, name in classes))
    _print_names('could not read', report.unreadable)
    return make_account(
        'frame',
        [source],
        read=report.segmented + len(report.unreadable),
        used=report.segmented,
        left_out=[LeftOut('could not be decoded', tuple(report.unreadable))],
    )


def _predict_pairs(arguments: argparse.Namespace) -> Account:
    from surgseg_ros.calibration.baseline import parse_limits
    from surgseg_ros.calibration.files import ReadOptions
    from surgseg_ros.calibration.files import StereoCalibrationFile
    from surgseg_ros.data.frame_source import FrameSource
    from surgseg_ros.prediction.stereo import predict_stereo

    missing = missing_options(arguments, 'left', 'right', 'calibration')
    if missing:
        raise ValueError(f'predict --stereo needs {missing}')
    if arguments.input or arguments.crop != 'none' or arguments.mask_factor != 1:
        raise ValueError('--input, --crop and --mask-factor do not go with --stereo')
    if arguments.topic is not None:
        raise ValueError('--topic does not go with --stereo: give --left-topic and --right-topic')
    limits = parse_limits(arguments.baseline_mm)
    options = ReadOptions(arguments.length_unit, limits, arguments.rectified)
    calibration = StereoCalibrationFile(arguments.calibration, options)
    left = FrameSource(arguments.left, arguments.left_topic)
    right = FrameSource(arguments.right, arguments.right_topic)
    report = predict_stereo(
        left,
        right,
        calibration,
        arguments.output,
        load_segmenter(arguments),
        arguments.overlay,
    )
    print(calibration.describe())
    print(f'{report.pairs} pairs, {report.instruments} located instruments in {arguments.output}')
    _print_names('no partner', report.unpaired)
    _print_names('could not read', report.unreadable)
    return make_account(
        'frame',
        [left, right],
        read=report.frames,
        used=2 * report.pairs,
        left_out=[
            LeftOut('without a partner', tuple(report.unpaired)),
            LeftOut('of a pair that could not be decoded', tuple(report.unreadable)),
        ],
        warnings=_warn_of_exchanged_eyes(report),
        notes=[f'paired {report.rule}'],
    )


def _warn_of_exchanged_eyes(report: 'StereoReport') -> list[str]:
    if not report.looks_exchanged:
        return []
    return [
        'the eyes look exchanged: every disparity is negative, no instrument was located, and '
        f'{report.located_exchanged} would be with --left and --right exchanged'
    ]


def _print_names(what: str, names: Sequence[str]) -> None:
    """Print all names, of which the account shows the first ones only."""
    if names:
        print(f'{what}: {", ".join(names)}', file=sys.stderr)
