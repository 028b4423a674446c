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
Recipes: everything that decides a training run, as one YAML file a published system.

``surgseg_ros/training/recipes/<name>.yaml`` gives each value with its source; what a recipe leaves
out has the value of the recipe that it ``extends``, or the default of :class:`Recipe`. ``--set
key=value`` changes single values.
"""

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import field
from dataclasses import fields
from dataclasses import replace
import difflib
import json
from pathlib import Path
from typing import Any

import yaml

from surgseg_ros.data.label_sets import get_label_set
from surgseg_ros.data.settings import json_or_text
from surgseg_ros.inference.checkpoint_info import RESIZE_MODES
from surgseg_ros.models import list_models
from surgseg_ros.models import model_info
from surgseg_ros.training.augmentation import CHANGES
from surgseg_ros.training.augmentation import CUTS

RECIPES_FOLDER = Path(__file__).resolve().parent / 'recipes'
DATA_MEAN = 'data'
LOSSES = ('cross_entropy', 'ternaus', 'rasnet')
OPTIMIZERS = ('adam', 'adamw')
SCHEDULES = ('constant', 'poly', 'step')
BEST_METRICS = ('dice', 'loss')
ALL_CPUS = -1
PRECISIONS = ('auto', 'fp32', 'bf16', 'fp16')


class RecipeError(ValueError):
    """A recipe or one of its values cannot be used; the message says which would do."""


@dataclass(frozen=True)
class Recipe:
    """
    How to train.

    :param name: of the file
    :param source: paper or reason
    :param model: network, see :func:`surgseg_ros.models.list_models`
    :param task: label set
    :param model_options: keyword arguments of :func:`surgseg_ros.models.create_model`
    :param size: (width, height) in pixels that the network sees
    :param resize: ``'fit'`` keeps the aspect ratio of the images at the cost of ``size``;
        ``'stretch'`` brings every image to exactly that size
    :param mean: RGB in [0, 1] that is subtracted, or ``'data'``: measured on the training images
    :param std: RGB that the difference is divided by
    :param split: which samples train and which validate, see :mod:`surgseg_ros.data.splits`
    :param fold: of splits that have several
    :param split_fraction: share that validates, of splits by share
    :param split_seed: of splits by lot
    :param cut: how a training image is cut from its source, see
        :mod:`surgseg_ros.training.augmentation`
    :param augmentation: random changes with their settings, see
        :mod:`surgseg_ros.training.augmentation`
    :param batch_size: images a step, of all processes together
    :param epochs: passes over the training images
    :param steps: optimizer steps, instead of epochs, unless 0; setting epochs sets it to 0
    :param init: checkpoint whose weights the training starts from, as far as they fit: the name
        of a shipped one or a path; several are averaged; empty: random weights
    :param weight_average: share of the average of the weights that each step keeps, such as 0.999;
        the average is validated and saved instead of the weights themselves; 0: no average
    :param optimizer: ``'adam'`` or ``'adamw'``
    :param learning_rate: at the start
    :param betas: of the optimizer; the first is what the papers call momentum
    :param weight_decay: of the optimizer
    :param schedule: of the learning rate: ``'constant'``, ``'poly'`` (1 - t)^power, or ``'step'``
    :param poly_power: of ``'poly'``
    :param step_factor: of ``'step'``, applied every ``step_epochs``
    :param step_epochs: of ``'step'``
    :param warm_up_steps: in which the learning rate rises to its start
    :param loss: of one branch, see :mod:`surgseg_ros.training.losses`
    :param jaccard_weight: of the log-Jaccard losses
    :param class_weights: of the cross-entropy, one number a class; None for equal ones
    :param auxiliary_weight: of the auxiliary branch, for networks that have one
    :param adversarial_weight: of the adversarial loss; 0: no discriminator
    :param discriminator_learning_rate: of its Adam, on the same schedule
    :param discriminator_betas: of its Adam
    :param phases: stretches of training one after the other, each with the values that differ
    :param best: what chooses the best checkpoint: ``'dice'`` (mean over the classes) or ``'loss'``
    :param patience: validations without improvement until training stops; 0: never early
    :param validate_every: steps between validations; 0: one each epoch
    :param save_every_s: seconds between savings of the state to resume from
    :param workers: processes that prepare images, of each training process; 0: none, the training
        process does it; -1: as many as there are CPUs; the results are the same
    :param precision: number format: auto, fp32, bf16 or fp16 (mixed)
    :param threshold: probability from which on a pixel is an instrument, task binary
    :param seed: of weights, order and augmentation
    :raises RecipeError: if a value cannot be used
    """

    name: str
    source: str
    model: str
    task: str
    size: tuple[int, int]
    model_options: Mapping[str, Any] = field(default_factory=dict)
    resize: str = 'fit'
    mean: tuple[float, float, float] | str = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    split: str = 'video'
    fold: int = 0
    split_fraction: float = 0.2
    split_seed: int = 42
    cut: Mapping[str, Any] = field(default_factory=dict)
    augmentation: Mapping[str, Any] = field(default_factory=dict)
    batch_size: int = 8
    epochs: int = 20
    steps: int = 0
    init: str | tuple[str, ...] = ''
    weight_average: float = 0.0
    optimizer: str = 'adam'
    learning_rate: float = 1e-4
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.0
    schedule: str = 'constant'
    poly_power: float = 0.9
    step_factor: float = 0.1
    step_epochs: int = 10
    warm_up_steps: int = 0
    loss: str = 'cross_entropy'
    jaccard_weight: float = 0.0
    class_weights: tuple[float, ...] | None = None
    auxiliary_weight: float = 0.0
    adversarial_weight: float = 0.0
    discriminator_learning_rate: float = 1.5e-4
    discriminator_betas: tuple[float, float] = (0.9, 0.99)
    phases: tuple[Mapping[str, Any], ...] = ()
    best: str = 'dice'
    patience: int = 0
    validate_every: int = 0
    save_every_s: float = 60.0
    workers: int = ALL_CPUS
    precision: str = 'auto'
    threshold: float = 0.5
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the values, those of the phases too."""
        _check_choice('model', self.model, list_models())
        for name, choices in (
            ('resize', RESIZE_MODES),
            ('loss', LOSSES),
            ('optimizer', OPTIMIZERS),
            ('schedule', SCHEDULES),
            ('best', BEST_METRICS),
            ('precision', PRECISIONS),
        ):
            _check_choice(name, getattr(self, name), choices)
        for name, table in (('cut', CUTS), ('augmentation', CHANGES)):
            for key in getattr(self, name):
                _check_choice(name, key, list(table))
        for name in ('batch_size', 'learning_rate'):
            if getattr(self, name) <= 0:
                raise RecipeError(f'{name} must be above 0, not {getattr(self, name)}')
        if not 0 <= self.weight_average < 1:
            raise RecipeError(
                f'weight_average must be at least 0 and below 1, not {self.weight_average}'
            )
        self._check_outputs()
        self.stages()

    def stages(self) -> list['Recipe']:
        """
        Return one recipe a phase, without phases of their own.

        :raises RecipeError: if a phase sets what must be the same in all
        """
        if not self.phases:
            return [self]
        whole = replace(self, phases=())
        return [_make_stage(whole, phase) for phase in self.phases]

    def _check_outputs(self) -> None:
        num_classes = get_label_set(self.task).num_classes
        weights = self.class_weights
        if weights is not None and len(weights) != num_classes:
            raise RecipeError(
                f"class_weights has {len(weights)} numbers, task '{self.task}' has {num_classes} "
                'classes; set as many, or null for equal weights'
            )
        if self.adversarial_weight and self.model_options.get('single_logit'):
            raise RecipeError(
                'the discriminator compares class maps, of which single_logit=true leaves one; '
                'set single_logit=false or adversarial_weight=0'
            )
        if self.auxiliary_weight and 'auxiliary' not in model_info(self.model).branches:
            raise RecipeError(
                f"model '{self.model}' has no auxiliary branch; set auxiliary_weight=0"
            )


_PHASE_FIELDS = (
    *('size', 'cut', 'augmentation', 'batch_size', 'epochs', 'steps', 'learning_rate'),
    *('schedule', 'poly_power', 'step_factor', 'step_epochs', 'warm_up_steps', 'class_weights'),
    'adversarial_weight',
)


def list_recipes() -> list[str]:
    """Return the names of the recipes that come with the package."""
    return sorted(path.stem for path in RECIPES_FOLDER.glob('*.yaml'))


def recipe_file(name_or_path: str) -> Path:
    """
    Return the file of a recipe.

    :param name_or_path: one of :func:`list_recipes`, or the path of a YAML file
    :raises RecipeError: if there is none
    """
    for path in (RECIPES_FOLDER / f'{name_or_path}.yaml', Path(name_or_path).expanduser()):
        if path.is_file():
            return path
    raise RecipeError(
        f"no recipe '{name_or_path}'; give the path of a YAML file or one of: "
        f'{", ".join(list_recipes())}'
    )


def load_recipe(name_or_path: str, settings: Sequence[str] = ()) -> Recipe:
    """
    Read a recipe and change single values.

    :param name_or_path: see :func:`recipe_file`
    :param settings: ``key=value``, the value as JSON or plain text, the key dotted to reach into a
        mapping: ``augmentation.flip_vertical=0``
    :raises RecipeError: if the recipe, a key or a value is wrong

    >>> load_recipe('islam2019', ['size=[320, 256]', 'batch_size=4']).size
    (320, 256)
    """
    path = recipe_file(name_or_path)
    values = _read_values(path)
    for setting in settings:
        _apply_setting(values, setting)
    _check_settings(values, settings)
    try:
        return _build({'name': path.stem, **values})
    except (RecipeError, TypeError, ValueError) as error:
        raise RecipeError(f'recipe {path.stem}: {error}') from error


def recipe_to_dict(recipe: Recipe) -> dict[str, Any]:
    """Return a recipe as JSON would hold it, to be written down and compared."""
    return json.loads(json.dumps(asdict(recipe)))


def differing_keys(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[str]:
    """Return the keys in which two recipes, as dictionaries, differ."""
    return [key for key in sorted({*first, *second}) if first.get(key) != second.get(key)]


def _read_values(path: Path) -> dict[str, Any]:
    """Return the values of a file, and those that it leaves to the recipe that it extends."""
    values = yaml.safe_load(path.read_text(encoding='utf-8'))
    if not isinstance(values, dict):
        raise RecipeError(f'{path} is no mapping of keys to values')
    if 'extends' not in values:
        return values
    base = recipe_file(values.pop('extends'))
    if base == path:
        raise RecipeError(f'{path} extends itself')
    return {**_read_values(base), **values}


def _apply_setting(values: dict[str, Any], setting: str) -> None:
    key, separator, text = setting.partition('=')
    if not separator:
        raise RecipeError(f'--set {setting}: expected KEY=VALUE, such as batch_size=4')
    *path, last = key.split('.')
    _check_key(path[0] if path else last)
    target = values
    for name in path:
        inner = target.get(name)
        target[name] = dict(inner) if isinstance(inner, Mapping) else {}
        target = target[name]
    target[last] = json_or_text(text)
    if key == 'epochs':
        values['steps'] = 0


def _check_settings(values: Mapping[str, Any], settings: Sequence[str]) -> None:
    """Refuse settings that would change nothing, because every phase has its own value."""
    phases = values.get('phases') or []
    for key in (setting.partition('=')[0] for setting in settings):
        if phases and all(key in phase for phase in phases):
            raise RecipeError(
                f"--set {key} would change nothing: each of the recipe's {len(phases)} phases "
                'has its own; set phases, or --set phases=[] for a single one'
            )


def _build(values: Mapping[str, Any]) -> Recipe:
    for key in values:
        _check_key(key)
    missing = [name for name in ('source', 'model', 'task', 'size') if values.get(name) is None]
    if missing:
        raise RecipeError(f'it lacks {", ".join(missing)}')
    return Recipe(**{key: _frozen(key, value) for key, value in values.items()})


def _frozen(key: str, value: Any) -> Any:
    """Return a value of its field's type: YAML and JSON know lists but no tuples."""
    expected = type(_DEFAULTS.get(key))
    if isinstance(value, list):
        return tuple(value)
    if expected is float and isinstance(value, int):
        return float(value)
    if expected in (int, float, str) and key != 'mean' and not isinstance(value, expected):
        raise RecipeError(f'{key} must be of type {expected.__name__}, not {value!r}')
    return value


def _make_stage(recipe: Recipe, values: Mapping[str, Any]) -> Recipe:
    for key in values:
        _check_choice('phases', key, _PHASE_FIELDS)
    # A phase counted in epochs is not counted in the steps of the recipe.
    counted = {'steps': 0, **values} if 'epochs' in values else values
    return replace(recipe, **{key: _frozen(key, value) for key, value in counted.items()})


_FIELDS = [each.name for each in fields(Recipe)]
_DEFAULTS = {each.name: each.default for each in fields(Recipe)}


def _check_key(key: str) -> None:
    if key in _FIELDS:
        return
    close = difflib.get_close_matches(key, _FIELDS, 1)
    hint = f'; did you mean {close[0]}?' if close else ''
    raise RecipeError(f"a recipe has no '{key}'{hint} It has: {', '.join(_FIELDS)}")


def _check_choice(name: str, value: Any, choices: Sequence[str]) -> None:
    if value not in choices:
        raise RecipeError(f"{name}: '{value}' is none of {', '.join(choices)}")
