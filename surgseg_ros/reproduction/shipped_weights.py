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
"""The shipped weights, made again: data, networks, scores, from a few numbers and two recipes."""

from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
import json
from pathlib import Path
import shutil

from surgseg_ros.data.prepared_folder import read_hash
from surgseg_ros.inference.checkpoints import SUFFIX
from surgseg_ros.training.engine import make_fabric
from surgseg_ros.training.recipe import load_recipe
from surgseg_ros.training.run_folder import RunFolder
from surgseg_ros.training.simulated_data import render_videos
from surgseg_ros.training.trainer import Trainer
from surgseg_ros.training.training_data import load_training_data


@dataclass(frozen=True)
class WeightsData:
    """
    The data set that the shipped weights are trained on, see :func:`render_videos`.

    :param videos: number of videos, of which the recipes hold a share out
    :param frames: of each video
    :param frames_per_scene: few, so that there are many scenes: frames of one resemble each other
    :param size: (width, height) in px, that of the recipes
    :param seed: of all that is random
    :param ranges: that scenes are drawn from, see :data:`surgseg_ros.simulation.options.RANGES`
    """

    videos: int = 60
    frames: int = 100
    frames_per_scene: int = 2
    size: tuple[int, int] = (640, 512)
    seed: int = 0
    ranges: str = 'wide'


@dataclass(frozen=True)
class ShippedNetwork:
    """
    A network that is shipped.

    :param name: of its weights
    :param recipe: that trains it
    :param init: name of the shipped network that it starts from; empty: random weights
    """

    name: str
    recipe: str
    init: str = ''


NETWORKS = (
    ShippedNetwork('mffnet_parts_sim', 'mffnet_sim'),
    ShippedNetwork('mffnet_types_sim', 'mffnet_types_sim', 'mffnet_parts_sim'),
)


def make_weights(
    output: Path,
    data: WeightsData,
    settings: Sequence[str] = (),
    device: str = 'auto',
    workers: int | None = None,
) -> Iterator[Path]:
    """
    Render the data and train the networks; what exists is kept, so an interrupted call goes on.

    :param output: gets ``data/``, ``runs/<name>/`` and, of each network, ``<name>.safetensors`` in
        float16 and ``<name>.json`` with the hash of the data and the scores of all validations
    :param settings: ``key=value`` that differ from the recipes
    :param device: see :func:`surgseg_ros.inference.devices.select_device`
    :param workers: processes that render (default: number of CPUs)
    :return: the weights, one file after the other as they are done
    :raises DatasetError: if the folder was begun with other data
    :raises RecipeError: if it was begun with other settings
    """
    render_videos(
        output / 'data',
        data.videos,
        data.frames,
        data.size,
        data.seed,
        frames_per_scene=data.frames_per_scene,
        ranges=data.ranges,
        workers=workers,
    )
    for network in NETWORKS:
        yield _train(network, output, settings, device)


def _train(network: ShippedNetwork, output: Path, settings: Sequence[str], device: str) -> Path:
    init = f'init={json.dumps(str(output / (network.init + SUFFIX)))}'
    recipe = load_recipe(network.recipe, [*settings, *([init] if network.init else [])])
    # All files were read when they were counted, a moment ago.
    data = load_training_data(output / 'data', recipe, check=False)
    folder = output / 'runs' / network.name
    fabric = make_fabric(device, 0, 0, recipe.precision, folder / 'tensorboard')
    fabric.launch()
    Trainer(recipe, data, folder, fabric).run()
    files = RunFolder(folder)
    scores = {'data_hash': read_hash(output / 'data'), 'validations': files.read_metrics()}
    weights = output / f'{network.name}{SUFFIX}'
    shutil.copyfile(files.best, weights)
    weights.with_suffix('.json').write_text(json.dumps(scores, indent=2) + '\n', encoding='utf-8')
    return weights
