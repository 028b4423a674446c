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


"""``surgseg score-real``: any checkpoint on scenes of real frames."""

import argparse
from itertools import compress
from pathlib import Path
import shlex
from typing import TYPE_CHECKING

from surgseg_ros.commands.arguments import add_backend_argument
from surgseg_ros.commands.arguments import add_bits_argument
from surgseg_ros.commands.arguments import add_checkpoint_argument
from surgseg_ros.commands.arguments import add_crop_argument
from surgseg_ros.commands.arguments import add_device_argument
from surgseg_ros.commands.arguments import add_json_argument
from surgseg_ros.commands.arguments import add_names_argument
from surgseg_ros.commands.arguments import load_segmenter
from surgseg_ros.commands.arguments import run_with_account

if TYPE_CHECKING:
    from surgseg_ros.reporting.accounts import Account

DESCRIPTION = """\
Score a checkpoint on scenes of real frames, run as the node runs it: binary Dice of every labeled
scene and its average over the scenes, Dice of the parts, area of false positives where no
instrument is in view, and flicker on clips; of the main and the auxiliary branch, and beside them
of a color cue without learning.

Real frames choose nothing: score what is finished. Numbers that have picked a checkpoint, a
threshold or a recipe no longer tell how a network does on frames that it has not seen.

--data holds a folder a scene. Which there are, and what is in them, tells a YAML file: that of
--scenes, else scenes.yaml in the data, else the one of this package. It says of every scene where
frames and masks are, whether it is color or gray, labeled roughly, free of instruments, or has two
eyes side by side. docs/real_frames.md has an example to copy.
"""
EPILOG = """\
examples:
  surgseg score-real --data real/ --output scores/
  surgseg score-real --data real/ --checkpoint runs/first/best.safetensors --output scores/first
  surgseg score-real --data our_recordings/ --scenes our_scenes.yaml --output scores/ours
  surgseg score-real --data real/ --only clip_7 --frames 5 --output quick/

writes into --output:
  scores.json        everything, down to single images
  scores.md          the tables for a model card
  contact_sheet.png  images of every scene, prediction and outline of the truth over them
  worst.png          the images that fail worst, with truth, prediction and score
The pictures show the frames: their licence holds for the pictures, too.
"""


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command to those of ``surgseg``."""
    parser = commands.add_parser(
        'score-real',
        help='score a checkpoint on scenes of real frames, for a model card',
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--data', type=Path, required=True, help='folder with a folder a scene')
    parser.add_argument('--output', type=Path, required=True, help='folder for the results')
    add_checkpoint_argument(parser)
    parser.add_argument(
        '--scenes',
        type=Path,
        metavar='FILE',
        help='YAML file that describes the scenes (default: scenes.yaml in the data, else that '
        'of the package)',
    )
    add_names_argument(
        parser,
        '--only',
        'only these scenes; averages over them compare with nothing else',
    )
    parser.add_argument(
        '--frames',
        type=int,
        metavar='N',
        help='only the first N frames of each scene, for a quick look (default: all)',
    )
    add_crop_argument(
        parser,
        "part of the frames that the network sees in px, none (the node's default), or "
        'auto: without black border',
    )
    parser.add_argument(
        '--worst',
        type=int,
        default=12,
        metavar='N',
        help='show so many of the worst labeled images (default: %(default)s)',
    )
    add_device_argument(parser)
    add_bits_argument(parser)
    add_backend_argument(parser)
    add_json_argument(parser)
    parser.set_defaults(run=_run_score_real, branch='auto', threshold=None)


def _run_score_real(arguments: argparse.Namespace) -> int:
    return run_with_account(_score, arguments)


def _score(arguments: argparse.Namespace) -> 'Account':
    from surgseg_ros.data.scenes import find_description
    from surgseg_ros.data.scenes import load_scenes
    from surgseg_ros.data.scenes import undescribed_folders
    from surgseg_ros.evaluation.real_frames.score_real import score_real
    from surgseg_ros.evaluation.real_frames.tables import format_scene_scores
    from surgseg_ros.reporting.accounts import Account
    from surgseg_ros.reporting.accounts import LeftOut

    for name in ('frames', 'worst'):
        value = getattr(arguments, name)
        if value is not None and value < 1:
            raise ValueError(f'--{name} {value}: expected 1 or more')
    description = find_description(arguments.data, arguments.scenes)
    scenes = load_scenes(arguments.data, description, arguments.only)
    segmenter = load_segmenter(arguments)
    scores = score_real(scenes, segmenter, arguments.crop, arguments.frames)
    scores.result['only'] = arguments.only
    scores.result['command'] = shlex.join(['surgseg', *arguments.typed])
    files = scores.write(arguments.output, arguments.worst)
    print(format_scene_scores(scores.result))
    print(f'\nwritten: {", ".join(map(str, files))}')
    results = scores.result['scenes'].values()
    images = sum(each['images'] for each in results)
    unlabeled = sum(each['images'] - each['labeled_images'] for each in results if each['labels'])
    undescribed = LeftOut(
        f'folders, as {description} does not describe them',
        tuple(undescribed_folders(arguments.data, description)),
        is_loss=False,
    )
    notes = (
        f'{unlabeled} images of labeled scenes have no mask and no Dice',
        f'only the first {arguments.frames} frames of each scene',
    )
    return Account(
        'image',
        images,
        images,
        (undescribed,),
        tuple(str(scene.folder) for scene in scenes),
        tuple(compress(notes, (unlabeled, arguments.frames))),
    )
