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
"""The folder of a training run: weights, state to resume from, metrics and recipe."""

from collections.abc import Mapping
import json
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from surgseg_ros.data.whole_files import replacing
from surgseg_ros.data.whole_files import write_whole_text
from surgseg_ros.training.recipe import differing_keys
from surgseg_ros.training.recipe import Recipe
from surgseg_ros.training.recipe import recipe_to_dict
from surgseg_ros.training.recipe import RecipeError

MAY_DIFFER = ('source', 'workers', 'save_every_s')
"""Values of a recipe that a resumed run may have changed: they change no result."""


class RunFolder:
    """
    Files of one run; nothing half-written is ever left under their names.

    :param path: ``best.safetensors``, ``last.safetensors``, ``state.pt`` to resume from,
        ``metrics.jsonl`` with a line a validation, ``recipe.json``
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.best = path / 'best.safetensors'
        self.last = path / 'last.safetensors'
        self._state = path / 'state.pt'
        self._metrics = path / 'metrics.jsonl'
        self._recipe = path / 'recipe.json'

    def begin(self, recipe: Recipe) -> None:
        """
        Write the recipe down, or compare it with that of the interrupted run.

        :raises RecipeError: if the folder belongs to a run with another recipe
        """
        self.path.mkdir(parents=True, exist_ok=True)
        values = recipe_to_dict(recipe)
        if self._recipe.is_file():
            self._compare(values)
        write_whole_text(self._recipe, json.dumps(values, indent=2) + '\n')

    def _compare(self, values: Mapping[str, Any]) -> None:
        before = json.loads(self._recipe.read_text(encoding='utf-8'))
        keys = [key for key in differing_keys(before, values) if key not in MAY_DIFFER]
        if keys:
            changes = ', '.join(
                f'{key} {before.get(key)!r} -> {values.get(key)!r}' for key in keys
            )
            raise RecipeError(
                f'{self.path} belongs to a run with another recipe ({changes}); give another '
                '--output, or delete the folder to begin anew'
            )

    def write_state(self, state: Mapping[str, Any]) -> None:
        """Keep what is needed to go on."""
        with replacing(self._state) as draft:
            torch.save(state, draft)

    def read_state(self) -> dict[str, Any] | None:
        """
        Return the state of an interrupted run, on the CPU, or None.

        :raises RecipeError: if the file is damaged
        """
        if not self._state.is_file():
            return None
        try:
            return torch.load(self._state, map_location='cpu', weights_only=True)
        except (RuntimeError, EOFError, LookupError, UnpicklingError) as error:
            raise RecipeError(
                f'{self._state} is damaged ({error}); delete it to begin anew'
            ) from error

    def forget_state(self) -> None:
        """Delete the state, several times as large as the weights, of a run that is over."""
        self._state.unlink(missing_ok=True)

    def append_metrics(self, metrics: Mapping[str, Any]) -> None:
        """Write the metrics of a validation down."""
        with self._metrics.open('a', encoding='utf-8') as file:
            file.write(json.dumps(metrics) + '\n')

    def read_metrics(self) -> list[dict[str, Any]]:
        """Return the metrics of all validations."""
        if not self._metrics.is_file():
            return []
        lines = self._metrics.read_text(encoding='utf-8').splitlines()
        return [json.loads(line) for line in lines]

    def forget_metrics_after(self, step: int) -> None:
        """Drop the metrics of steps that a resumed run takes again."""
        kept = [json.dumps(line) for line in self.read_metrics() if line['step'] <= step]
        write_whole_text(self._metrics, ''.join(f'{line}\n' for line in kept))
