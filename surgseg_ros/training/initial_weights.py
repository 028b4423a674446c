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
"""Training that starts from the weights of another checkpoint, perhaps of another task."""

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import dataclass
import hashlib
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch import Tensor

from surgseg_ros.inference.checkpoints import load_checkpoint
from surgseg_ros.inference.checkpoints import resolve_checkpoint
from surgseg_ros.inference.published_checkpoints import weights_file
from surgseg_ros.training.recipe import Recipe
from surgseg_ros.training.recipe import RecipeError


@dataclass(frozen=True)
class InitialWeights:
    """
    Where the first weights came from.

    :param checkpoint: name of the file; several, which were averaged, are joined by ``' + '``
    :param sha256: of the file, likewise
    :param task: of the checkpoints
    :param loaded: tensors that were taken over
    :param total: tensors of the network
    """

    checkpoint: str
    sha256: str
    task: str
    loaded: int
    total: int

    def __str__(self) -> str:
        """Return one line for a log."""
        return f'{self.loaded} of {self.total} tensors from {self.checkpoint}, task {self.task}'

    def to_dict(self) -> dict[str, Any]:
        """Return what the checkpoint of the run says about it."""
        return asdict(self)


def load_initial_weights(network: nn.Module, recipe: Recipe) -> InitialWeights:
    """
    Take all weights over whose name and shape fit; those of other classes stay random.

    Several checkpoints are averaged: the middle between weights and what a second domain made of
    them holds on both (Wortsman et al., Robust fine-tuning of zero-shot models, CVPR 2022).

    :param network: of the recipe, changed in place
    :param recipe: with ``init``: names of shipped checkpoints or paths
    :raises CheckpointError: if a file cannot be used
    :raises RecipeError: if one is of another model, they differ in their task, or nothing fits
    """
    names = (recipe.init,) if isinstance(recipe.init, str) else recipe.init
    paths = [resolve_checkpoint(name) for name in names]
    states, tasks = [], []
    for path in paths:
        model, info = load_checkpoint(path)
        if info.model != recipe.model:
            raise RecipeError(
                f"init: {path} has weights of model '{info.model}', the recipe trains "
                f"'{recipe.model}'; give a checkpoint of that model"
            )
        states.append(model.state_dict())
        tasks.append(info.task)
    if len(set(tasks)) > 1:
        raise RecipeError(f'init: checkpoints of different tasks: {", ".join(tasks)}')
    own = network.state_dict()
    fitting = {
        name: tensor
        for name, tensor in _average(states).items()
        if name in own and own[name].shape == tensor.shape
    }
    if not fitting:
        raise RecipeError(
            f'init: no tensor of {paths[0]} fits the {len(own)} of the network; are model_options '
            'the same?'
        )
    network.load_state_dict(fitting, strict=False)
    return InitialWeights(
        ' + '.join(path.name for path in paths),
        ' + '.join(_digest(path) for path in paths),
        tasks[0],
        len(fitting),
        len(own),
    )


def _average(states: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Return the mean of weights and statistics; of counters, those of the last."""
    return {
        name: torch.stack([state[name] for state in states]).mean(dim=0)
        if last.is_floating_point()
        else last
        for name, last in states[-1].items()
    }


def _digest(path: Path) -> str:
    file = weights_file(path) if path.is_dir() else path
    return hashlib.sha256(file.read_bytes()).hexdigest()
