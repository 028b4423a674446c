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
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch import Tensor

from surgseg_ros.inference.checkpoint_info import CheckpointInfo
from surgseg_ros.inference.checkpoints import load_checkpoint
from surgseg_ros.inference.checkpoints import resolve_checkpoint
from surgseg_ros.inference.checkpoints import weights_sha256
from surgseg_ros.models.base import SegmentationNetwork
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

    Several checkpoints are averaged, see :func:`average_checkpoints`.

    :param network: of the recipe, changed in place
    :param recipe: with ``init``: names of shipped checkpoints or paths
    :raises CheckpointError: if a file cannot be used
    :raises RecipeError: if one is of another model, they differ in their task, or nothing fits
    """
    names = (recipe.init,) if isinstance(recipe.init, str) else recipe.init
    paths = [resolve_checkpoint(name) for name in names]
    model, info = average_checkpoints(paths)
    if info.model != recipe.model:
        raise RecipeError(
            f"init: {paths[0]} has weights of model '{info.model}', the recipe trains "
            f"'{recipe.model}'; give a checkpoint of that model"
        )
    own = network.state_dict()
    fitting = {
        name: tensor
        for name, tensor in model.state_dict().items()
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
        ' + '.join(weights_sha256(path) for path in paths),
        info.task,
        len(fitting),
        len(own),
    )


def average_checkpoints(paths: Sequence[Path]) -> tuple[SegmentationNetwork, CheckpointInfo]:
    """
    Return the network in the middle between checkpoints, and what describes it.

    The middle between weights and what training on a second domain made of them holds on both
    (Wortsman et al., Robust fine-tuning of zero-shot models, CVPR 2022, with a share of one half),
    the middle of several such trainings better than each of them (Wortsman et al., Model soups,
    ICML 2022, uniform).

    :param paths: of one model and task; of a single one all stays as it is
    :raises CheckpointError: if a file cannot be used
    :raises RecipeError: if they differ in model or task
    """
    networks, infos = zip(*(load_checkpoint(path) for path in paths), strict=True)
    kinds = {f"model '{info.model}', task '{info.task}'" for info in infos}
    if len(kinds) > 1:
        raise RecipeError(f'checkpoints of different kinds: {"; ".join(sorted(kinds))}')
    if len(paths) == 1:
        return networks[0], infos[0]
    networks[-1].load_state_dict(_average([network.state_dict() for network in networks]))
    mean_of = {path.stem: info.provenance for path, info in zip(paths, infos, strict=True)}
    return networks[-1], replace(infos[-1], provenance={'mean_of': mean_of})


def _average(states: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Return the mean of weights and statistics; of counters, those of the last."""
    return {
        name: torch.stack([state[name] for state in states]).mean(dim=0)
        if last.is_floating_point()
        else last
        for name, last in states[-1].items()
    }
