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
"""The shipped weights, made again: data, networks, scores, from a few numbers and the recipes."""

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
import json
from pathlib import Path
import shutil
from typing import Any

from surgseg_ros.data.prepared_folder import read_hash
from surgseg_ros.inference.checkpoints import save_checkpoint
from surgseg_ros.inference.checkpoints import SUFFIX
from surgseg_ros.training.engine import make_fabric
from surgseg_ros.training.initial_weights import average_checkpoints
from surgseg_ros.training.recipe import load_recipe
from surgseg_ros.training.run_data import load_training_data
from surgseg_ros.training.run_folder import RunFolder
from surgseg_ros.training.simulated_data import render_videos
from surgseg_ros.training.trainer import Trainer


@dataclass(frozen=True)
class WeightsData:
    """
    A data set that shipped weights are trained on, see :func:`render_videos`.

    :param ranges: that scenes are drawn from, of :mod:`surgseg_ros.simulation.randomization`
    :param frames: of each video
    :param videos: number of videos, of which the recipes hold a share out
    :param frames_per_scene: few, so that there are many scenes: frames of one resemble each other
    :param size: (width, height) in px, that of the recipes
    :param seed: of all that is random
    """

    ranges: str
    frames: int
    videos: int = 60
    frames_per_scene: int = 2
    size: tuple[int, int] = (640, 512)
    seed: int = 0

    def render(self, folder: Path, workers: int | None) -> None:
        """Render the data set, or what is missing of it."""
        render_videos(
            folder,
            self.videos,
            self.frames,
            self.size,
            self.seed,
            frames_per_scene=self.frames_per_scene,
            ranges=self.ranges,
            workers=workers,
        )


STANDARD = WeightsData('standard', 100)
CROWDED = WeightsData('crowded', 50)
WIDE = WeightsData('wide', 50)


@dataclass(frozen=True)
class WeightsRun:
    """
    A training run on the way to the shipped weights, or the mean of runs.

    :param name: of its weights
    :param init: names of the runs whose mean it is or starts from; empty: random weights
    :param recipe: that trains them; empty: nothing is trained
    :param data: on which
    :param settings: ``key=value`` that differ from the recipe
    """

    name: str
    init: tuple[str, ...] = ()
    recipe: str = ''
    data: WeightsData | None = None
    settings: tuple[str, ...] = ()


RUNS = (
    WeightsRun('mffnet_parts_first', (), 'mffnet_sim', STANDARD),
    WeightsRun('mffnet_parts_second', ('mffnet_parts_first',), 'mffnet_sim_cuts', CROWDED),
    WeightsRun('mffnet_parts_third', ('mffnet_parts_first',), 'mffnet_sim_wide', WIDE),
    WeightsRun(
        'mffnet_parts_fourth', ('mffnet_parts_third',), 'mffnet_sim_wide', WIDE, ('seed=1',)
    ),
    WeightsRun(
        'mffnet_parts_four',
        (
            'mffnet_parts_first',
            'mffnet_parts_second',
            'mffnet_parts_third',
            'mffnet_parts_fourth',
        ),
    ),
    WeightsRun(
        'mffnet_parts_fifth', ('mffnet_parts_fourth',), 'mffnet_sim_wide', WIDE, ('seed=2',)
    ),
    WeightsRun('mffnet_parts_sim', ('mffnet_parts_four', 'mffnet_parts_fifth')),
    WeightsRun('mffnet_types_sim', ('mffnet_parts_first',), 'mffnet_types_sim', STANDARD),
)


def make_weights(
    output: Path,
    changes: Mapping[str, Any],
    settings: Sequence[str] = (),
    device: str = 'auto',
    workers: int | None = None,
) -> Iterator[Path]:
    """
    Render the data and train the networks; what exists is kept, so an interrupted call goes on.

    :param output: gets ``data_<ranges>/`` and, of each run, ``runs/<name>/``,
        ``<name>.safetensors`` in float16 and, where anything was trained, ``<name>.json`` with the
        hash of the data and the scores of all validations
    :param changes: fields of :class:`WeightsData` that differ
    :param settings: ``key=value`` that differ from the recipes and from those of the runs
    :param device: see :func:`surgseg_ros.inference.devices.select_device`
    :param workers: processes that render (default: number of CPUs)
    :return: the weights, one file after the other as they are done
    :raises DatasetError: if the folder was begun with other data
    :raises RecipeError: if it was begun with other settings
    """
    for run in RUNS:
        if run.data is None:
            yield _average(run, output)
            continue
        folder = output / f'data_{run.data.ranges}'
        replace(run.data, **changes).render(folder, workers)
        yield _train(run, folder, output, settings, device)


def _average(run: WeightsRun, output: Path) -> Path:
    weights = output / f'{run.name}{SUFFIX}'
    if not weights.is_file():
        starts = [output / (name + SUFFIX) for name in run.init]
        save_checkpoint(weights, *average_checkpoints(starts))
    return weights


def _train(
    run: WeightsRun, data_folder: Path, output: Path, settings: Sequence[str], device: str
) -> Path:
    starts = [str(output / (name + SUFFIX)) for name in run.init]
    init = [f'init={json.dumps(starts)}'] if starts else []
    recipe = load_recipe(run.recipe, [*run.settings, *settings, *init])
    # All files were read when they were counted, a moment ago.
    data = load_training_data(data_folder, recipe, check=False)
    folder = output / 'runs' / run.name
    fabric = make_fabric(device, 0, 0, recipe.precision, folder / 'tensorboard')
    fabric.launch()
    Trainer(recipe, data, folder, fabric).run()
    files = RunFolder(folder)
    scores = {'data_hash': read_hash(data_folder), 'validations': files.read_metrics()}
    weights = output / f'{run.name}{SUFFIX}'
    shutil.copyfile(files.best, weights)
    weights.with_suffix('.json').write_text(json.dumps(scores, indent=2) + '\n', encoding='utf-8')
    return weights
