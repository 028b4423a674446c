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

from dataclasses import asdict
from dataclasses import dataclass
import hashlib
from typing import Any

from torch import nn

from surgseg_ros.inference.checkpoints import load_checkpoint
from surgseg_ros.inference.checkpoints import resolve_checkpoint
from surgseg_ros.inference.published_checkpoints import weights_file
from surgseg_ros.training.recipe import Recipe
from surgseg_ros.training.recipe import RecipeError


@dataclass(frozen=True)
class InitialWeights:
    """
    Where the first weights came from.

    :param checkpoint: name of the file
    :param sha256: of the file
    :param task: of the checkpoint
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

    :param network: of the recipe, changed in place
    :param recipe: with ``init``, the name of a shipped checkpoint or the path of one
    :raises CheckpointError: if the file cannot be used
    :raises RecipeError: if it is of another model, or nothing of it fits
    """
    path = resolve_checkpoint(recipe.init)
    model, info = load_checkpoint(path)
    if info.model != recipe.model:
        raise RecipeError(
            f"init: {path} has weights of model '{info.model}', the recipe trains "
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
            f'init: no tensor of {path} fits the {len(own)} of the network; are model_options '
            'the same?'
        )
    network.load_state_dict(fitting, strict=False)
    file = weights_file(path) if path.is_dir() else path
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    return InitialWeights(path.name, digest, info.task, len(fitting), len(own))
