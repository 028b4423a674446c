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
"""The data of a run: read, checked and split before anything is trained."""

from collections import Counter
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
import json
from pathlib import Path
from typing import Any

from surgseg_ros.data.datasets import open_dataset
from surgseg_ros.data.prepared_folder import MANIFEST
from surgseg_ros.data.sample_checks import check_samples
from surgseg_ros.data.samples import DatasetError
from surgseg_ros.data.samples import Sample
from surgseg_ros.data.simulated_set_defaults import SIMULATED
from surgseg_ros.data.splits import split_samples
from surgseg_ros.training.recipe import Recipe

SIMULATION_NOTICE = 'trained on simulated images only, not for clinical use'
NOTICE = 'trained for research, not for clinical use'


@dataclass(frozen=True)
class TrainingData:
    """
    What a run trains and validates on.

    :param training: samples that train
    :param validation: samples that choose the best weights
    :param notice: what a user of the weights must know
    :param provenance: where the samples come from, for the checkpoint
    :param unlabeled: names of images that neither train nor validate
    """

    training: Sequence[Sample]
    validation: Sequence[Sample]
    notice: str = NOTICE
    provenance: Mapping[str, Any] = field(default_factory=dict)
    unlabeled: tuple[str, ...] = ()


def load_training_data(
    folder: Path,
    recipe: Recipe,
    layout: str = 'auto',
    validation: Path | None = None,
    check: bool = True,
) -> TrainingData:
    """
    Find the samples of a recipe's task, check all of them and split them.

    :param folder: data set of any layout that `surgseg prepare` knows
    :param recipe: task and split
    :param layout: of the folder
    :param validation: data set that validates instead of a share of the folder
    :param check: decode every image and label file first
    :raises DatasetError: if a file is unreadable, of the wrong size, with unknown values or
        missing; all of them are listed
    """
    contents = open_dataset(folder, layout)
    samples, problems = contents.samples, list(contents.problems)
    unlabeled = contents.unlabeled
    if validation is None:
        split = split_samples(
            samples, recipe.split, recipe.fold, recipe.split_fraction, recipe.split_seed
        )
        training, held_out = split.training, split.validation
    else:
        other = open_dataset(validation, layout)
        training, held_out = samples, other.samples
        problems += other.problems
        unlabeled += other.unlabeled
    if check:
        everything = list({sample.image: sample for sample in (*training, *held_out)}.values())
        problems += check_samples(everything, recipe.task)
    if problems:
        raise DatasetError(_describe_problems(problems))
    description = _read_description(folder)
    provenance = {
        'data': folder.name,
        'hash': description.get('hash'),
        'description': description,
        'split': recipe.split,
        'training': dict(Counter(sample.video for sample in training)),
        'validation': dict(Counter(sample.video for sample in held_out)),
    }
    return TrainingData(training, held_out, _notice(description), provenance, unlabeled)


def _describe_problems(problems: Sequence[str]) -> str:
    listed = '\n'.join(f'  {problem}' for problem in problems)
    return (
        f'{len(problems)} files do not fit, nothing was trained:\n{listed}\n'
        'Mend or remove them; `surgseg prepare --skip-bad` makes a copy without them'
    )


def _notice(description: Mapping[str, Any]) -> str:
    is_simulated = description.get('settings', {}).get('source_layout') == SIMULATED
    return SIMULATION_NOTICE if is_simulated else NOTICE


def _read_description(folder: Path) -> dict[str, Any]:
    """Return what `surgseg prepare` wrote about a data set, nothing for others."""
    path = folder / MANIFEST
    return json.loads(path.read_text(encoding='utf-8')) if path.is_file() else {}
