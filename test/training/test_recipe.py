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
"""Tests of the recipes: the values of the papers, and clear errors."""

import pytest

from surgseg_ros.models import create_model
from surgseg_ros.training.augmentation import Augmentation
from surgseg_ros.training.recipe import list_recipes
from surgseg_ros.training.recipe import load_recipe
from surgseg_ros.training.recipe import RecipeError


@pytest.mark.parametrize('name', list_recipes())
def test_every_recipe_makes_a_network_and_its_images(name):
    recipe = load_recipe(name)
    options = {key: value for key, value in recipe.model_options.items() if key != 'pretrained'}
    create_model(recipe.model, recipe.task, **options)
    for stage in recipe.stages():
        Augmentation(stage.size[::-1], stage.cut, stage.augmentation)
        assert stage.steps or stage.epochs


def test_values_of_islam_2019():
    recipe = load_recipe('islam2019')
    assert (recipe.learning_rate, recipe.discriminator_learning_rate) == (1e-3, 1.5e-4)
    assert (recipe.auxiliary_weight, recipe.adversarial_weight) == (0.4, 0.01)
    assert (recipe.schedule, recipe.poly_power, recipe.weight_decay) == ('poly', 0.9, 5e-4)


def test_ternaus_lowers_the_rate_after_ten_epochs():
    stages = load_recipe('ternaus').stages()
    assert [(stage.epochs, stage.learning_rate) for stage in stages] == [(10, 1e-4), (10, 1e-5)]
    assert all(stage.loss == 'ternaus' for stage in stages)


def test_set_changes_single_values():
    settings = [
        *('size=[320, 256]', 'batch_size=4', 'learning_rate=1', 'loss=rasnet'),
        *('augmentation.flip_vertical=0', 'model_options.share_encoder=true'),
    ]
    recipe = load_recipe('islam2019', settings)
    assert recipe.size == (320, 256)
    assert recipe.batch_size == 4
    assert isinstance(recipe.learning_rate, float)
    assert recipe.loss == 'rasnet'
    assert recipe.augmentation == {'flip_horizontal': 0.5, 'flip_vertical': 0}
    assert recipe.model_options == {'share_encoder': True}


@pytest.mark.parametrize(
    ('setting', 'message'),
    [
        ('batch_size', 'expected KEY=VALUE'),
        ('batchsize=4', 'did you mean batch_size'),
        ('batch_size=many', "batch_size must be of type int, not 'many'"),
        ('batch_size=0', 'batch_size must be above 0'),
        ('model=resnet', "model: 'resnet' is none of .*mffnet"),
        ('task=tools', "unknown task 'tools'"),
        ('optimizer=lion', "optimizer: 'lion' is none of adam, adamw"),
        ('augmentation.flip=0.5', "augmentation: 'flip' is none of flip_horizontal"),
        ('class_weights=[1, 2, 3]', "class_weights has 3 numbers, task 'binary' has 2 classes"),
        ('model=unet', "model 'unet' has no auxiliary branch"),
        ('model_options={"single_logit": true}', 'the discriminator compares class maps'),
        ('phases=[{"model": "unet"}]', "phases: 'model' is none of size"),
    ],
)
def test_errors_name_the_value_and_what_would_do(setting, message):
    with pytest.raises(RecipeError, match=message):
        load_recipe('islam2019', [setting])


def test_epochs_replace_the_steps_of_a_recipe():
    assert load_recipe('rasnet', ['steps=10', 'epochs=3']).steps == 0
    (stage,) = load_recipe('rasnet', ['steps=10', 'phases=[{"epochs": 2}]']).stages()
    assert (stage.epochs, stage.steps) == (2, 0)


def test_a_setting_that_every_phase_overrides_is_refused():
    with pytest.raises(RecipeError, match='--set learning_rate would change nothing'):
        load_recipe('ternaus', ['learning_rate=1e-3'])
    recipe = load_recipe('ternaus', ['learning_rate=1e-3', 'phases=[]'])
    assert [stage.learning_rate for stage in recipe.stages()] == [1e-3]


def test_own_recipe_file(tmp_path):
    path = tmp_path / 'ours.yaml'
    path.write_text('source: our lab\nmodel: unet\ntask: parts\nsize: [640, 512]\n')
    recipe = load_recipe(str(path))
    assert (recipe.name, recipe.model, recipe.size) == ('ours', 'unet', (640, 512))
    path.write_text('model: unet\n')
    with pytest.raises(RecipeError, match='recipe ours: it lacks source, task, size'):
        load_recipe(str(path))
    with pytest.raises(RecipeError, match="no recipe 'theirs'; give .* islam2019"):
        load_recipe('theirs')


def test_a_recipe_has_the_values_of_the_one_that_it_extends(tmp_path):
    path = tmp_path / 'mine.yaml'
    path.write_text('source: ours\nextends: mffnet_sim\ntask: binary\nclass_weights: null\n')
    mine, base = load_recipe(str(path)), load_recipe('mffnet_sim')
    assert (mine.name, mine.source, mine.task, mine.class_weights) == (
        *('mine', 'ours', 'binary'),
        None,
    )
    assert (mine.augmentation, mine.steps) == (base.augmentation, base.steps)


def test_a_recipe_that_extends_itself_is_refused(tmp_path):
    path = tmp_path / 'mine.yaml'
    path.write_text(f'extends: {path}\n')
    with pytest.raises(RecipeError, match='extends itself'):
        load_recipe(str(path))
