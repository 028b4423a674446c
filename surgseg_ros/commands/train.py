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
from functools import partial
import json
from pathlib import Path
from typing import TYPE_CHECKING

from surgseg_ros.commands.arguments import add_device_argument
from surgseg_ros.commands.arguments import add_json_argument
from surgseg_ros.commands.arguments import add_settings_argument
from surgseg_ros.commands.arguments import missing_options
from surgseg_ros.commands.arguments import run_with_account

if TYPE_CHECKING:
    from surgseg_ros.reporting.accounts import Account
    from surgseg_ros.training.recipe import Recipe

EPILOG = """examples:
  surgseg train --list
  surgseg train --recipe islam2019 --show
  surgseg prepare --simulate --output simulated --videos 40 --frames 40 --size 320x256
  surgseg train --recipe mffnet_cpu --data simulated --output runs/first
  surgseg train --recipe mffnet_types_sim --init runs/parts/best.safetensors --data simulated ...
  surgseg train --recipe rasnet --data endovis2017 --output runs/rasnet --set batch_size=4
  surgseg train --recipe islam2019 --data endovis2017 --output runs/islam --devices 4
  torchrun --nnodes 2 --nproc-per-node 4 ... --no-python surgseg train --recipe islam2019 ...
  tensorboard --logdir runs
"""


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command to those of ``surgseg``."""
    parser = commands.add_parser(
        'train',
        help='train a network as a paper did, on your data',
        description='Train a network by a recipe: one of the published systems, or a YAML file. '
        'Every image and label file is checked first. A run that was interrupted or killed goes '
        'on where it stopped when the same command is given again. Needs the training extra.',
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--recipe', help='name (see --list) or YAML file')
    parser.add_argument('--list', action='store_true', help='list the recipes and exit')
    parser.add_argument(
        '--show',
        action='store_true',
        help='print the recipe and the sources of its values',
    )
    parser.add_argument(
        '--data', type=Path, help='data set, prepared or of a layout of `surgseg prepare`'
    )
    parser.add_argument(
        '--layout', default='auto', help='of the data set (default: auto, by its folders)'
    )
    parser.add_argument(
        '--validation', type=Path, help="data set that validates, instead of the recipe's split"
    )
    parser.add_argument('--output', type=Path, help='folder for weights, state and logs')
    parser.add_argument(
        '--init',
        metavar='CHECKPOINT',
        help='start from the weights of a file or a shipped checkpoint, as far as they fit; the '
        'same as --set init=CHECKPOINT',
    )
    add_settings_argument(
        parser,
        'change a value of the recipe (JSON), for example --set batch_size=4, '
        '--set size=[320,256] or --set augmentation.flip_vertical=0; may be repeated',
    )
    parser.add_argument(
        '--skip-check', action='store_true', help='do not decode every file before training'
    )
    add_device_argument(parser)
    parser.add_argument(
        '--devices',
        type=int,
        default=0,
        metavar='N',
        help='processes on this computer, one a GPU (default: as many as torchrun started, or 1)',
    )
    parser.add_argument(
        '--num-nodes',
        type=int,
        default=0,
        metavar='N',
        help='computers (default: as many as torchrun started, or 1)',
    )
    add_json_argument(parser)
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from surgseg_ros.training.recipe import load_recipe

    if arguments.list:
        _print_recipes()
        return 0
    needed = ('recipe',) if arguments.show else ('recipe', 'data', 'output')
    missing = missing_options(arguments, *needed)
    if missing:
        raise ValueError(f'train needs {missing}; --list shows the recipes')
    init = [] if arguments.init is None else [f'init={json.dumps(arguments.init)}']
    recipe = load_recipe(arguments.recipe, [*arguments.set, *init])
    if arguments.show:
        _print_recipe(arguments.recipe)
        return 0
    return run_with_account(partial(_train, recipe), arguments)


def _print_recipes() -> None:
    from surgseg_ros.training.recipe import list_recipes
    from surgseg_ros.training.recipe import load_recipe

    for name in list_recipes():
        recipe = load_recipe(name)
        width, height = recipe.size
        print(f'{name:20} {recipe.model}, task {recipe.task}, {width}x{height}')
        print(f'{"":20} {recipe.source}')


def _print_recipe(name: str) -> None:
    from surgseg_ros.training.recipe import recipe_file

    print(recipe_file(name).read_text(encoding='utf-8'), end='')


def _train(recipe: 'Recipe', arguments: argparse.Namespace) -> 'Account | None':
    """Train, and return the account, nothing in all processes but the first."""
    from surgseg_ros.reporting.accounts import Account
    from surgseg_ros.reporting.accounts import LeftOut
    from surgseg_ros.training.engine import is_first_process
    from surgseg_ros.training.engine import make_fabric
    from surgseg_ros.training.run_data import load_training_data
    from surgseg_ros.training.trainer import Trainer

    check = is_first_process() and not arguments.skip_check
    data = load_training_data(
        arguments.data, recipe, arguments.layout, arguments.validation, check
    )
    fabric = make_fabric(
        arguments.device,
        arguments.devices,
        arguments.num_nodes,
        recipe.precision,
        arguments.output / 'tensorboard',
    )
    fabric.launch()
    fabric.print(
        f'{recipe.name}: {recipe.model}, task {recipe.task}, {len(data.training)} images train, '
        f'{len(data.validation)} validate'
    )
    metrics = Trainer(recipe, data, arguments.output, fabric).run()
    fabric.print(json.dumps(metrics, indent=2))
    fabric.print(f'weights: {arguments.output / "best.safetensors"}, {data.notice}')
    if not fabric.is_global_zero:
        return None
    inputs = [str(folder) for folder in (arguments.data, arguments.validation) if folder]
    count = len(data.training) + len(data.validation)
    unlabeled = LeftOut('without labels', data.unlabeled, is_loss=False)
    return Account('image', count, count, (unlabeled,), tuple(inputs))
