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
"""
The tables of the papers with their figures, and the runs that make them again.

Figures are those printed in the papers. What this package computes differently on purpose stands
in the notes of each table.
"""

from collections.abc import Sequence

from surgseg_ros.data.label_sets import BINARY
from surgseg_ros.reproduction.budget import Budget
from surgseg_ros.reproduction.experiments import Adaptation
from surgseg_ros.reproduction.experiments import AUXILIARY
from surgseg_ros.reproduction.experiments import Cell
from surgseg_ros.reproduction.experiments import MAIN
from surgseg_ros.reproduction.experiments import PARTS
from surgseg_ros.reproduction.experiments import Row
from surgseg_ros.reproduction.experiments import Run
from surgseg_ros.reproduction.experiments import Table
from surgseg_ros.reproduction.experiments import Timing
from surgseg_ros.reproduction.experiments import Training
from surgseg_ros.reproduction.experiments import TYPES

TASKS = (BINARY, PARTS, TYPES)
CUES = ('color', 'objectness', 'location')

ONE_BRANCH = ('auxiliary_weight=0', 'adversarial_weight=0')
# Without batch norm the rate of Islam et al. makes them diverge: that of Shvets et al.
NO_BATCH_NORM = ('learning_rate=0.0001',)
COMPARED_WITH = {
    'linknet34': ('LinkNet', ONE_BRANCH),
    'unet': ('UNet', (*ONE_BRANCH, *NO_BATCH_NORM)),
    'ternausnet16': ('TernausNet', (*ONE_BRANCH, *NO_BATCH_NORM)),
}
"""Networks beside that of Islam et al. 2019, with their names there and their settings."""

NOT_HERE = "ICNet and PSPNet are not part of this package; their rows are the paper's."
SIX_TO_TWO = 'split=islam2019'
BACKGROUND_BLIND = (
    'The paper almost surely leaves confusion with the background out '
    '(`dice_ignoring_background_confusion`, `iou_ignoring_background_confusion`), which flatters; '
    'the honest figures stand beside.'
)


def make_tables(budget: Budget) -> tuple[Table, ...]:
    """
    Return all tables.

    :param budget: decides the folds and tasks of Shvets et al.
    """
    return (
        _islam_table_1(),
        _islam_table_2(),
        _islam_table_3(),
        _islam_table_4(),
        _islam_table_5(),
        _rasnet_table_3(),
        *(_shvets_table(task, budget.folds) for task in budget.shvets_tasks),
        _agsd_table_1(),
        _agsd_table_2(),
    )


def _islam(task: str, *settings: str) -> Training:
    return Training('islam2019', (f'task={task}', *settings))


def _islam_other(model: str, task: str) -> Training:
    return _islam(task, f'model={model}', *COMPARED_WITH[model][1])


BINARY_METRICS = ('dice_islam2019', 'hausdorff_rows', 'specificity', 'sensitivity')
BINARY_COLUMNS = (
    'Dice (`dice_islam2019`)',
    'Hausdorff (`hausdorff_rows`)',
    'Specificity',
    'Sensitivity',
    'true Hausdorff, px (`hausdorff`)',
)
HAUSDORFF_NOTE = (
    'The Hausdorff of the paper is not one of outlines: its code compares rows of the masks. The '
    'last column is the distance of the outlines in pixels, which the paper does not give.'
)


def _binary_row(label: str, run: Training, paper: Sequence[float]) -> Row:
    cells = [
        Cell((run,), f'main.{metric}', figure)
        for metric, figure in zip(BINARY_METRICS, paper, strict=True)
    ]
    return Row(label, (*cells, Cell((run,), 'main.hausdorff', digits=1)))


def _islam_table_1() -> Table:
    return Table(
        'Islam et al. 2019, table I: with and without adversarial training, binary',
        BINARY_COLUMNS,
        (
            _binary_row('With adversarial', _islam(BINARY), (0.916, 11.11, 0.989, 0.928)),
            _binary_row(
                'Without adversarial',
                _islam(BINARY, 'adversarial_weight=0'),
                (0.913, 11.43, 0.990, 0.916),
            ),
        ),
        (HAUSDORFF_NOTE,),
    )


def _islam_table_2() -> Table:
    return Table(
        'Islam et al. 2019, table II: networks, binary',
        BINARY_COLUMNS,
        (
            _binary_row('Ours', _islam(BINARY), (0.916, 11.110, 0.989, 0.928)),
            _binary_row(
                'LinkNet', _islam_other('linknet34', BINARY), (0.906, 11.228, 0.989, 0.920)
            ),
            Row('ICNet', paper=(0.882, 11.923, 0.986, 0.892)),
            _binary_row('UNet', _islam_other('unet', BINARY), (0.878, 12.112, 0.985, 0.891)),
            _binary_row(
                'TernausNet', _islam_other('ternausnet16', BINARY), (0.835, 12.706, 0.983, 0.830)
            ),
            Row('PSPNet', paper=(0.831, 12.510, 0.990, 0.788)),
        ),
        (HAUSDORFF_NOTE, NOT_HERE),
    )


def _time_row(label: str, model: str, paper: Sequence[float]) -> Row:
    milliseconds, rate, megabytes, millions = paper
    timing = (Timing(model),)
    return Row(
        label,
        (
            Cell(timing, 'ms', milliseconds, digits=2),
            Cell(timing, 'images_per_s', rate, digits=1),
            Cell(timing, 'weights_mb', megabytes, digits=1),
            Cell(timing, 'parameters', millions, scale=1e-6, digits=2),
        ),
    )


def _islam_table_3() -> Table:
    return Table(
        'Islam et al. 2019, table III: time and memory, binary',
        ('Time, ms', 'fps', 'Weights, MB', 'Parameters, M'),
        (
            _time_row('Ours', 'mffnet', (5.75, 173.78, 81.8, 14.91)),
            _time_row('LinkNet', 'linknet34', (4.07, 245.88, 46.2, 11.79)),
            Row('ICNet', paper=(9.13, 109.50, 31.0, 6.69)),
            _time_row('UNet', 'unet', (4.46, 224.21, 31.4, 7.84)),
            _time_row('TernausNet', 'ternausnet16', (4.20, 238.09, 128.8, 46.91)),
            Row('PSPNet', paper=(16.25, 61.55, 272.8, 68.05)),
        ),
        (
            'The times of the paper were taken on a GTX 1080 Ti without waiting for the GPU and '
            'are no times of computation; ours are, on the computer named above.',
            'The parameters of the paper count modules that are called twice twice, and its '
            'LinkNet is that on a ResNet-18, ours that of Shvets et al. on a ResNet-34.',
            NOT_HERE,
        ),
    )


def _task_row(label: str, runs: Sequence[Training], paper: Sequence[float], branch: str) -> Row:
    return Row(
        label,
        tuple(
            Cell((run,), f'{branch}.dice_islam2019', figure)
            for run, figure in zip(runs, paper, strict=True)
        ),
    )


def _islam_table_4() -> Table:
    ours = [_islam(task) for task in TASKS]
    figures = {
        'linknet34': (0.906, 0.704, 0.324),
        'unet': (0.882, 0.588, 0.258),
        'ternausnet16': (0.835, 0.587, 0.263),
    }
    others = [
        _task_row(
            COMPARED_WITH[model][0], [_islam_other(model, task) for task in TASKS], paper, MAIN
        )
        for model, paper in figures.items()
    ]
    return Table(
        'Islam et al. 2019, table IV: Dice of networks by task',
        ('Binary', 'Parts', 'Types'),
        (
            _task_row('Ours', ours, (0.916, 0.738, 0.347), MAIN),
            others[0],
            Row('ICNet', paper=(0.882, 0.553, 0.266)),
            *others[1:],
            Row('PSPNet', paper=(0.831, 0.559, 0.232)),
        ),
        ('`dice_islam2019`: per image and class, over the classes present.', NOT_HERE),
    )


def _islam_table_5() -> Table:
    runs = [_islam(task) for task in TASKS]
    rows = []
    for label, branch, rate, paper in (
        ('Main', MAIN, 173.78, (0.916, 0.738, 0.347)),
        ('Auxiliary', AUXILIARY, 227.38, (0.911, 0.732, 0.339)),
    ):
        time = Cell((Timing('mffnet', branch),), 'images_per_s', rate, digits=1)
        rows.append(Row(label, (time, *_task_row(label, runs, paper, branch).cells)))
    return Table(
        'Islam et al. 2019, table V: the two branches',
        ('fps', 'Binary', 'Parts', 'Types'),
        tuple(rows),
        ('Both branches are those of one training.',),
    )


def _percent(runs: tuple[Run, ...], value: str, paper: float | None = None) -> Cell:
    return Cell(runs, value, paper, scale=100, digits=2)


def _rasnet_row(label: str, run: Training, dice: float, iou: float) -> Row:
    return Row(
        label,
        (
            _percent((run,), 'main.dice_ignoring_background_confusion', dice),
            _percent((run,), 'main.iou_ignoring_background_confusion', iou),
            _percent((run,), 'main.dice_pooled'),
            _percent((run,), 'main.iou_pooled'),
        ),
    )


def _rasnet_table_3() -> Table:
    others = (SIX_TO_TWO, 'model_options={}', *NO_BATCH_NORM)
    return Table(
        'Ni et al. 2019 (RASNet), table III: networks, types',
        ('Dice, %', 'IoU, %', 'honest Dice, % (`dice_pooled`)', 'honest IoU, % (`iou_pooled`)'),
        (
            _rasnet_row(
                'RASNet without AFM',
                Training('rasnet', (SIX_TO_TWO, 'model_options.attention=false')),
                89.31,
                82.75,
            ),
            _rasnet_row('RASNet', Training('rasnet', (SIX_TO_TWO,)), 94.65, 90.33),
            _rasnet_row('U-Net', Training('rasnet', ('model=unet', *others)), 70.04, 56.76),
            _rasnet_row(
                'TernausNet', Training('rasnet', ('model=ternausnet16', *others)), 88.04, 80.34
            ),
        ),
        (
            BACKGROUND_BLIND,
            'The split of the paper is not published; six videos train and two test here.',
        ),
    )


SHVETS_FIGURES = {
    BINARY: {
        'unet': ('U-Net', 75.44, 84.37, 93.0),
        'ternausnet11': ('TernausNet-11', 81.14, 88.07, 142.0),
        'ternausnet16': ('TernausNet-16', 83.60, 90.01, 184.0),
        'linknet34': ('LinkNet-34', 82.36, 88.87, 88.0),
    },
    PARTS: {
        'unet': ('U-Net', 48.41, 60.75, 106.0),
        'ternausnet11': ('TernausNet-11', 62.23, 74.25, 157.0),
        'ternausnet16': ('TernausNet-16', 65.50, 75.97, 202.0),
        'linknet34': ('LinkNet-34', 34.55, 41.26, 97.0),
    },
    TYPES: {
        'unet': ('U-Net', 15.80, 23.59, 122.0),
        'ternausnet11': ('TernausNet-11', 34.61, 45.86, 173.0),
        'ternausnet16': ('TernausNet-16', 33.78, 44.95, 275.0),
        'linknet34': ('LinkNet-34', 22.47, 24.71, 177.0),
    },
}
"""Name, IoU and Dice in percent and time in ms by task and network."""


def _shvets(model: str, task: str, fold: int) -> Training:
    settings = [f'model={model}', f'task={task}', f'fold={fold}']
    if task != BINARY:
        settings += ['model_options.single_logit=false', 'threshold=0.5']
    if model == 'unet':
        # It has no pretrained encoder.
        settings.append(f'model_options={{"single_logit": {str(task == BINARY).lower()}}}')
    return Training('ternaus', tuple(settings))


def _shvets_table(task: str, folds: Sequence[int]) -> Table:
    rows = []
    for model, (label, iou, dice, milliseconds) in SHVETS_FIGURES[task].items():
        runs = tuple(_shvets(model, task, fold) for fold in folds)
        rows.append(
            Row(
                label,
                (
                    _percent(runs, 'main.iou_ternaus', iou),
                    _percent(runs, 'main.dice_ternaus', dice),
                    Cell((Timing(model),), 'ms', milliseconds, digits=1),
                ),
            )
        )
    named = ', '.join(str(fold) for fold in folds)
    return Table(
        f'Shvets et al. 2018: {task}',
        ('IoU, % (`iou_ternaus`)', 'Dice, % (`dice_ternaus`)', 'Time, ms'),
        tuple(rows),
        (f'Mean over the folds {named} of 0 to 3; times are of binary networks.',),
    )


def _agsd_row(label: str, run: Adaptation, iou: float, dice: float) -> Row:
    return Row(
        label,
        (
            _percent((run,), 'prediction.iou', iou),
            _percent((run,), 'prediction.dice', dice),
        ),
    )


FEATURES = (
    'Learned from clips without opening a label. Where no ImageNet weights of VGG16 are at hand, '
    'frames are compared by the features of the shipped network, which has learned from labels of '
    'other simulated scenes.'
)


def _agsd_table_1() -> Table:
    off = {'foreground_diffusion': False, 'background_diffusion': False}

    def run(**on: bool) -> Adaptation:
        changes = {key: value for key, value in {**off, **on}.items() if not value}
        return Adaptation(tuple(changes.items()))

    return Table(
        'Liu et al. 2020 (AGSD), table 1: losses, setting SS',
        ('IoU, %', 'Dice, %'),
        (
            _agsd_row('anchor loss', run(), 49.47, 64.21),
            _agsd_row('+ foreground diffusion', run(foreground_diffusion=True), 50.78, 65.16),
            _agsd_row('+ background diffusion', run(background_diffusion=True), 67.26, 78.94),
            _agsd_row('all', Adaptation(), 70.56, 81.15),
        ),
        (FEATURES,),
    )


AGSD_CUES = (
    ((True, False, False), (55.60, 55.60, 45.27), (69.21, 69.21, 60.09)),
    ((False, True, False), (16.01, 16.01, 14.23), (26.57, 26.57, 23.57)),
    ((False, False, True), (16.90, 16.90, 21.32), (28.11, 28.11, 33.97)),
    ((False, True, True), (20.28, 18.93, 47.39), (32.48, 30.99, 62.51)),
    ((True, False, True), (41.44, 19.21, 43.74), (57.00, 31.46, 59.30)),
    ((True, True, False), (38.69, 22.09, 63.27), (53.70, 35.19, 75.56)),
    ((True, True, True), (38.64, 18.53, 70.56), (53.73, 30.56, 81.15)),
)
"""Which of the cues, then IoU and Dice of a_pos, 1 - a_neg and p, in percent."""


def _agsd_table_2() -> Table:
    rows = []
    for used, ious, dices in AGSD_CUES:
        names = tuple(name for name, is_used in zip(CUES, used, strict=True) if is_used)
        run = Adaptation() if names == CUES else Adaptation((('cues', names),))
        cells = [
            _percent((run,), f'{what}.{metric}', figure)
            for metric, figures in (('iou', ious), ('dice', dices))
            for what, figure in zip(
                ('positive', 'inverted_negative', 'prediction'), figures, strict=True
            )
        ]
        rows.append(Row(', '.join(names), tuple(cells)))
    return Table(
        'Liu et al. 2020 (AGSD), table 2: cues, setting SS',
        ('IoU a_pos', 'IoU 1 - a_neg', 'IoU p', 'Dice a_pos', 'Dice 1 - a_neg', 'Dice p'),
        tuple(rows),
        (
            'Percent, each map at its own threshold of Otsu. Which two cues the rows of two have '
            'is our reading of the paper.',
            FEATURES,
        ),
    )
