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
import sys

from surgseg_ros.commands.arguments import add_backend_argument
from surgseg_ros.commands.arguments import add_bits_argument
from surgseg_ros.commands.arguments import add_checkpoint_argument
from surgseg_ros.commands.arguments import add_device_argument
from surgseg_ros.commands.arguments import add_names_argument
from surgseg_ros.commands.arguments import add_size_argument
from surgseg_ros.commands.arguments import format_options
from surgseg_ros.commands.arguments import format_size
from surgseg_ros.commands.arguments import FULL_SIZE
from surgseg_ros.commands.arguments import given_values
from surgseg_ros.commands.arguments import load_segmenter
from surgseg_ros.commands.arguments import missing_options
from surgseg_ros.commands.arguments import parse_size
from surgseg_ros.commands.arguments import write_result
from surgseg_ros.reporting.packages import check_packages

LABEL_OPTIONS = (
    *('predictions', 'ground_truth', 'ignore', 'mask_factor', 'prediction_factor', 'missing'),
    *('surface', 'markdown', 'images', 'worst', 'list_metrics'),
)
"""Those of label images alone."""


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command to those of ``surgseg``."""
    parser = commands.add_parser(
        'evaluate',
        help='score label images, or positions and tracks, against ground truth',
        description='Score label images against ground truth of the same file names. With task '
        'binary, predictions of any task count: every class above 0 is instrument. Prints JSON, '
        'and tables to the standard error. With --tracks instead: follow instruments through '
        'scripted scenes of the simulator and compare their positions and identities with the '
        'exact truth. Needs the simulation and evaluation extras.',
    )
    _add_label_arguments(parser)
    parser.add_argument(
        '--task', help='binary, parts, types or sar_rarp50; with --tracks (default there: parts)'
    )
    add_bits_argument(parser)
    parser.add_argument('--json', type=Path, help='also write the result to this file')
    parser.add_argument(
        '--output',
        type=Path,
        help='folder for pictures: of confusion matrix and worst frames, or of tracks and errors',
    )
    _add_track_arguments(parser)
    parser.set_defaults(run=_run_evaluate, default_of=parser.get_default)


def _add_label_arguments(parser: argparse.ArgumentParser) -> None:
    labels = parser.add_argument_group('label images')
    labels.add_argument(
        '--predictions', type=Path, help='folder of <stem>.png, or of <video>/<stem>.png'
    )
    labels.add_argument(
        '--ground-truth',
        type=Path,
        help='folder of <stem>.png, of <video>/<stem>.png, or of <video>/<task>_masks/<stem>.png',
    )
    labels.add_argument(
        '--ignore',
        type=Path,
        help='folder laid out like the predictions; non-zero pixels do not count',
    )
    labels.add_argument(
        '--mask-factor',
        type=int,
        metavar='N',
        help='values of the ground truth are class ids times N (default: 1; in folders as ternaus '
        'prepares them 255 for binary_masks, 85 for parts_masks, 32 for instruments_masks)',
    )
    labels.add_argument(
        '--prediction-factor',
        type=int,
        default=1,
        metavar='N',
        help='likewise of the predictions (default: %(default)s)',
    )
    labels.add_argument(
        '--missing',
        choices=('error', 'zero'),
        default='error',
        help='what a missing prediction is: an error (default), or a frame that scores 0',
    )
    labels.add_argument(
        '--surface',
        action='store_true',
        help='also measure distances of outlines: Hausdorff, NSD and the score of SAR-RARP50; '
        '10 to 30 ms more a class of a frame of 1280x1024. Needs the evaluation extra',
    )
    add_names_argument(
        labels,
        '--videos',
        'only these videos of the ground truth, for example those of a test split',
    )
    labels.add_argument('--markdown', type=Path, help='write tables to this file')
    labels.add_argument(
        '--images', type=Path, help='folder of the images; --output then shows the worst frames'
    )
    labels.add_argument(
        '--worst',
        type=int,
        default=6,
        metavar='N',
        help='show so many of the worst frames (default: %(default)s)',
    )
    labels.add_argument(
        '--list-metrics', action='store_true', help='explain all metrics in a table and stop'
    )


def _add_track_arguments(parser: argparse.ArgumentParser) -> None:
    tracks = parser.add_argument_group('positions and tracks')
    tracks.add_argument(
        '--tracks', action='store_true', help='judge positions and tracks in scripted scenes'
    )
    add_names_argument(
        tracks,
        '--scenes',
        'scenes, or all (default: all)',
    )
    tracks.add_argument(
        '--labels',
        choices=('truth', 'network'),
        default='truth',
        help='label images: the true ones (default), or those of a network from rendered images, '
        'which is slow on a CPU',
    )
    add_checkpoint_argument(tracks)
    add_size_argument(
        tracks, 'of the images (default: %(default)s)', default=format_size(FULL_SIZE)
    )
    tracks.add_argument(
        '--rate', type=float, metavar='HZ', help='of the frames (default: that of the scene, 30)'
    )
    tracks.add_argument(
        '--seconds', type=float, help='evaluate so much of each scene (default: all)'
    )
    add_device_argument(tracks)
    add_backend_argument(tracks)
    parser.set_defaults(branch='main', threshold=None)


def _run_evaluate(arguments: argparse.Namespace) -> int:
    if arguments.tracks:
        return _run_evaluate_tracks(arguments)
    if arguments.list_metrics:
        return _run_list_metrics()
    return _run_evaluate_labels(arguments)


def _run_list_metrics() -> int:
    from surgseg_ros.evaluation.labels.metric_table import format_metric_table

    print(format_metric_table())
    return 0


def _run_evaluate_labels(arguments: argparse.Namespace) -> int:
    from surgseg_ros.evaluation.labels.evaluate import evaluate_labels
    from surgseg_ros.evaluation.labels.evaluate import write_pictures
    from surgseg_ros.evaluation.labels.pairs import LabelPairs
    from surgseg_ros.evaluation.labels.tables import format_scores
    from surgseg_ros.evaluation.labels.truth import choose_videos
    from surgseg_ros.evaluation.labels.truth import find_truth

    missing = missing_options(arguments, 'predictions', 'ground_truth', 'task')
    if missing:
        raise ValueError(f'evaluate needs {missing}, or --tracks')
    _check_picture_options(arguments)
    _check_packages(arguments)
    truth = find_truth(arguments.ground_truth, arguments.task, arguments.mask_factor)
    sources = choose_videos(truth.sources, arguments.videos)
    videos = {source.video for source in sources}
    pairs = LabelPairs(
        sources,
        arguments.predictions,
        arguments.task,
        arguments.ignore,
        arguments.prediction_factor,
        zero_missing=arguments.missing == 'zero',
        others=tuple(each for each in truth.sources if each.video not in videos),
    )
    evaluation = evaluate_labels(pairs, arguments.surface)
    account = evaluation.account(truth)
    result = {**evaluation.scores.to_dict(), 'account': account.as_json()}
    text, tables = json.dumps(result, indent=2), format_scores(result)
    print(text)
    print(tables, file=sys.stderr)
    write_result(arguments.json, text)
    write_result(arguments.markdown, tables)
    if arguments.output:
        files = write_pictures(arguments.output, evaluation, arguments.images, arguments.worst)
        print(f'pictures: {", ".join(map(str, files))}', file=sys.stderr)
    for problem in truth.problems:
        print(problem, file=sys.stderr)
    print(account, file=sys.stderr)
    return account.exit_status


def _check_packages(arguments: argparse.Namespace) -> None:
    """Refuse to begin what could not be reported at its end."""
    if arguments.output:
        check_packages('matplotlib')


def _check_picture_options(arguments: argparse.Namespace) -> None:
    if arguments.images and not arguments.output:
        raise ValueError('--images belongs to the pictures; give --output, too')
    if arguments.images and not arguments.images.is_dir():
        raise ValueError(f'--images: {arguments.images} is no folder')
    if arguments.worst != arguments.default_of('worst') and not arguments.images:
        raise ValueError('--worst shows images; give --images, too')
    if arguments.worst < 1:
        raise ValueError(f'--worst {arguments.worst}: expected 1 or more')


def _refuse_label_options(arguments: argparse.Namespace) -> None:
    given = format_options(
        name for name in LABEL_OPTIONS if getattr(arguments, name) != arguments.default_of(name)
    )
    if given:
        raise ValueError(f'{given} do not go with --tracks')


def _run_evaluate_tracks(arguments: argparse.Namespace) -> int:
    from surgseg_ros.evaluation.tracks.evaluate import evaluate_tracks
    from surgseg_ros.evaluation.tracks.evaluate import TrackEvaluationOptions
    from surgseg_ros.evaluation.tracks.metrics import check_motmetrics
    from surgseg_ros.evaluation.tracks.pictures import write_pictures
    from surgseg_ros.evaluation.tracks.tables import format_tables
    from surgseg_ros.evaluation.tracks.tables import format_targets
    from surgseg_ros.reporting.accounts import Account

    _refuse_label_options(arguments)
    check_motmetrics()
    _check_packages(arguments)
    given = given_values(
        scenes=arguments.scenes,
        task=arguments.task,
        size=parse_size(arguments.size),
        rate_hz=arguments.rate,
        seconds=arguments.seconds,
    )
    options = TrackEvaluationOptions(**given)
    segmenter = load_segmenter(arguments) if arguments.labels == 'network' else None
    result, scores = evaluate_tracks(options, segmenter)
    frames = result['overall']['frames']
    account = Account('frame', frames, frames, inputs=tuple(result['scenes']))
    result['command'] = shlex.join(['surgseg', *arguments.typed])
    result['account'] = account.as_json()
    print(format_tables(result))
    print(f'\n{format_targets(result["targets"])}')
    write_result(arguments.json, json.dumps(result, indent=2))
    if arguments.output:
        places = {name: (scene.image, scene.space) for name, scene in scores.items()}
        write_pictures(arguments.output, places)
        print(f'pictures in {arguments.output}')
    print(account)
    return account.exit_status
