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

"""The ``surgseg`` command."""

import argparse
from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import fields
from importlib.util import find_spec
import json
from pathlib import Path
import subprocess
import sys
from typing import Any

from surgseg_ros import __version__

# The subcommands import what they need when they run: torch alone takes seconds, and the robot
# computer has no simulator.

DESCRIPTION = 'Segment surgical instruments in endoscope images.'
EPILOG = """examples:
  surgseg predict --input frames/ --output labels/ --overlay
  surgseg evaluate --predictions labels/ --ground-truth masks/ --task binary
  surgseg train --data datasets/simulated --output runs/first
  surgseg models
  surgseg benchmark --messages
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run the command line.

    :return: exit code: 0 success, 1 the work failed, 2 wrong arguments, 130 interrupted
    """
    parsed = _parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = parsed.run
    try:
        return run(parsed)
    except KeyboardInterrupt:
        print('interrupted; what was written so far is complete', file=sys.stderr)
        return 130
    except (ValueError, OSError, RuntimeError) as error:
        print(f'surgseg: error: {error}', file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        'surgseg',
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--version', action='version', version=f'%(prog)s {__version__}')
    commands = parser.add_subparsers(title='commands', required=True, metavar='COMMAND')
    _add_predict(commands)
    _add_evaluate(commands)
    _add_train(commands)
    _add_models(commands)
    _add_benchmark(commands)
    return parser


def _add_predict(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        'predict',
        help='write label images for an image, a folder of images or a video',
        description='Write <stem>.png, 8-bit class ids of the size of the input, for every frame.',
    )
    parser.add_argument('--input', type=Path, required=True, help='image, folder or video')
    parser.add_argument('--output', type=Path, required=True, help='folder for the results')
    parser.add_argument(
        '--checkpoint', help='.safetensors file or name of shipped weights (default: shipped)'
    )
    parser.add_argument(
        '--branch', default='main', help='output of the network: main (default) or auxiliary'
    )
    parser.add_argument(
        '--device', default='auto', help='auto (default: CUDA if there is one), cpu or cuda'
    )
    parser.add_argument(
        '--overlay', action='store_true', help='also write <stem>_overlay.jpg to look at'
    )
    parser.set_defaults(run=_run_predict)


def _run_predict(arguments: argparse.Namespace) -> int:
    from surgseg_ros.data.frame_source import FrameSource
    from surgseg_ros.inference.checkpoints import DEFAULT_CHECKPOINT
    from surgseg_ros.inference.segmenter import Segmenter
    from surgseg_ros.predict import predict

    source = FrameSource(arguments.input)
    segmenter = Segmenter(
        arguments.checkpoint or DEFAULT_CHECKPOINT, arguments.device, arguments.branch
    )
    print(
        f'{segmenter.checkpoint_name} ({segmenter.model_name}, task {segmenter.label_set.name}, '
        f'branch {segmenter.branch}) on {segmenter.device}, {segmenter.precision}'
    )
    if segmenter.info.notice:
        print(f'note: these weights were {segmenter.info.notice}')
    report = predict(source, arguments.output, segmenter, arguments.overlay)
    print(f'{report.segmented} label images in {arguments.output}')
    classes = enumerate(segmenter.label_set.class_names)
    print('pixel values: ' + ', '.join(f'{index} {name}' for index, name in classes))
    if report.unreadable:
        print(f'could not read: {", ".join(report.unreadable)}', file=sys.stderr)
    return 1 if report.unreadable or not report.segmented else 0


def _add_evaluate(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        'evaluate',
        help='score label images against ground truth',
        description='Score label images against ground truth of the same file names. With task '
        'binary, predictions of any task count: every class above 0 is instrument.',
    )
    parser.add_argument('--predictions', type=Path, required=True, help='folder of <stem>.png')
    parser.add_argument('--ground-truth', type=Path, required=True, help='folder of <stem>.png')
    parser.add_argument('--task', required=True, help='binary, parts, types or sar_rarp50')
    parser.add_argument(
        '--ignore', type=Path, help='folder of <stem>.png; non-zero pixels do not count'
    )
    parser.add_argument('--json', type=Path, help='also write the result to this file')
    parser.set_defaults(run=_run_evaluate)


def _run_evaluate(arguments: argparse.Namespace) -> int:
    from surgseg_ros.evaluation.evaluate import evaluate

    result = evaluate(
        arguments.predictions, arguments.ground_truth, arguments.task, arguments.ignore
    )
    text = json.dumps(result, indent=2)
    print(text)
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(text + '\n', encoding='utf-8')
    return 0


def _add_train(commands: argparse._SubParsersAction) -> None:
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

    options = TrainingOptions(**_parse_settings(arguments.set, TrainingOptions))
    folders = prepare_simulated_data(arguments.data, arguments.frames, options.task, options.size)
    metrics = Trainer(*folders, arguments.output, options).run()
    print(json.dumps(metrics, indent=2))
    print(f'weights: {arguments.output / "best.safetensors"}')
    return 0


def _parse_settings(settings: Sequence[str], options: type) -> dict[str, Any]:
    """
    Turn KEY=VALUE settings into keyword arguments.

    :raises ValueError: if a setting has no value or names no option
    """
    names = [field.name for field in fields(options)]
    values: dict[str, Any] = {}
    for setting in settings:
        key, separator, text = setting.partition('=')
        if not separator or key not in names:
            raise ValueError(f'--set {setting}: expected KEY=VALUE, KEY one of {", ".join(names)}')
        value = _parse_value(text)
        values[key] = tuple(value) if isinstance(value, list) else value
    return values


def _parse_value(text: str) -> Any:
    """Return a JSON value, or the text itself where it is none."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _add_models(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        'models',
        help='list networks and shipped weights',
        description='List the networks of the package and the weights that come with it.',
    )
    parser.set_defaults(run=_run_models)


def _run_models(arguments: argparse.Namespace) -> int:
    from surgseg_ros.inference.checkpoints import list_shipped_checkpoints
    from surgseg_ros.inference.checkpoints import read_info
    from surgseg_ros.inference.checkpoints import resolve_checkpoint
    from surgseg_ros.models import count_parameters
    from surgseg_ros.models import create_model
    from surgseg_ros.models import list_models

    print('networks:')
    for name in list_models():
        model = create_model(name, 'binary')
        branches = ', '.join(model.branches)
        print(f'  {name:14} {count_parameters(model):12,} parameters   branches: {branches}')
    print('shipped weights:')
    for name in list_shipped_checkpoints():
        info = read_info(resolve_checkpoint(name))
        width, height = info.input_size
        print(f'  {name:24} {info.model}, task {info.task}, {width}x{height}; {info.notice}')
    return 0


def _add_benchmark(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        'benchmark',
        help='measure how long this computer takes to fill and read image messages',
        description='Measure how long filling and reading ROS image messages takes on this '
        'computer: medians in milliseconds. The exit code is 1 if filling a message takes so '
        'long that something is wrong with it. Needs a sourced ROS 2.',
    )
    parser.add_argument(
        '--messages', action='store_true', required=True, help='measure image messages'
    )
    parser.add_argument('--repetitions', type=int, help='measured runs of each row (default: 30)')
    parser.add_argument('--json', type=Path, help='also write the result to this file')
    parser.set_defaults(run=_run_benchmark)


def _run_benchmark(arguments: argparse.Namespace) -> int:
    if find_spec('sensor_msgs') is None:
        raise RuntimeError(
            'the messages of ROS 2 are not installed or not sourced; run '
            "'source /opt/ros/<distro>/setup.bash' or, in a checkout, "
            "'source .workspace/activate.bash'"
        )
    # A process of its own, because the command line itself must run without ROS.
    command = [sys.executable, '-m', 'surgseg_ros.nodes.message_benchmark']
    if arguments.repetitions is not None:
        command += ['--repetitions', str(arguments.repetitions)]
    if arguments.json:
        command += ['--json', str(arguments.json)]
    return subprocess.run(command, check=False).returncode


if __name__ == '__main__':
    sys.exit(main())
