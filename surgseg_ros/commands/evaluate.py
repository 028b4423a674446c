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


"""``surgseg evaluate``: label images, positions and tracks against the truth."""

import argparse
import json
from pathlib import Path
import shlex

from surgseg_ros.commands.arguments import add_checkpoint_argument
from surgseg_ros.commands.arguments import format_size
from surgseg_ros.commands.arguments import FULL_SIZE
from surgseg_ros.commands.arguments import load_segmenter
from surgseg_ros.commands.arguments import missing_options
from surgseg_ros.commands.arguments import parse_size
from surgseg_ros.commands.arguments import split_names
from surgseg_ros.commands.arguments import write_result


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command to those of ``surgseg``."""
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
        '--scenes', type=split_names, metavar='NAME,...', help='scenes, or all (default: all)'
    )
    tracks.add_argument(
        '--labels',
        choices=('truth', 'network'),
        default='truth',
        help='label images: the true ones (default), or those of a network from rendered images, '
        'which is slow on a CPU',
    )
    add_checkpoint_argument(tracks)
    tracks.add_argument(
        '--size',
        default=format_size(FULL_SIZE),
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

    missing = missing_options(arguments, 'predictions', 'ground_truth', 'task')
    if missing:
        raise ValueError(f'evaluate needs {missing}, or --tracks')
    result = evaluate(
        arguments.predictions, arguments.ground_truth, arguments.task, arguments.ignore
    )
    text = json.dumps(result, indent=2)
    print(text)
    write_result(arguments.json, text)
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
        'size': parse_size(arguments.size),
        'rate_hz': arguments.rate,
        'seconds': arguments.seconds,
    }
    given = {name: value for name, value in values.items() if value is not None}
    options = TrackEvaluationOptions(**given)
    segmenter = load_segmenter(arguments) if arguments.labels == 'network' else None
    result, scores = evaluate_tracks(options, segmenter)
    result['command'] = shlex.join(['surgseg', *arguments.typed])
    print(format_tables(result))
    print(f'\n{format_targets(result["targets"])}')
    write_result(arguments.json, json.dumps(result, indent=2))
    if arguments.output:
        places = {name: (scene.image, scene.space) for name, scene in scores.items()}
        write_pictures(arguments.output, places)
        print(f'pictures in {arguments.output}')
    return 0
