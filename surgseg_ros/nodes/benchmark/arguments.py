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

"""Command line of the node benchmark."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from surgseg_ros.data.settings import json_or_text
from surgseg_ros.nodes.common.argument_types import image_size
from surgseg_ros.nodes.common.argument_types import positive_count
from surgseg_ros.nodes.common.argument_types import positive_number

AUTO = 'auto'
AUTO_SHARE = 0.65
"""The camera of ``--rate auto`` sends at this share of what the node can follow."""
PAIR_WAIT_MS = 20.0
"""``pair_wait_ms`` of the segmentation node, unless another is given."""

DESCRIPTION = """\
Measure the segmentation node end to end, over DDS, each part in a process of its own: a stereo
camera that sends prepared images, the node, and a receiver that notes when each answer comes.

In the same run, before, between and after the times under the camera, a stereo pair goes through
the network alone; the ratio to it tells what the node costs. The camera of --rate auto sends at
65 % of what the node can follow, so that images do not wait for each other; --rate 30 shows what
a camera gets that is faster than the network.

--compare plain measures a second node in turns with the first: as a careful newcomer writes it,
cv_bridge, eager PyTorch in single precision, all in the callback, queues of ten.
"""
EPILOG = """\
examples:
  surgseg benchmark --node
  surgseg benchmark --node --size 1280x1024 --frames 1000 --json node.json
  surgseg benchmark --node --rate 30 --compare plain --markdown node.md

exit code: 0 success, also when stopped early by Ctrl-C; 1 a node failed
"""


def parse_arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog='surgseg benchmark --node',
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_camera_arguments(parser)
    _add_network_arguments(parser)
    parser.add_argument(
        '--compare', choices=('plain',), help='measure this node too, in turns with ours'
    )
    parser.add_argument(
        '--rounds',
        type=positive_count,
        default=2,
        help='turns of each node (default: %(default)s)',
    )
    parser.add_argument(
        '--bare-seconds',
        type=positive_number,
        default=5.0,
        metavar='S',
        help='time for the network alone, before the nodes and after each round '
        '(default: %(default)s)',
    )
    parser.add_argument('--json', type=Path, help='also write the result to this file')
    parser.add_argument('--markdown', type=Path, help='also write the table to this file')
    return parser.parse_args(argv)


def _add_camera_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--size',
        type=image_size,
        default=(640, 512),
        metavar='WIDTHxHEIGHT',
        help='of the images of each eye (default: 640x512)',
    )
    parser.add_argument(
        '--rate',
        type=_rate,
        default=AUTO,
        metavar='HZ',
        help=f'pairs of images a second; auto (default): {AUTO_SHARE:.0%} of what the node can '
        'follow'.replace('%', '%%'),
    )
    parser.add_argument('--transport', choices=('raw', 'compressed'), default='raw')
    length = parser.add_mutually_exclusive_group()
    length.add_argument(
        '--frames',
        type=positive_count,
        help='pairs of images for each node, in all rounds together',
    )
    length.add_argument(
        '--seconds',
        type=positive_number,
        default=30.0,
        help='time for each node, in all rounds together (default: %(default)s)',
    )


def _add_network_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--checkpoint', help='weights: file, folder or shipped name (default: the shipped ones)'
    )
    parser.add_argument(
        '--branch', choices=('main', 'auxiliary', AUTO), default='main', help='(default: main)'
    )
    parser.add_argument('--device', default=AUTO, help='auto (default), cpu, cuda, cuda:<index>')
    parser.add_argument('--backend', default=AUTO, help='of the node (default: %(default)s)')
    parser.add_argument('--precision', default=AUTO, help='of the node (default: %(default)s)')
    parser.add_argument(
        '--threads', type=int, default=0, help="CPU threads of the networks; 0: each one's default"
    )
    parser.add_argument(
        '--input-size',
        type=image_size,
        metavar='WIDTHxHEIGHT',
        help='that the networks run at (default: that of the images)',
    )
    parser.add_argument(
        '--parameter',
        type=_parameter,
        action='append',
        default=[],
        metavar='NAME=VALUE',
        help='another parameter of the segmentation node, its value in JSON; may be repeated. '
        f'pair_wait_ms is {PAIR_WAIT_MS:g} unless given here, so that pairs stay together',
    )


def _rate(text: str) -> float | str:
    return AUTO if text == AUTO else positive_number(text)


def _parameter(text: str) -> tuple[str, Any]:
    name, separator, value = text.partition('=')
    if not separator:
        raise argparse.ArgumentTypeError(f'must be NAME=VALUE, got {text}')
    return name, json_or_text(value)
