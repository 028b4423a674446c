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
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import fields
from importlib.util import find_spec
import json
from pathlib import Path
import shlex
import subprocess
import sys
from tempfile import TemporaryDirectory
from typing import Any
from typing import TYPE_CHECKING

from surgseg_ros import __version__

if TYPE_CHECKING:
    from surgseg_ros.evaluation.benchmark import Settings
    from surgseg_ros.inference.segmenter import Segmenter

# The subcommands import what they need when they run: torch alone takes seconds, and the robot
# computer has no simulator.

DESCRIPTION = 'Segment surgical instruments in endoscope images.'
EPILOG = """examples:
  surgseg predict --input frames/ --output labels/ --overlay
  surgseg predict --stereo --left left/ --right right/ --calibration calibration.json \\
      --output positions/ --overlay
  surgseg evaluate --predictions labels/ --ground-truth masks/ --task binary
  surgseg evaluate --tracks --scenes crossing,reentry --output pictures/
  surgseg train --data datasets/simulated --output runs/first
  surgseg models
  surgseg export --checkpoint model_0.pt --to safetensors --output model_0.safetensors
  surgseg benchmark --markdown benchmark.md --plot benchmark.png
  surgseg benchmark --node --help
"""

FULL_SIZE = (1280, 1024)
"""Width and height of a da Vinci frame without its border, in pixels."""


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run the command line.

    :return: exit code: 0 success, 1 the work failed, 2 wrong arguments, 130 interrupted
    """
    typed = sys.argv[1:] if arguments is None else list(arguments)
    parsed = _parser().parse_args(typed, argparse.Namespace(typed=typed))
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
    _add_export(commands)
    _add_benchmark(commands)
    return parser


def _add_predict(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        'predict',
        help='write label images for an image, a folder of images or a video',
        description='Write <stem>.png, 8-bit class ids of the size of the input, for every frame. '
        'Weights published with ternaus/robot-surgery-segmentation are used as there with --crop '
        '320,28,1280,1024 --threshold 0.3 and --mask-factor 255 (binary), 85 (parts) or 32 '
        '(types). With --stereo, --left, --right and --calibration instead of --input: find where '
        'the instruments are, <stem>.json for every pair, in m in the left optical frame.',
    )
    parser.add_argument('--input', type=Path, help='image, folder or video')
    _add_stereo_arguments(parser)
    parser.add_argument('--output', type=Path, required=True, help='folder for the results')
    _add_checkpoint_argument(parser)
    parser.add_argument(
        '--branch', default='main', help='output of the network: main (default) or auxiliary'
    )
    parser.add_argument(
        '--device', default='auto', help='auto (default: CUDA if there is one), cpu or cuda'
    )
    parser.add_argument(
        '--backend',
        default='torch',
        help='torch (default), openvino, onnxruntime, tensorrt, or auto: the fastest, which pays '
        'for long videos',
    )
    parser.add_argument(
        '--overlay', action='store_true', help='also write <stem>_overlay.jpg to look at'
    )
    parser.add_argument(
        '--crop',
        default='none',
        metavar='X,Y,WIDTH,HEIGHT',
        help='part of the frames to segment in px, none (default), or auto: without black border',
    )
    parser.add_argument(
        '--threshold',
        type=float,
        help="probability of 'instrument' from which on a pixel is one, task binary only "
        "(default: the checkpoint's)",
    )
    parser.add_argument(
        '--mask-factor',
        type=int,
        default=1,
        help='multiply the class ids in the PNG files (default: %(default)s)',
    )
    parser.set_defaults(run=_run_predict)


def _add_stereo_arguments(parser: argparse.ArgumentParser) -> None:
    stereo = parser.add_argument_group('pairs of images')
    stereo.add_argument(
        '--stereo', action='store_true', help='locate the instruments in pairs of images'
    )
    stereo.add_argument('--left', type=Path, help='image, folder or video of the left eye')
    stereo.add_argument('--right', type=Path, help='of the right eye; names or order make pairs')
    stereo.add_argument(
        '--calibration',
        type=Path,
        help='JSON or YAML: P_left and P_right (3x4) of rectified images, or K, D, R and t of '
        'each eye',
    )
    stereo.add_argument(
        '--length-unit',
        default='auto',
        choices=('auto', 'm', 'mm'),
        help='of the calibration (default: auto, by the size of the baseline)',
    )


def _add_checkpoint_argument(parser: argparse._ActionsContainer) -> None:
    parser.add_argument(
        '--checkpoint',
        help='name of shipped weights (default: shipped), .safetensors file, published .pt, .pth '
        'or .tar file, or folder of save_pretrained',
    )


def _run_predict(arguments: argparse.Namespace) -> int:
    if arguments.stereo:
        return _run_predict_stereo(arguments)
    from surgseg_ros.data.frame_source import FrameSource
    from surgseg_ros.inference.crop import parse_crop
    from surgseg_ros.predict import predict

    if arguments.input is None:
        raise ValueError('predict needs --input, or --stereo with --left and --right')
    source = FrameSource(arguments.input)
    crop = parse_crop(arguments.crop)
    segmenter = _load_segmenter(arguments)
    factor = arguments.mask_factor
    report = predict(source, arguments.output, segmenter, arguments.overlay, crop, factor)
    print(f'{report.segmented} label images in {arguments.output}')
    classes = enumerate(segmenter.label_set.class_names)
    print('pixel values: ' + ', '.join(f'{index * factor} {name}' for index, name in classes))
    if report.unreadable:
        print(f'could not read: {", ".join(report.unreadable)}', file=sys.stderr)
    return 1 if report.unreadable or not report.segmented else 0


def _load_segmenter(arguments: argparse.Namespace) -> 'Segmenter':
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


def _run_predict_stereo(arguments: argparse.Namespace) -> int:
    from surgseg_ros.data.frame_source import FrameSource
    from surgseg_ros.predict_stereo import predict_stereo

    missing = _missing(arguments, 'left', 'right', 'calibration')
    if missing:
        raise ValueError(f'predict --stereo needs {missing}')
    if arguments.input or arguments.crop != 'none' or arguments.mask_factor != 1:
        raise ValueError('--input, --crop and --mask-factor do not go with --stereo')
    left, right = FrameSource(arguments.left), FrameSource(arguments.right)
    report = predict_stereo(
        left,
        right,
        arguments.calibration,
        arguments.output,
        _load_segmenter(arguments),
        arguments.overlay,
        arguments.length_unit,
    )
    print(f'{report.pairs} pairs, {report.instruments} located instruments in {arguments.output}')
    for what, names in (('no partner', report.unpaired), ('could not read', report.unreadable)):
        if names:
            print(f'{what}: {", ".join(names)}', file=sys.stderr)
    return 1 if report.unreadable or not report.pairs else 0


def _add_evaluate(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        'evaluate',
        help='score label images, or positions and tracks, against ground truth',
        description='Score label images against ground truth of the same file names. With task '
        'binary, predictions of any task count: every class above 0 is instrument. With --tracks '
        'instead: follow instruments through scripted scenes of the simulator and compare their '
        'positions and identities with the exact truth. Needs the simulation and evaluation '
        'extras.',
    )
    parser.add_argument('--predictions', type=Path, help='folder of <stem>.png')
    parser.add_argument('--ground-truth', type=Path, help='folder of <stem>.png')
    parser.add_argument(
        '--task', help='binary, parts, types or sar_rarp50; with --tracks (default there: parts)'
    )
    parser.add_argument(
        '--ignore', type=Path, help='folder of <stem>.png; non-zero pixels do not count'
    )
    parser.add_argument('--json', type=Path, help='also write the result to this file')
    _add_track_arguments(parser)
    parser.set_defaults(run=_run_evaluate)


def _add_track_arguments(parser: argparse.ArgumentParser) -> None:
    tracks = parser.add_argument_group('positions and tracks')
    tracks.add_argument(
        '--tracks', action='store_true', help='judge positions and tracks in scripted scenes'
    )
    tracks.add_argument(
        '--scenes', type=_names, metavar='NAME,...', help='scenes, or all (default: all)'
    )
    tracks.add_argument(
        '--labels',
        choices=('truth', 'network'),
        default='truth',
        help='label images: the true ones (default), or those of a network from rendered images, '
        'which is slow on a CPU',
    )
    _add_checkpoint_argument(tracks)
    tracks.add_argument(
        '--size',
        default=_format_size(FULL_SIZE),
        metavar='WIDTHxHEIGHT',
        help='of the images (default: %(default)s)',
    )
    tracks.add_argument(
        '--rate', type=float, metavar='HZ', help='of the frames (default: that of the scene, 30)'
    )
    tracks.add_argument(
        '--seconds', type=float, help='evaluate so much of each scene (default: all)'
    )
    tracks.add_argument('--output', type=Path, help='folder for pictures of tracks and errors')
    tracks.add_argument(
        '--device', default='auto', help='auto (default: CUDA if there is one), cpu or cuda'
    )
    tracks.add_argument(
        '--backend', default='torch', help='of the network, see predict (default: torch)'
    )
    parser.set_defaults(branch='main', threshold=None)


def _run_evaluate(arguments: argparse.Namespace) -> int:
    if arguments.tracks:
        return _run_evaluate_tracks(arguments)
    from surgseg_ros.evaluation.evaluate import evaluate

    missing = _missing(arguments, 'predictions', 'ground_truth', 'task')
    if missing:
        raise ValueError(f'evaluate needs {missing}, or --tracks')
    result = evaluate(
        arguments.predictions, arguments.ground_truth, arguments.task, arguments.ignore
    )
    text = json.dumps(result, indent=2)
    print(text)
    _write_result(arguments.json, text)
    return 0


def _run_evaluate_tracks(arguments: argparse.Namespace) -> int:
    from surgseg_ros.evaluate_tracks import evaluate_tracks
    from surgseg_ros.evaluate_tracks import TrackEvaluationOptions
    from surgseg_ros.evaluation.track_metrics import check_motmetrics
    from surgseg_ros.evaluation.track_pictures import write_pictures
    from surgseg_ros.evaluation.track_tables import format_tables
    from surgseg_ros.evaluation.track_tables import format_targets

    if arguments.predictions or arguments.ground_truth or arguments.ignore:
        raise ValueError('--predictions, --ground-truth and --ignore do not go with --tracks')
    check_motmetrics()
    values = {
        'scenes': arguments.scenes,
        'task': arguments.task,
        'size': _parse_size(arguments.size),
        'rate_hz': arguments.rate,
        'seconds': arguments.seconds,
    }
    given = {name: value for name, value in values.items() if value is not None}
    options = TrackEvaluationOptions(**given)
    segmenter = _load_segmenter(arguments) if arguments.labels == 'network' else None
    result, scores = evaluate_tracks(options, segmenter)
    result['command'] = shlex.join(['surgseg', *arguments.typed])
    print(format_tables(result))
    print(f'\n{format_targets(result["targets"])}')
    _write_result(arguments.json, json.dumps(result, indent=2))
    if arguments.output:
        places = {name: (scene.image, scene.space) for name, scene in scores.items()}
        write_pictures(arguments.output, places)
        print(f'pictures in {arguments.output}')
    return 0


def _missing(arguments: argparse.Namespace, *names: str) -> str:
    """Return the options that were not given, empty if all were."""
    options = [f'--{name.replace("_", "-")}' for name in names if getattr(arguments, name) is None]
    return ', '.join(options)


def _write_result(path: Path | None, text: str) -> None:
    """Write a result to a file if one is wanted."""
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + '\n', encoding='utf-8')


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

    names = [field.name for field in fields(TrainingOptions)]
    options = TrainingOptions(**_parse_settings(arguments.set, names))
    folders = prepare_simulated_data(arguments.data, arguments.frames, options.task, options.size)
    metrics = Trainer(*folders, arguments.output, options).run()
    print(json.dumps(metrics, indent=2))
    print(f'weights: {arguments.output / "best.safetensors"}')
    return 0


def _parse_settings(settings: Sequence[str], names: Sequence[str]) -> dict[str, Any]:
    """
    Turn KEY=VALUE settings into keyword arguments.

    :raises ValueError: if a setting has no value or names no option
    """
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
    full_size = _format_size(FULL_SIZE)
    rows = [
        ('network', 'paper', 'parameters', f'GFLOP {full_size}', 'native', 'input', 'stride',
         'branches')
    ]  # fmt: skip
    for model in models:
        size = _format_size(model['input_size'])
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
    _print_table(rows)
    print('\nshipped weights:')
    for weights in _list_weights():
        size = _format_size(weights['input_size'])
        print(
            f'  {weights["name"]:24} {weights["model"]}, task {weights["task"]}, {size}; '
            f'{weights["notice"]}'
        )


def _print_table(rows: Sequence[Sequence[str]]) -> None:
    """Print rows as columns, the first row as the head, numbers aligned to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = [
            text.rjust(width) if rows[-1][column][0].isdigit() else text.ljust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        print('  '.join(cells).rstrip())


def _print_model(model: Mapping[str, Any]) -> None:
    print(f'{model["name"]}: {model["title"]}')
    facts = {
        'paper': model['citation'],
        'address': model['url'],
        'note': model['note'],
        'tasks of the paper': ', '.join(model['tasks']),
        'input size': f'{_format_size(model["input_size"])}, any other goes (stride '
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


def _format_size(size: Sequence[int]) -> str:
    """Return a (width, height) as ``1280x1024``."""
    width, height = size
    return f'{width}x{height}'


def _add_export(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        'export',
        help='convert weights, for this package or for other runtimes',
        description='Convert a checkpoint and compare the outputs before and after on one image. '
        'All but safetensors take float32 RGB images of 0 to 255, (1, 3, height, width), '
        'normalize them themselves, and return logits whose arg max is the class id. ONNX needs '
        'the export extra.',
    )
    _add_checkpoint_argument(parser)
    parser.add_argument(
        '--to', required=True, help='safetensors, onnx, torchscript or torch_export'
    )
    parser.add_argument('--output', type=Path, required=True, help='file to write')
    parser.add_argument(
        '--size',
        metavar='WIDTHxHEIGHT',
        help="fixed size of the images, for all but safetensors (default: the checkpoint's)",
    )
    parser.add_argument(
        '--branch', default='main', help='output of the network: main (default) or auxiliary'
    )
    parser.add_argument(
        '--set',
        action='append',
        default=[],
        metavar='KEY=VALUE',
        help='correct what the checkpoint says about itself (JSON value), for example '
        '--set threshold=0.3; may be repeated',
    )
    parser.set_defaults(run=_run_export)


def _run_export(arguments: argparse.Namespace) -> int:
    from surgseg_ros.export import CHANGEABLE
    from surgseg_ros.export import export
    from surgseg_ros.inference.checkpoints import DEFAULT_CHECKPOINT

    size = _parse_size(arguments.size) if arguments.size else None
    changes = _parse_settings(arguments.set, CHANGEABLE)
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


def _parse_size(text: str) -> tuple[int, int]:
    """
    Return (width, height) of a size such as ``1280x1024``.

    :raises ValueError: if the text is no such size
    """
    width, separator, height = text.partition('x')
    if not (separator and width.isdecimal() and height.isdecimal()):
        raise ValueError(f'size {text}: expected WIDTHxHEIGHT, such as 1280x1024')
    return int(width), int(height)


def _add_benchmark(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        'benchmark',
        help='measure how fast networks, a node or image messages are on this computer',
        description='Measure networks on this computer: times of every network, branch, size, '
        'backend and number format, taken in turns, against eager torch and against what the '
        'computer can do at best. With --node a node is measured from publishers to subscribers, '
        'with --messages the filling and reading of image messages; both need a sourced ROS 2. '
        'Without options a few minutes. An interrupt ends it early; what was measured is '
        'reported.',
    )
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument(
        '--node',
        nargs=argparse.REMAINDER,
        metavar='...',
        help='measure a node; all that follows are its options, such as --help',
    )
    kinds.add_argument(
        '--messages',
        action='store_true',
        help='measure image messages; the exit code is 1 if filling one takes so long that '
        'something is wrong with it',
    )
    parser.add_argument(
        '--models',
        type=_names,
        metavar='NAME,...',
        help='networks of `surgseg models`, or all (default: mffnet,linknet34)',
    )
    parser.add_argument(
        '--branches', type=_names, metavar='NAME,...', help='outputs (default: all)'
    )
    parser.add_argument(
        '--sizes',
        type=_names,
        metavar='WIDTHxHEIGHT,...',
        help='of the images (default: 1280x1024,640x512)',
    )
    parser.add_argument(
        '--batch',
        type=_counts,
        dest='batches',
        metavar='N,...',
        help='images in one pass (default: 1)',
    )
    parser.add_argument(
        '--backends',
        type=_names,
        metavar='NAME,...',
        help='eager (as the papers ran it), torch, openvino, onnxruntime, tensorrt, or installed '
        '(default): eager and all that run here',
    )
    parser.add_argument(
        '--precisions',
        type=_names,
        metavar='NAME,...',
        help='fp32, bf16, fp16, all, or best (default): the fastest native one of each backend',
    )
    parser.add_argument(
        '--device', default='auto', help='auto (default: CUDA if there is one), cpu or cuda'
    )
    parser.add_argument(
        '--threads', type=int, default=0, help='CPU threads (default: as many as the node uses)'
    )
    parser.add_argument(
        '--repetitions',
        type=int,
        help='measured rounds of turns (default: as many as fit into 45 s for a size and batch); '
        'with --messages runs of each row (default: 30)',
    )
    parser.add_argument(
        '--checkpoint',
        help='weights whose labels are compared with those of torch in single precision; other '
        'networks have random weights (default: shipped)',
    )
    parser.add_argument('--json', type=Path, help='also write the result to this file')
    parser.add_argument('--markdown', type=Path, help='also write a report to this file')
    parser.add_argument('--plot', type=Path, help='also draw the times, a .png')
    parser.add_argument(
        '--page',
        type=Path,
        help='measure the node too, in a quarter of an hour, and write all on one page; needs a '
        'sourced ROS 2',
    )
    parser.add_argument(
        '--check', action='store_true', help='exit code 1 if a target of the report is missed'
    )
    parser.set_defaults(run=_run_benchmark)


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split(','))


def _counts(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in text.split(','))


def _run_benchmark(arguments: argparse.Namespace) -> int:
    if arguments.node is not None:
        if len(arguments.typed) > len(arguments.node) + len(('benchmark', '--node')):
            raise ValueError('options of `surgseg benchmark --node` stand behind --node')
        return _run_with_ros('node_benchmark', arguments.node)
    if arguments.messages:
        return _run_with_ros('message_benchmark', _message_options(arguments))
    return _run_network_benchmark(arguments)


def _message_options(arguments: argparse.Namespace) -> list[str]:
    options = []
    if arguments.repetitions is not None:
        options += ['--repetitions', str(arguments.repetitions)]
    if arguments.json:
        options += ['--json', str(arguments.json)]
    return options


def _run_with_ros(module: str, options: Sequence[str]) -> int:
    """Run a module of the nodes in a process of its own: the command line runs without ROS."""
    _check_ros()
    command = [sys.executable, '-m', f'surgseg_ros.nodes.{module}', *options]
    return subprocess.run(command, check=False).returncode


def _check_ros() -> None:
    if find_spec('sensor_msgs') is None:
        raise RuntimeError(
            'the messages of ROS 2 are not installed or not sourced; run '
            "'source /opt/ros/<distro>/setup.bash' or, in a checkout, "
            "'source .workspace/activate.bash'"
        )


def _run_network_benchmark(arguments: argparse.Namespace) -> int:
    from surgseg_ros.evaluation.benchmark import Benchmark
    from surgseg_ros.evaluation.benchmark_report import make_result
    from surgseg_ros.evaluation.benchmark_report import write_files

    if arguments.page:
        _check_ros()
    benchmark = Benchmark(_network_settings(arguments))
    benchmark.run()
    result = make_result(benchmark, shlex.join(['surgseg', *arguments.typed]))
    _print_benchmark(result)
    write_files(result, arguments.json, arguments.markdown, arguments.plot)
    if result['interrupted']:
        return 130
    if arguments.page:
        _write_page(arguments.page, result)
    missed = any(not target['met'] for target in result['targets'])
    return 1 if not result['rows'] or (arguments.check and missed) else 0


def _write_page(path: Path, networks: Mapping[str, Any]) -> None:
    """Measure the node and write all on one page; what fails is left out and told."""
    from surgseg_ros.evaluation.performance_page import NODE_RUNS
    from surgseg_ros.evaluation.performance_page import NodeRun
    from surgseg_ros.evaluation.performance_page import write_page

    reports: list[tuple[NodeRun, str]] = []
    path.parent.mkdir(parents=True, exist_ok=True)
    write_page(path, networks, reports)  # An interrupt keeps what was measured until then.
    with TemporaryDirectory() as folder:
        markdown = Path(folder, 'node.md')
        for run in NODE_RUNS:
            print(f'\nthe node, {run.title}', flush=True)
            markdown.unlink(missing_ok=True)
            code = _run_with_ros('node_benchmark', [*run.options, '--markdown', str(markdown)])
            if code != 0:
                print(f'left out: the node, {run.title}: exit code {code}', file=sys.stderr)
                continue
            reports.append((run, markdown.read_text(encoding='utf-8')))
            write_page(path, networks, reports)


def _network_settings(arguments: argparse.Namespace) -> 'Settings':
    from surgseg_ros.evaluation.benchmark import Settings
    from surgseg_ros.inference.devices import select_device

    # What is not given keeps the default of the settings.
    names = (
        'models',
        'branches',
        'batches',
        'backends',
        'precisions',
        'repetitions',
        'checkpoint',
    )
    values = {name: getattr(arguments, name) for name in names}
    values['sizes'] = arguments.sizes and tuple(_parse_size(text) for text in arguments.sizes)
    given = {name: value for name, value in values.items() if value is not None}
    device = select_device(arguments.device)
    return Settings(device=device, threads=arguments.threads, **given)


def _print_benchmark(result: Mapping[str, Any]) -> None:
    from surgseg_ros.evaluation.benchmark_report import describe_peaks
    from surgseg_ros.evaluation.benchmark_report import format_tables
    from surgseg_ros.evaluation.benchmark_report import warnings_of

    machine = result['machine']
    print(f'{machine.get("gpu") or machine["cpu"]}, {machine["threads"]} CPU threads')
    if result['rows']:
        print(f'measured peak: {describe_peaks(result)}')
    for table in format_tables(result, short=True):
        print(f'\n{table}')
    print()
    for target in result['targets']:
        print(f'{"ok    " if target["met"] else "MISSED"}  {target["text"]}')
    for skipped in result['skipped']:
        print(f'not measured: {skipped["what"]}: {skipped["reason"]}', file=sys.stderr)
    for warning in warnings_of(result):
        print(f'warning: {warning}', file=sys.stderr)


if __name__ == '__main__':
    sys.exit(main())
