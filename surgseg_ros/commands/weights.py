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
"""``surgseg weights``: the shipped weights, made again."""

import argparse
import json
from pathlib import Path

from surgseg_ros.commands.arguments import add_device_argument
from surgseg_ros.commands.arguments import add_settings_argument
from surgseg_ros.commands.arguments import given_options

EPILOG = """examples:
  surgseg weights --output weights_output
  surgseg weights --output try --videos 4 --frames 8 --set phases=[] --set steps=20 \\
      --set size=[160,128]
"""


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command to those of ``surgseg``."""
    parser = commands.add_parser(
        'weights',
        help='make the shipped weights again: data, training and scores',
        description='Render the simulated data sets of the shipped weights, train the networks '
        'one after the other by the recipes mffnet_sim, mffnet_sim_cuts, mffnet_sim_wide (three '
        'times) and mffnet_types_sim, and write weights and scores. The defaults are those of the '
        'shipped files. Interrupted, the same command goes on where it stopped. '
        'Needs the training extra, and a GPU to be done within the hour.',
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        '--output', type=Path, required=True, help='folder for data, runs, weights and scores'
    )
    parser.add_argument('--videos', type=int, help='number of videos')
    parser.add_argument('--frames', type=int, help='frames of each video')
    parser.add_argument('--seed', type=int, help='of the data')
    add_settings_argument(
        parser,
        'change a value of all recipes (JSON); may be repeated',
    )
    parser.add_argument('--workers', type=int, help='that render (default: number of CPUs)')
    add_device_argument(parser)
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from surgseg_ros.reproduction.shipped_weights import make_weights

    changes = given_options(arguments, 'videos', 'frames', 'seed')
    made = make_weights(
        arguments.output, changes, arguments.set, arguments.device, arguments.workers
    )
    for path in list(made):
        print(f'weights: {path}, {_describe(path.with_suffix(".json"))}')
    return 0


def _describe(scores: Path) -> str:
    if not scores.is_file():
        return 'the mean of those before'
    data_hash = json.loads(scores.read_text(encoding='utf-8'))['data_hash']
    return f'scores beside it, hash of the data: {data_hash}'
