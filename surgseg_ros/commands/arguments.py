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


"""Arguments that several commands have in common."""

import argparse
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
from contextlib import nullcontext
from contextlib import redirect_stdout
import json
from pathlib import Path
import sys
from typing import Any
from typing import TYPE_CHECKING

from surgseg_ros.data.settings import json_or_text

if TYPE_CHECKING:
    from surgseg_ros.inference.segmenter import Segmenter
    from surgseg_ros.reporting.accounts import Account

FULL_SIZE = (1280, 1024)
"""Width and height of a da Vinci frame without its border, in pixels."""


def add_checkpoint_argument(parser: argparse._ActionsContainer) -> None:
    """Add the option that names the weights."""
    parser.add_argument(
        '--checkpoint',
        help='name of shipped weights (default: shipped), .safetensors file, published .pt, .pth '
        'or .tar file, or folder of save_pretrained',
    )


def add_device_argument(parser: argparse._ActionsContainer) -> None:
    """Add the option that names the device."""
    parser.add_argument(
        '--device', default='auto', help='auto (default: CUDA if there is one), cpu or cuda'
    )


def add_backend_argument(
    parser: argparse._ActionsContainer,
    description: str = 'of the network, see predict (default: torch)',
) -> None:
    """Add the option that names what computes the network."""
    parser.add_argument('--backend', default='torch', help=description)


def add_branch_argument(parser: argparse._ActionsContainer) -> None:
    """Add the option that names the output of the network."""
    parser.add_argument(
        '--branch', default='main', help='output of the network: main (default) or auxiliary'
    )


def add_crop_argument(parser: argparse._ActionsContainer, description: str) -> None:
    """Add the option for a part of the frames, a text for ``parse_crop``."""
    parser.add_argument('--crop', default='none', metavar='X,Y,WIDTH,HEIGHT', help=description)


def add_names_argument(
    parser: argparse._ActionsContainer, option: str, description: str, name: str = 'NAME'
) -> None:
    """
    Add an option whose value is a comma-separated list.

    :param name: of an entry, for the help
    """
    parser.add_argument(option, type=split_names, metavar=f'{name},...', help=description)


def add_bits_argument(parser: argparse._ActionsContainer) -> None:
    """Add the option for 16-bit images of cameras with fewer bits, see :func:`use_bits`."""
    parser.add_argument(
        '--bits',
        type=int,
        default=0,
        metavar='N',
        help='of 16-bit images that the camera filled, from below: 10, 12 or 14 (default: all 16, '
        'with a warning where these come out nearly black)',
    )


def use_bits(bits: int) -> None:
    """
    Have all image files and recordings of this process read with so many bits.

    :raises ValueError: if samples cannot have so many bits
    """
    from surgseg_ros.decoding.image_files import FILE_DEPTH

    FILE_DEPTH.set_bits(bits)


def add_settings_argument(parser: argparse._ActionsContainer, description: str) -> None:
    """Add the option that changes values by name; it may be repeated."""
    parser.add_argument(
        '--set', action='append', default=[], metavar='KEY=VALUE', help=description
    )


def add_size_argument(
    parser: argparse._ActionsContainer, description: str, default: str | None = None
) -> None:
    """Add the option for the size of images, a text for :func:`parse_size`."""
    parser.add_argument('--size', default=default, metavar='WIDTHxHEIGHT', help=description)


def add_topic_argument(parser: argparse._ActionsContainer) -> None:
    """Add the option for the images of a recording."""
    parser.add_argument('--topic', help='of a recording (default: its only one with images)')


def add_json_argument(parser: argparse._ActionsContainer) -> None:
    """Add the option that prints the account of a command for programs."""
    parser.add_argument(
        '--json',
        action='store_true',
        help='print what was read, used and left out as JSON, everything else to stderr',
    )


def run_with_account(
    work: 'Callable[[argparse.Namespace], Account | None]', arguments: argparse.Namespace
) -> int:
    """
    Run a command that has :func:`add_json_argument`, and print its account at the end.

    :param work: returns the account; nothing where another process prints it
    :return: exit status, 1 if something that was asked for was not delivered
    """
    with redirect_stdout(sys.stderr) if arguments.json else nullcontext():
        account = work(arguments)
    if account is None:
        return 0
    print(json.dumps(account.as_json()) if arguments.json else account)
    return account.exit_status


def load_segmenter(arguments: argparse.Namespace) -> 'Segmenter':
    """Load the network and say which it is."""
    from surgseg_ros.inference.checkpoints import DEFAULT_CHECKPOINT
    from surgseg_ros.inference.segmenter import Segmenter

    segmenter = Segmenter(
        arguments.checkpoint or DEFAULT_CHECKPOINT,
        arguments.device,
        arguments.branch,
        threshold=arguments.threshold,
        backend=arguments.backend,
    )
    print(
        f'{segmenter.checkpoint_name} ({segmenter.model_name}, task {segmenter.label_set.name}, '
        f'branch {segmenter.branch}) on {segmenter.device}, {segmenter.precision}'
    )
    if segmenter.info.notice:
        print(f'note: these weights were {segmenter.info.notice}')
    return segmenter


def missing_options(arguments: argparse.Namespace, *names: str) -> str:
    """Return the options that were not given, empty if all were."""
    return format_options(name for name in names if getattr(arguments, name) is None)


def format_options(names: Iterable[str]) -> str:
    """Return the options as they are typed, of their names in the parsed arguments."""
    return ', '.join(f'--{name.replace("_", "-")}' for name in names)


def given_values(**values: Any) -> dict[str, Any]:
    """Return the values that were given, so that the others keep the default of what is called."""
    return {name: value for name, value in values.items() if value is not None}


def given_options(arguments: argparse.Namespace, *names: str) -> dict[str, Any]:
    """Return the values of those of the options that were given."""
    return given_values(**{name: getattr(arguments, name) for name in names})


def write_result(path: Path | None, text: str) -> None:
    """Write a result to a file if one is wanted."""
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + '\n', encoding='utf-8')


def parse_settings(settings: Sequence[str], names: Sequence[str]) -> dict[str, Any]:
    """
    Turn KEY=VALUE settings into keyword arguments.

    :raises ValueError: if a setting has no value or names no option
    """
    values: dict[str, Any] = {}
    for setting in settings:
        key, separator, text = setting.partition('=')
        if not separator or key not in names:
            raise ValueError(f'--set {setting}: expected KEY=VALUE, KEY one of {", ".join(names)}')
        value = json_or_text(text)
        values[key] = tuple(value) if isinstance(value, list) else value
    return values


def format_size(size: Sequence[int]) -> str:
    """Return a (width, height) as ``1280x1024``."""
    width, height = size
    return f'{width}x{height}'


def parse_size(text: str) -> tuple[int, int]:
    """
    Return (width, height) of a size such as ``1280x1024``.

    :raises ValueError: if the text is no such size
    """
    width, separator, height = text.partition('x')
    if not (separator and width.isdecimal() and height.isdecimal()):
        raise ValueError(f'size {text}: expected WIDTHxHEIGHT, such as 1280x1024')
    return int(width), int(height)


def split_names(text: str) -> tuple[str, ...]:
    """Return the names of a comma-separated list."""
    return tuple(text.split(','))


def split_counts(text: str) -> tuple[int, ...]:
    """Return the whole numbers of a comma-separated list."""
    return tuple(int(number) for number in text.split(','))
