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
"""The learning rate over a stretch of training."""

from surgseg_ros.training.recipe import Recipe


def learning_rate(recipe: Recipe, step: int, steps: int, steps_per_epoch: int) -> float:
    """
    Return the learning rate of a step.

    :param recipe: of one phase
    :param step: counted from 0 in this phase
    :param steps: of the phase
    :param steps_per_epoch: for the schedule that goes by epochs
    """
    return recipe.learning_rate * rate_factor(recipe, step, steps, steps_per_epoch)


def rate_factor(recipe: Recipe, step: int, steps: int, steps_per_epoch: int) -> float:
    """Return the share of its start that a learning rate has at a step; arguments as above."""
    warm_up = min((step + 1) / recipe.warm_up_steps, 1.0) if recipe.warm_up_steps else 1.0
    if recipe.schedule == 'poly':
        # Of DeepLab (Chen et al. 2018), which Islam et al. 2019 cite: (1 - t)^0.9.
        return warm_up * (1 - step / steps) ** recipe.poly_power
    if recipe.schedule == 'step':
        return warm_up * recipe.step_factor ** (step // steps_per_epoch // recipe.step_epochs)
    return warm_up
