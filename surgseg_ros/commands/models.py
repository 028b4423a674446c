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


"""``surgseg models``: the networks and the shipped weights."""

import argparse
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import asdict
import json
from typing import Any

from surgseg_ros.commands.arguments import format_size
from surgseg_ros.commands.arguments import FULL_SIZE


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command to those of ``surgseg``."""
    parser = commands.add_parser(
        'models',
        help='list networks and shipped weights',
        description='List the networks of the package and the weights that come with it. '
        'Parameters and operations (two a multiplication and addition) are for two outputs and '
        'default options.',
    )
    parser.add_argument('name', nargs='?', help='show this network alone, in detail')
    parser.add_argument('--json', action='store_true', help='print JSON')
    parser.set_defaults(run=_run_models)


def _run_models(arguments: argparse.Namespace) -> int:
    from surgseg_ros.models import list_models

    names = [arguments.name] if arguments.name else list_models()
    models = [_describe_model(name) for name in names]
    if arguments.json:
        content = models[0] if arguments.name else {'models': models, 'weights': _list_weights()}
        print(json.dumps(content, indent=2))
    elif arguments.name:
        _print_model(models[0])
    else:
        _print_models(models)
    return 0


def _describe_model(name: str) -> dict[str, Any]:
    """Return the facts of a network, its options and its cost, ready for JSON."""
    import torch

    from surgseg_ros.models import count_flops
    from surgseg_ros.models import count_parameters
    from surgseg_ros.models import create_model
    from surgseg_ros.models import model_info
    from surgseg_ros.models import model_options

    info = model_info(name)
    with torch.device('meta'):
        model = create_model(name, 'binary').eval()
    sizes = dict.fromkeys([FULL_SIZE, info.input_size])
    gflops = {
        branch: {f'{w}x{h}': round(count_flops(model, (w, h), branch) / 1e9, 3) for w, h in sizes}
        for branch in info.branches
    }
    return {
        **asdict(info),
        'parameters': count_parameters(model),
        'gflops': gflops,
        'options': model_options(name),
    }


def _list_weights() -> list[dict[str, Any]]:
    """Return what the shipped weights say about themselves."""
    from surgseg_ros.inference.checkpoints import list_shipped_checkpoints
    from surgseg_ros.inference.checkpoints import read_info
    from surgseg_ros.inference.checkpoints import resolve_checkpoint

    weights = []
    for name in list_shipped_checkpoints():
        info = read_info(resolve_checkpoint(name))
        weights.append(
            {
                'name': name,
                'model': info.model,
                'task': info.task,
                'input_size': info.input_size,
                'notice': info.notice,
            }
        )
    return weights


def _print_models(models: Sequence[dict[str, Any]]) -> None:
    from surgseg_ros.reporting.text_tables import format_table
    from surgseg_ros.reporting.text_tables import PLAIN

    full_size = format_size(FULL_SIZE)
    rows = [
        ('network', 'paper', 'parameters', f'GFLOP {full_size}', 'native', 'input', 'stride',
         'branches')
    ]  # fmt: skip
    for model in models:
        size = format_size(model['input_size'])
        costs = model['gflops'][model['branches'][0]]
        rows.append(
            (
                model['name'],
                model['title'],
                f'{model["parameters"]:,}',
                f'{costs[full_size]:.2f}',
                f'{costs[size]:.2f}',
                size,
                str(model['stride']),
                ', '.join(model['branches']),
            )
        )
    print(format_table(rows, PLAIN))
    print('\nshipped weights:')
    for weights in _list_weights():
        size = format_size(weights['input_size'])
        print(
            f'  {weights["name"]:24} {weights["model"]}, task {weights["task"]}, {size}; '
            f'{weights["notice"]}'
        )


def _print_model(model: Mapping[str, Any]) -> None:
    print(f'{model["name"]}: {model["title"]}')
    facts = {
        'paper': model['citation'],
        'address': model['url'],
        'note': model['note'],
        'tasks of the paper': ', '.join(model['tasks']),
        'input size': f'{format_size(model["input_size"])}, any other goes (stride '
        f'{model["stride"]})',
        'normalization': f'mean {model["mean"]}, deviation {model["std"]}, of RGB in [0, 1]',
        'parameters': f'{model["parameters"]:,} for two outputs',
    }
    for branch, costs in model['gflops'].items():
        facts[f'GFLOP, {branch}'] = ', '.join(
            f'{cost:.2f} at {size}' for size, cost in costs.items()
        )
    options = ', '.join(f'{option}={default!r}' for option, default in model['options'].items())
    facts['options'] = options or 'none'
    for label, text in facts.items():
        if text:
            print(f'  {label + ":":20} {text}')
