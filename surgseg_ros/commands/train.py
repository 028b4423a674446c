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


"""``surgseg train``: networks from data."""

import argparse
from dataclasses import fields
import json
from pathlib import Path

from surgseg_ros.commands.arguments import parse_settings


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command to those of ``surgseg``."""
    parser = commands.add_parser(
        'train',
        help='train mffnet on simulated frames',
        description='Render simulated frames where the data folder lacks them, then train mffnet '
        'with the auxiliary loss. An interrupted run goes on where it stopped. Needs the '
        'simulation extra.',
    )
    parser.add_argument(
        '--data', type=Path, required=True, help='folder for the simulated frames, reused'
    )
    parser.add_argument('--output', type=Path, required=True, help='folder for the weights')
    parser.add_argument(
        '--frames', type=int, default=4800, help='training frames to have (default: %(default)s)'
    )
    parser.add_argument(
        '--set',
        action='append',
        default=[],
        metavar='KEY=VALUE',
        help='change a training option (JSON value), for example --set steps=500; may be repeated',
    )
    parser.set_defaults(run=_run_train)


def _run_train(arguments: argparse.Namespace) -> int:
    from surgseg_ros.training.simulated_data import prepare_simulated_data
    from surgseg_ros.training.trainer import Trainer
    from surgseg_ros.training.trainer import TrainingOptions

    names = [field.name for field in fields(TrainingOptions)]
    options = TrainingOptions(**parse_settings(arguments.set, names))
    folders = prepare_simulated_data(arguments.data, arguments.frames, options.task, options.size)
    metrics = Trainer(*folders, arguments.output, options).run()
    print(json.dumps(metrics, indent=2))
    print(f'weights: {arguments.output / "best.safetensors"}')
    return 0
