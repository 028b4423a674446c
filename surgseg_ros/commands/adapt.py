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

"""``surgseg adapt``: a network for one clip, learned without labels."""

import argparse
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any
from typing import TYPE_CHECKING

from surgseg_ros.commands.arguments import add_bits_argument
from surgseg_ros.commands.arguments import add_crop_argument
from surgseg_ros.commands.arguments import add_device_argument
from surgseg_ros.commands.arguments import add_json_argument
from surgseg_ros.commands.arguments import add_names_argument
from surgseg_ros.commands.arguments import add_settings_argument
from surgseg_ros.commands.arguments import add_size_argument
from surgseg_ros.commands.arguments import add_topic_argument
from surgseg_ros.commands.arguments import given_values
from surgseg_ros.commands.arguments import parse_settings
from surgseg_ros.commands.arguments import parse_size
from surgseg_ros.commands.arguments import run_with_account
from surgseg_ros.commands.frame_accounts import make_account
from surgseg_ros.reporting.accounts import Account
from surgseg_ros.reporting.accounts import LeftOut

if TYPE_CHECKING:
    from surgseg_ros.data.frame_source import FrameSource
    from surgseg_ros.training.label_free.clip import Clip

OTSU = 'otsu'
SINGLE_STAGE, TRAIN_TEST = 'ss', 'tt'


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command to those of ``surgseg``."""
    parser = commands.add_parser(
        'adapt',
        help='learn from a clip without labels',
        description='Train a network on one clip without labels, by anchor generation and '
        'semantic diffusion (Liu et al., MICCAI 2020). Writes a checkpoint for `surgseg predict '
        '--checkpoint`, its losses (.jsonl) and a picture of cues, anchors and predictions '
        '(.png). Without --init it trains the U-Net that the authors released, on a ResNet-18: '
        'the vanilla one of the paper (--set encoder=vanilla) takes some 15 times as long. '
        'Needs the training extra for recordings.',
    )
    parser.add_argument(
        '--input', type=Path, required=True, help='video, folder of images or rosbag2 recording'
    )
    add_topic_argument(parser)
    add_bits_argument(parser)
    parser.add_argument(
        '--output', type=Path, required=True, help='checkpoint to write, .safetensors'
    )
    parser.add_argument(
        '--init',
        help='checkpoint to adapt, of any network; shipped: the weights that come with the '
        'package (default: a new agsd_unet)',
    )
    parser.add_argument(
        '--setting',
        choices=(SINGLE_STAGE, TRAIN_TEST),
        default=SINGLE_STAGE,
        help='ss (default): learn from and predict the same frames; tt: predict --test-input',
    )
    parser.add_argument('--test-input', type=Path, help='frames to predict in setting tt')
    parser.add_argument(
        '--predictions', type=Path, help='folder for the label images of the prediction'
    )
    parser.add_argument(
        '--min-area',
        type=int,
        default=0,
        metavar='PX',
        help='leave smaller regions out of --predictions; the released code has --threshold 0.6 '
        '--min-area 10000 (default: %(default)s)',
    )
    parser.add_argument(
        '--threshold',
        default=OTSU,
        help="of the prediction: otsu (default), each frame's own and their mean in the "
        'checkpoint, or a probability',
    )
    add_crop_argument(
        parser,
        'part of the frames to use in px, none (default), or auto: without black border, '
        'which is as gray as instruments are',
    )
    add_device_argument(parser)
    add_json_argument(parser)
    _add_label_arguments(parser)
    _add_cue_arguments(parser)
    _add_training_arguments(parser)
    parser.set_defaults(run=_run_adapt)


def _add_label_arguments(parser: argparse.ArgumentParser) -> None:
    labels = parser.add_argument_group('a few labels')
    labels.add_argument('--labels', type=Path, help='folder of <stem>.png, 0 is background')
    labels.add_argument(
        '--label-share',
        type=int,
        choices=(0, 50, 100),
        help='percentage of the frames whose labels are used (default: 0, none is opened)',
    )


def _add_cue_arguments(parser: argparse.ArgumentParser) -> None:
    cues = parser.add_argument_group('cues')
    add_names_argument(
        cues,
        '--cues-used',
        'of color, objectness and location (default: all), and of prediction and mirrored, '
        'what the network of --init says of a frame and of its mirror image (default with --init)',
    )
    cues.add_argument(
        '--cues', type=Path, help='folder with cues/<cue> or anchors/pos and neg to read'
    )
    cues.add_argument('--save-cues', type=Path, help='folder to write cues and anchors to')
    cues.add_argument(
        '--isic',
        action='store_true',
        help='images of skin: no color cue, a center prior, random pairs',
    )


def _add_training_arguments(parser: argparse.ArgumentParser) -> None:
    training = parser.add_argument_group('training')
    training.add_argument('--form', choices=('paper', 'released'), help='of the losses')
    training.add_argument('--steps', type=int, help='optimizer steps')
    add_size_argument(
        training,
        "at which the network sees images (default: the checkpoint's, or 320x256)",
    )
    training.add_argument('--max-frames', type=int, help='evenly spaced frames of a longer clip')
    training.add_argument('--seed', type=int, help='of everything random')
    add_settings_argument(
        training,
        'change any option (JSON value), for example --set pairs_per_batch=6; may be '
        'repeated; see AdaptationOptions',
    )


def _run_adapt(arguments: argparse.Namespace) -> int:
    return run_with_account(_adapt, arguments)


def _adapt(arguments: argparse.Namespace) -> Account:
    from surgseg_ros.data.bag_frames import is_bag
    from surgseg_ros.data.frame_source import FrameSource
    from surgseg_ros.inference.crop import parse_crop
    from surgseg_ros.training.label_free.adapt import adapt
    from surgseg_ros.training.label_free.adapt import AdaptationFiles
    from surgseg_ros.training.label_free.adaptation import make_options

    if (arguments.setting == TRAIN_TEST) != (arguments.test_input is not None):
        raise ValueError('--setting tt and --test-input go together: give both or none')
    options = make_options(
        isic=arguments.isic, trained=arguments.init is not None, **_changes(arguments)
    )
    files = AdaptationFiles(
        arguments.output,
        arguments.init,
        arguments.labels,
        arguments.cues,
        arguments.save_cues,
        arguments.predictions,
        arguments.min_area,
    )
    source, test_source = FrameSource(arguments.input, arguments.topic), None
    if arguments.test_input is not None:
        topic = arguments.topic if is_bag(arguments.test_input) else None
        test_source = FrameSource(arguments.test_input, topic)
    result = adapt(
        source,
        files,
        options,
        test_source=test_source,
        threshold=_parse_threshold(arguments.threshold),
        crop=parse_crop(arguments.crop),
        device_name=arguments.device,
    )
    print(f'checkpoint: {arguments.output}, threshold {result.threshold:.3f}')
    print(f'picture: {arguments.output.with_suffix(".png")}')
    clips = [result.clip] if test_source is None else [result.clip, result.predicted_clip]
    return _make_account(clips, [source] if test_source is None else [source, test_source])


def _make_account(clips: 'Sequence[Clip]', sources: 'Sequence[FrameSource]') -> Account:
    read, used = sum(clip.read for clip in clips), sum(len(clip) for clip in clips)
    unreadable = [stem for clip in clips for stem in clip.unreadable]
    return make_account(
        'frame',
        sources,
        read=read,
        used=used,
        left_out=[
            LeftOut('could not be decoded', tuple(unreadable)),
            LeftOut(
                'beyond --max-frames, evenly spaced',
                unnamed=read - used - len(unreadable),
                is_loss=False,
            ),
        ],
    )


def _changes(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the options that differ from their defaults."""
    from surgseg_ros.training.label_free.adaptation import AdaptationOptions

    changes = parse_settings(arguments.set, [field.name for field in fields(AdaptationOptions)])
    names = ('form', 'steps', 'max_frames', 'seed', 'label_share')
    return changes | given_values(
        **{name: getattr(arguments, name) for name in names},
        cues=arguments.cues_used,
        size=parse_size(arguments.size) if arguments.size else None,
    )


def _parse_threshold(text: str) -> float | None:
    """
    Return a threshold, ``None`` for Otsu's.

    :raises ValueError: if the text is neither ``otsu`` nor a probability
    """
    from surgseg_ros.inference.checkpoint_info import check_threshold

    if text == OTSU:
        return None
    try:
        threshold = float(text)
    except ValueError as error:
        raise ValueError(f'--threshold {text}: expected otsu or a probability') from error
    check_threshold(threshold)
    return threshold
