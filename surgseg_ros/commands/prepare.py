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

"""``surgseg prepare``: data sets to train with, from released or from simulated ones."""

import argparse
from collections.abc import Mapping
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
import sys
from typing import TYPE_CHECKING

from surgseg_ros.commands.arguments import add_bits_argument
from surgseg_ros.commands.arguments import add_json_argument
from surgseg_ros.commands.arguments import add_names_argument
from surgseg_ros.commands.arguments import add_size_argument
from surgseg_ros.commands.arguments import format_options
from surgseg_ros.commands.arguments import format_size
from surgseg_ros.commands.arguments import given_options
from surgseg_ros.commands.arguments import missing_options
from surgseg_ros.commands.arguments import parse_size
from surgseg_ros.commands.arguments import run_with_account
from surgseg_ros.data.simulated_set_defaults import FRAMES
from surgseg_ros.data.simulated_set_defaults import FRAMES_PER_SCENE
from surgseg_ros.data.simulated_set_defaults import RANGES
from surgseg_ros.data.simulated_set_defaults import RATE_HZ
from surgseg_ros.data.simulated_set_defaults import SEED
from surgseg_ros.data.simulated_set_defaults import SIZE
from surgseg_ros.data.simulated_set_defaults import VIDEOS

if TYPE_CHECKING:
    from surgseg_ros.data.prepare import PreparationReport
    from surgseg_ros.data.prepared_folder import VideoSummary
    from surgseg_ros.reporting.accounts import Account

SIMULATION_MODULES = ('mujoco', 'OpenGL')

DESCRIPTION = (
    'Check a data set, crop its black border, convert its masks, and write it as '
    '<video>/images/ with <video>/binary_masks/ (class ids x255), parts_masks/ (x85), '
    'instruments_masks/ (types, x32) and <task>_masks/ (class ids) beside it. The input is never '
    'changed. Files that do not fit are all named before anything is written. An interrupted run '
    'goes on where it stopped. With --simulate the data set is rendered instead, which needs the '
    'simulation extra.'
)
EPILOG = """layouts: endovis2017 (also a folder of its .zip archives), cropped_endovis (this one),
isinet, endovis2018, sar_rarp50 (frames are taken from video_left.avi where rgb/ lacks them), agsd,
image_mask_folder (images/ and masks/)

examples:
  surgseg prepare --input endovis2017/ --output prepared/
  surgseg prepare --input sar_rarp50/ --check-only
  surgseg prepare --simulate --output simulated/ --videos 8 --frames 30 --size 320x256 --seed 0
"""


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command to those of ``surgseg``."""
    parser = commands.add_parser(
        'prepare',
        help='check and convert a data set, or render a simulated one',
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--output', type=Path, help='folder for the prepared data set')
    parser.add_argument('--workers', type=int, help='at once (default: number of CPUs)')
    add_json_argument(parser)
    _add_conversion_arguments(parser)
    _add_simulation_arguments(parser)
    parser.set_defaults(run=_run_prepare)


def _add_conversion_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group('conversion')
    group.add_argument('--input', type=Path, metavar='DIR', help='folder of the data set')
    group.add_argument('--layout', help='layout of the input (default: auto, recognized)')
    add_bits_argument(group)
    add_names_argument(
        group,
        '--tasks',
        'labels to convert (default: all)',
        'TASK',
    )
    group.add_argument(
        '--mask-factor',
        type=int,
        metavar='N',
        help='values in masks/ beside images/ are class ids times N (default: class ids, or 0 and '
        '255 in binary masks)',
    )
    group.add_argument(
        '--image-format',
        choices=('png', 'jpg'),
        help='png, lossless (default), or jpg of quality 100',
    )
    group.add_argument(
        '--check-only',
        action='store_true',
        default=None,
        help='name what does not fit and write nothing',
    )
    group.add_argument(
        '--skip-bad',
        action='store_true',
        default=None,
        help='leave out what does not fit and go on',
    )


def _add_simulation_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group('simulation')
    group.add_argument('--simulate', action='store_true', help='render a data set')
    group.add_argument('--videos', type=int, help=f'number of videos (default: {VIDEOS})')
    group.add_argument('--frames', type=int, help=f'frames of each video (default: {FRAMES})')
    add_size_argument(
        group,
        f'of the images in px (default: {format_size(SIZE)})',
    )
    group.add_argument('--seed', type=int, help=f'of all that is random (default: {SEED})')
    group.add_argument(
        '--rate', type=float, help=f'frames per simulated second (default: {RATE_HZ:g})'
    )
    group.add_argument(
        '--frames-per-scene',
        type=int,
        help=f'length of the scenes of a video (default: {FRAMES_PER_SCENE})',
    )
    group.add_argument(
        '--ranges',
        choices=RANGES,
        help=f'what scenes are drawn from (default: {RANGES[0]}); wide: with other tools, dry-lab '
        'backdrops and worse cameras, for weights that shall hold on real images',
    )


def _run_prepare(arguments: argparse.Namespace) -> int:
    of_conversion = (
        *('input', 'layout', 'tasks', 'mask_factor', 'image_format', 'check_only', 'skip_bad'),
    )
    of_simulation = ('videos', 'frames', 'size', 'seed', 'rate', 'frames_per_scene', 'ranges')
    if arguments.workers is not None and arguments.workers < 1:
        raise ValueError('--workers must be at least 1')
    if arguments.simulate:
        _refuse_options(arguments, of_conversion, 'do not go with --simulate')
        return run_with_account(_run_simulation, arguments)
    _refuse_options(arguments, of_simulation, 'need --simulate')
    return run_with_account(_run_conversion, arguments)


def _refuse_options(arguments: argparse.Namespace, names: Sequence[str], why: str) -> None:
    given = given_options(arguments, *names)
    if given:
        raise ValueError(f'{format_options(given)} {why}')


def _run_conversion(arguments: argparse.Namespace) -> 'Account':
    from surgseg_ros.data.prepare import PreparationOptions
    from surgseg_ros.data.prepare import prepare

    if arguments.input is None:
        raise ValueError('prepare needs --input or --simulate')
    options = PreparationOptions(
        **given_options(
            arguments,
            *('layout', 'tasks', 'mask_factor', 'image_format', 'check_only', 'skip_bad'),
            'workers',
        )
    )
    report = prepare(arguments.input, arguments.output, options)
    for problem in report.problems:
        print(problem, file=sys.stderr)
    print(
        f'layout {report.layout}, tasks {", ".join(report.tasks) or "none"}: {report.good} images '
        f'fit, {len(report.problems)} problems'
    )
    if report.videos is not None:
        _print_videos(report.videos, arguments.output)
    elif report.problems and not arguments.check_only:
        print('nothing was written; mend these files or leave them out with --skip-bad')
    return _account_of(report, arguments)


def _account_of(report: 'PreparationReport', arguments: argparse.Namespace) -> 'Account':
    from surgseg_ros.reporting.accounts import Account
    from surgseg_ros.reporting.accounts import LeftOut

    is_done = report.videos is not None or arguments.check_only
    # The texts are long, and stand above the line for people.
    names = report.problems if arguments.json else ()
    problems = LeftOut(
        'problems', names, len(report.problems) - len(names), is_loss=not arguments.skip_bad
    )
    return Account(
        'image',
        report.images,
        report.good if is_done else 0,
        (problems, LeftOut('images without labels', report.unlabeled, is_loss=False)),
        (str(arguments.input),),
    )


def _run_simulation(arguments: argparse.Namespace) -> 'Account':
    missing = [name for name in SIMULATION_MODULES if find_spec(name) is None]
    if missing:
        raise RuntimeError(
            f'rendering needs {", ".join(missing)}: python3 -m pip install mujoco PyOpenGL (the '
            'simulation extra of this package)'
        )
    from surgseg_ros.reporting.accounts import Account
    from surgseg_ros.training.simulated_data import render_videos

    if missing_options(arguments, 'output'):
        raise ValueError('prepare --simulate needs --output')
    given = given_options(arguments, 'frames_per_scene', 'ranges', 'workers')
    if arguments.rate is not None:
        given['rate_hz'] = arguments.rate
    videos = render_videos(
        arguments.output,
        VIDEOS if arguments.videos is None else arguments.videos,
        FRAMES if arguments.frames is None else arguments.frames,
        SIZE if arguments.size is None else parse_size(arguments.size),
        SEED if arguments.seed is None else arguments.seed,
        **given,
    )
    _print_videos(videos, arguments.output)
    frames = sum(video.frames for video in videos.values())
    return Account('rendered frame', frames, frames)


def _print_videos(videos: Mapping[str, 'VideoSummary'], output: Path) -> None:
    """Print the share of the pixels of each class by video for every task, and the hash."""
    from surgseg_ros.data.prepared_folder import read_hash
    from surgseg_ros.reporting.text_tables import format_table
    from surgseg_ros.reporting.text_tables import PLAIN

    frames = sum(video.frames for video in videos.values())
    print(f'{frames} images of {len(videos)} videos in {output}')
    tasks = list(next(iter(videos.values())).pixels)
    if not tasks:
        rows = [['video', 'frames'], *([n, str(v.frames)] for n, v in videos.items())]
        print(format_table(rows, PLAIN))
    for task in tasks:
        print(f'\n{task}, % of the pixels')
        print(format_table(_rows_of_task(videos, task), PLAIN))
    print(f'\nhash of all pixels: {read_hash(output)}')


def _rows_of_task(videos: Mapping[str, 'VideoSummary'], task: str) -> list[list[str]]:
    """Return the head and the rows of the table of a task."""
    classes = list(next(iter(videos.values())).pixels[task])
    rows = [['video', 'frames', *classes]]
    for name, video in videos.items():
        pixels = video.pixels[task]
        total = sum(pixels.values()) or 1
        shares = [f'{100 * pixels[class_name] / total:.2f}' for class_name in classes]
        rows.append([name, str(video.frames), *shares])
    return rows
