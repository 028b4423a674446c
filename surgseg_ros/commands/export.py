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


"""``surgseg export``: weights for other runtimes."""

import argparse
from pathlib import Path

from surgseg_ros.commands.arguments import add_branch_argument
from surgseg_ros.commands.arguments import add_checkpoint_argument
from surgseg_ros.commands.arguments import add_settings_argument
from surgseg_ros.commands.arguments import add_size_argument
from surgseg_ros.commands.arguments import parse_settings
from surgseg_ros.commands.arguments import parse_size


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command to those of ``surgseg``."""
    parser = commands.add_parser(
        'export',
        help='convert weights, for this package or for other runtimes',
        description='Convert a checkpoint and compare the outputs before and after on one image. '
        'All but safetensors take float32 RGB images of 0 to 255, (1, 3, height, width), '
        'normalize them themselves, and return logits whose arg max is the class id. ONNX needs '
        'the export extra.',
    )
    add_checkpoint_argument(parser)
    parser.add_argument(
        '--to', required=True, help='safetensors, onnx, torchscript or torch_export'
    )
    parser.add_argument('--output', type=Path, required=True, help='file to write')
    add_size_argument(
        parser,
        "fixed size of the images, for all but safetensors (default: the checkpoint's)",
    )
    add_branch_argument(parser)
    add_settings_argument(
        parser,
        'correct what the checkpoint says about itself (JSON value), for example '
        '--set threshold=0.3; may be repeated',
    )
    parser.set_defaults(run=_run_export)


def _run_export(arguments: argparse.Namespace) -> int:
    from surgseg_ros.inference.checkpoints import DEFAULT_CHECKPOINT
    from surgseg_ros.inference.export import CHANGEABLE
    from surgseg_ros.inference.export import export

    size = parse_size(arguments.size) if arguments.size else None
    changes = parse_settings(arguments.set, CHANGEABLE)
    report = export(
        arguments.checkpoint or DEFAULT_CHECKPOINT,
        arguments.to,
        arguments.output,
        size,
        arguments.branch,
        changes,
    )
    print(report.loaded)
    print(
        f'{arguments.output}: outputs differ by at most {report.difference:.2g}, '
        f'{report.tolerance:.2g} allowed; the largest is {report.largest_logit:.3g}'
    )
    return 0
