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
"""Tests of the trainer: it learns, is repeatable, stops and goes on."""

import json

import numpy as np
import pytest
from safetensors.torch import load_file
import torch

from surgseg_ros.inference.segmenter import Segmenter
from surgseg_ros.training.engine import make_fabric
from surgseg_ros.training.recipe import load_recipe
from surgseg_ros.training.recipe import RecipeError
from surgseg_ros.training.run_data import TrainingData
from surgseg_ros.training.trainer import Trainer
from surgseg_ros.training.validation import ValidationScores

SMALL = (
    *('phases=[]', 'task=parts', 'size=[96, 64]', 'batch_size=2', 'workers=0', 'augmentation={}'),
    *('cut={}', 'precision=fp32', 'validate_every=5', 'warm_up_steps=0'),
    # A linear color classifier learns these images and takes no time.
    *('model=color_linear', 'auxiliary_weight=0', 'learning_rate=0.1'),
)
MFFNET = ('model=mffnet', 'auxiliary_weight=0.4', 'learning_rate=1e-3')


def train(folder, data, *settings, recipe='mffnet_cpu'):
    made = load_recipe(recipe, [*SMALL, *settings])
    fabric = make_fabric('cpu', 1, 1, made.precision, folder / 'tensorboard')
    return Trainer(made, data, folder, fabric)


def test_it_learns_and_its_checkpoint_runs(shaft_data, shaft_samples, tmp_path):
    metrics = train(tmp_path, shaft_data, 'steps=40').run()
    assert metrics['step'] == 40
    assert metrics['main']['shaft'] > 0.9
    assert metrics['main']['wrist'] is None
    assert 'auxiliary' not in metrics
    segmenter = Segmenter(tmp_path / 'best.safetensors', 'cpu', backend='torch')
    (result,) = segmenter.segment([shaft_samples[0].read_image()])
    assert (result.label_image == shaft_samples[0].read_labels('parts')).mean() > 0.9
    assert segmenter.info.notice == 'drawn, for tests'
    assert segmenter.info.provenance['recipe']['steps'] == 40
    assert list((tmp_path / 'tensorboard').glob('events.*'))


def test_both_branches_and_the_discriminator_learn(shaft_data, tmp_path):
    trainer = train(
        tmp_path, shaft_data, *MFFNET, 'steps=4', 'validate_every=4', 'adversarial_weight=0.01'
    )
    before = [parameter.clone() for parameter in trainer._adversary._network.parameters()]
    first = trainer.validate()
    last = trainer.run()
    assert last['loss'] < first['loss']
    assert last['main'].keys() == last['auxiliary'].keys()
    after = list(trainer._adversary._network.parameters())
    assert any(not torch.equal(old, new) for old, new in zip(before, after, strict=True))
    assert all(parameter.requires_grad for parameter in after)


def test_an_interrupted_run_ends_with_the_very_same_weights(shaft_data, tmp_path):
    """Stop after the state of step 5 was saved, as a killed process would, then go on."""
    settings = (
        *('steps=7', 'adversarial_weight=0.01', 'weight_average=0.9'),
        'augmentation={"flip_vertical": 0.5, "noise": {"p": 0.5, "strength": [5, 9]}}',
    )
    expected = train(tmp_path / 'whole', shaft_data, *settings).run()
    stopped = train(tmp_path / 'parts', shaft_data, *settings)
    save = stopped._save_state
    stopped._save_state = lambda: (save(), 1 / 0)
    with pytest.raises(ZeroDivisionError):
        stopped.run()
    metrics = train(tmp_path / 'parts', shaft_data, *settings).run()
    assert metrics == expected
    lines = (tmp_path / 'parts' / 'metrics.jsonl').read_text().splitlines()
    assert [json.loads(line)['step'] for line in lines] == [5, 7]
    whole = load_file(tmp_path / 'whole' / 'last.safetensors')
    resumed = load_file(tmp_path / 'parts' / 'last.safetensors')
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    assert not list(tmp_path.rglob('.unfinished-*'))


def test_the_number_of_workers_changes_nothing(shaft_data, tmp_path):
    changes = (
        '{"noise": {"p": 0.5, "strength": [5, 9]}, "cover": {"p": 0.5, "num": [1, 2], '
        '"scale": [0.1, 0.3]}, "random_filter": {"p": 0.5, "sizes": [1, 3], "share": [0, 1]}}'
    )
    settings = ('steps=4', f'augmentation={changes}')
    for name, workers in (('none', 0), ('two', 2), ('all', -1)):
        train(tmp_path / name, shaft_data, *settings, f'workers={workers}').run()
    first, *others = (
        load_file(tmp_path / name / 'last.safetensors') for name in ('none', 'two', 'all')
    )
    assert all(torch.equal(first[name], other[name]) for other in others for name in first)


def test_the_average_of_the_weights_is_validated_and_saved(shaft_data, tmp_path):
    settings = ('steps=3', 'validate_every=3')
    plain = train(tmp_path / 'plain', shaft_data, *settings)
    plain.run()
    averaged = train(tmp_path / 'averaged', shaft_data, *settings, 'weight_average=0.99')
    metrics = averaged.run()
    trained = plain._network.state_dict()
    saved = load_file(tmp_path / 'averaged' / 'best.safetensors')
    assert all(torch.equal(trained[k], v) for k, v in averaged._network.state_dict().items())
    assert not any(torch.equal(trained[k].half(), v) for k, v in saved.items())
    assert metrics['loss'] != plain.validate()['loss']
    state = torch.load(tmp_path / 'averaged' / 'state.pt', weights_only=True)
    assert state['average'].keys() == state['network'].keys()


def test_training_starts_from_a_checkpoint(shaft_data, tmp_path):
    train(tmp_path / 'first', shaft_data, *MFFNET, 'steps=1').run()
    weights = tmp_path / 'first' / 'last.safetensors'
    settings = (*MFFNET, 'task=binary', f'init={weights}', 'steps=1', 'learning_rate=1e-12')
    trainer = train(tmp_path / 'second', shaft_data, *settings)
    own, given = trainer._network.state_dict(), load_file(weights)
    equal = {name for name in own if own[name].shape == given[name].shape}
    assert all(torch.equal(own[name], given[name].float()) for name in equal)
    assert 0 < len(equal) < len(own)
    trainer.run()
    weights.rename(weights.with_name('gone.safetensors'))
    # Going on needs the checkpoint no longer.
    train(tmp_path / 'second', shaft_data, *settings).run()
    init = Segmenter(tmp_path / 'second' / 'last.safetensors', 'cpu').info.provenance['init']
    assert init['loaded'] == len(equal)
    assert init['checkpoint'] == 'last.safetensors'
    assert len(init['sha256']) == 64


def test_training_starts_from_the_middle_of_two_checkpoints(shaft_data, tmp_path):
    files = []
    for seed in (1, 2):
        train(tmp_path / str(seed), shaft_data, 'steps=1', f'seed={seed}').run()
        files.append(str(tmp_path / str(seed) / 'last.safetensors'))
    trainer = train(tmp_path / 'third', shaft_data, f'init={json.dumps(files)}', 'steps=1')
    first, second = (load_file(file) for file in files)
    for name, value in trainer._network.state_dict().items():
        if value.is_floating_point():
            assert torch.allclose(value, (first[name].float() + second[name].float()) / 2)
    trainer.run()
    init = Segmenter(tmp_path / 'third' / 'last.safetensors', 'cpu').info.provenance['init']
    assert init['checkpoint'] == 'last.safetensors + last.safetensors'


def test_checkpoints_of_different_tasks_are_not_averaged(shaft_data, tmp_path):
    files = []
    for task in ('binary', 'parts'):
        train(tmp_path / task, shaft_data, 'steps=1', f'task={task}').run()
        files.append(str(tmp_path / task / 'last.safetensors'))
    with pytest.raises(
        RecipeError, match="kinds: model '.*', task 'binary'; model '.*', task 'parts'"
    ):
        train(tmp_path / 'third', shaft_data, f'init={json.dumps(files)}', 'steps=1')


def test_a_checkpoint_of_another_model_is_refused(shaft_data, tmp_path):
    with pytest.raises(RecipeError, match="weights of model 'mffnet', the recipe trains 'color_l"):
        train(tmp_path, shaft_data, 'init=mffnet_parts_sim', 'steps=1')


def test_a_phase_has_an_adversary_of_its_own(shaft_data, tmp_path):
    phases = '[{"steps": 1}, {"steps": 1, "adversarial_weight": 0.01}]'
    trainer = train(tmp_path, shaft_data, *MFFNET, f'phases={phases}', 'validate_every=1')
    before = [parameter.clone() for parameter in trainer._adversary._network.parameters()]
    states = []
    save = trainer._save_state
    trainer._save_state = lambda: (
        save(),
        states.append([each.clone() for each in trainer._adversary._network.parameters()]),
    )
    trainer.run()
    changed = [
        any(not torch.equal(*pair) for pair in zip(before, after, strict=True)) for after in states
    ]
    assert changed == [False, True]


def test_a_folder_of_another_recipe_is_refused(shaft_data, tmp_path):
    train(tmp_path, shaft_data, 'steps=1').run()
    with pytest.raises(RecipeError, match='another recipe .*batch_size 2 -> 3.*--output'):
        train(tmp_path, shaft_data, 'steps=1', 'batch_size=3')


def test_a_damaged_state_is_named(shaft_data, tmp_path):
    train(tmp_path, shaft_data, 'steps=1').run()
    (tmp_path / 'state.pt').write_bytes(b'half')
    with pytest.raises(RecipeError, match='state.pt is damaged'):
        train(tmp_path, shaft_data, 'steps=1')


@pytest.mark.parametrize('loss', ['ternaus', 'rasnet'])
def test_other_losses(loss, shaft_data, tmp_path):
    settings = ('steps=30', f'loss={loss}', 'jaccard_weight=0.3')
    assert train(tmp_path, shaft_data, *settings).run()['main']['shaft'] > 0.9


def test_single_logit_with_threshold(shaft_data, shaft_samples, tmp_path):
    settings = (
        *('task=binary', 'model_options={"single_logit": true}', 'phases=[]'),
        *('cut={"native": {}}', 'steps=30'),
    )
    metrics = train(tmp_path, shaft_data, *settings, recipe='ternaus').run()
    assert metrics['main']['instrument'] > 0.9
    segmenter = Segmenter(tmp_path / 'best.safetensors', 'cpu', backend='torch')
    assert segmenter.info.threshold == 0.3
    (result,) = segmenter.segment([shaft_samples[0].read_image()])
    assert (result.label_image == shaft_samples[0].read_labels('binary')).mean() > 0.9


def test_training_stops_early_without_improvement(shaft_data, tmp_path):
    settings = ('steps=100', 'validate_every=1', 'patience=3', 'learning_rate=1e-9')
    metrics = train(tmp_path, shaft_data, *settings, 'best=loss').run()
    assert metrics['step'] < 100
    # An early stop is an end: the same command does not train on.
    assert train(tmp_path, shaft_data, *settings, 'best=loss').run() == metrics


def test_divergence_stops_before_it_spoils_the_weights(shaft_data, tmp_path):
    with pytest.raises(RuntimeError, match='the training diverged. Lower the learning rate'):
        train(tmp_path, shaft_data, 'steps=30', 'learning_rate=1e20').run()


def test_mean_of_the_training_images(shaft_data, shaft_samples, tmp_path):
    train(tmp_path, shaft_data, 'steps=1', 'mean=data').run()
    expected = np.mean([sample.read_image() for sample in shaft_samples]) / 255
    info = Segmenter(tmp_path / 'last.safetensors', 'cpu', backend='torch').info
    assert info.mean == pytest.approx([expected] * 3, abs=0.01)


def test_phases_follow_each_other(shaft_data, tmp_path):
    phases = '[{"steps": 2, "size": [64, 32], "cut": {"native": {}}}, {"epochs": 1}]'
    metrics = train(tmp_path, shaft_data, f'phases={phases}').run()
    assert metrics['step'] == 2 + 3


def test_a_size_that_the_network_cannot_train_on(shaft_data, tmp_path):
    with pytest.raises(RecipeError, match=r'multiples of 32 px, such as --set size=\[64,64\]'):
        train(
            tmp_path, shaft_data, *MFFNET, 'steps=1', 'size=[90, 70]', 'cut={"native": {}}'
        ).run()


def test_labels_are_compared_at_their_own_size(shaft_samples, tmp_path, monkeypatch):
    counted = []
    add = ValidationScores.add
    monkeypatch.setattr(
        ValidationScores,
        'add',
        lambda scores, logits, labels, threshold: (
            counted.extend((logits['main'].shape[-2:], each.shape) for each in labels),
            add(scores, logits, labels, threshold),
        ),
    )
    data = TrainingData(shaft_samples, shaft_samples[:1])
    metrics = train(tmp_path, data, 'steps=1', 'size=[48, 32]').validate()
    assert counted == [((32, 48), (64, 96))]
    assert metrics['main'].keys() == {'binary', 'mean', 'shaft', 'wrist', 'clasper'}
