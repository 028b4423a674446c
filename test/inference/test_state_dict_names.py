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

"""Names in state dicts: wrappers go, what is no weight is left out and told, the rest is kept."""

from published_files import random_model
from published_files import zeros
import pytest
import torch

from surgseg_ros.inference.checkpoint_info import CheckpointError
from surgseg_ros.inference.checkpoints import load_reported
from surgseg_ros.inference.published_checkpoints import read_published
from surgseg_ros.inference.published_layouts import list_layouts
from surgseg_ros.inference.state_dict_names import clean_names
from surgseg_ros.models import create_model

LINEAR = random_model('color_linear').state_dict()
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def buffer(values, shape=(1, 3, 1, 1)):
    return torch.tensor(values).reshape(shape)


@pytest.fixture(scope='module')
def smp_tensors():
    with torch.device('meta'):
        shapes = create_model('smp_unet_resnet34', 'parts').state_dict()
    return {name: zeros(tensor.shape) for name, tensor in shapes.items()}


def read(tmp_path, tensors, **others):
    path = tmp_path / 'weights.ckpt'
    torch.save({'state_dict': tensors, **others} if others else tensors, path)
    return read_published(path)


@pytest.mark.parametrize(
    'prefixes',
    [
        ['module.'],
        ['_orig_mod.'],
        ['_fsdp_wrapped_module.'],
        ['model.'],
        ['module.', '_orig_mod.', 'model.'],
        ['model.', 'module.', '_orig_mod.'],
        ['_orig_mod.', 'module.', 'net.', '_orig_mod.'],
        ['segmenter.', 'unet.'],
    ],
)
def test_prefixes_go_in_any_order(tmp_path, smp_tensors, prefixes):
    prefix = ''.join(prefixes)
    found = read(tmp_path, {prefix + name: tensor for name, tensor in smp_tensors.items()})
    assert found.info.model == 'smp_unet_resnet34'
    assert found.tensors.keys() == smp_tensors.keys()
    assert all(f"removed the prefix '{one}' of" in str(found.report) for one in prefixes)


def test_wrappers_inside_of_names_go(tmp_path, smp_tensors):
    inner = {
        name.replace('encoder.', 'module.encoder._orig_mod.').replace(
            'blocks.1.', 'blocks.1._fsdp_wrapped_module._checkpoint_wrapped_module.'
        ): tensor
        for name, tensor in smp_tensors.items()
    }
    found = read(tmp_path, inner)
    assert found.tensors.keys() == smp_tensors.keys()


def test_what_is_no_weight_is_left_out_and_told(tmp_path, smp_tensors):
    modules = {name.rpartition('.')[0] for name in smp_tensors}
    extra = {
        **{f'{module}.total_ops': torch.zeros(1) for module in modules},
        **{f'{module}.total_params': torch.zeros(1) for module in modules},
        'n_averaged': torch.tensor(7),
        'criterion.dice.weight': torch.ones(4),
        'loss_fn.weight': torch.ones(4),
        'ce_loss.weight': torch.full((4,), torch.nan),
        'module.class_weights': torch.ones(4),
        'val_iou.confmat': torch.zeros(4, 4),
        'train_metrics.acc.tp': torch.zeros(4),
    }
    found = read(tmp_path, smp_tensors | extra)
    assert found.tensors.keys() == smp_tensors.keys()
    assert (
        f'dropped {len(extra)} tensors that are no weights: {2 * len(modules)} profiler counters '
        '(total_ops, total_params), 1 averaging counters (n_averaged), 4 of losses (criterion.*, '
        'loss_fn.*, ce_loss.*, class_weights), 2 of metrics (val_iou.*, train_metrics.*)'
    ) in str(found.report)


def test_no_name_of_a_network_is_taken_for_something_else(tmp_path):
    for layout in list_layouts():
        with torch.device('meta'):
            state = create_model(layout.model, 'binary', **layout.options).state_dict()
        cleaned = clean_names(tmp_path, state)
        assert cleaned.tensors.keys() == state.keys()
        assert not cleaned.changes


def test_unknown_tensors_are_refused_by_name(tmp_path, smp_tensors):
    with pytest.raises(CheckpointError, match=r'attention\.gate \(4,\) is unknown'):
        read(tmp_path, smp_tensors | {'attention.gate': torch.zeros(4)})
    with pytest.raises(
        CheckpointError, match=r'encoder\.conv1\.weight \(64, 3, 7, 7\) is missing'
    ):
        read(tmp_path, {n: t for n, t in smp_tensors.items() if n != 'encoder.conv1.weight'})


def test_an_averaged_model_of_torch(tmp_path):
    network = random_model('color_linear')
    average = torch.optim.swa_utils.AveragedModel(torch.nn.DataParallel(network))
    average.update_parameters(torch.nn.DataParallel(network))
    path = tmp_path / 'swa.pt'
    torch.save(average.state_dict(), path)
    loaded = load_reported(path)
    assert loaded.info.model == 'color_linear'
    assert '1 averaging counters (n_averaged)' in str(loaded.report)
    torch.testing.assert_close(loaded.model.state_dict(), dict(network.state_dict()))


def test_of_a_network_and_its_average_the_average_is_used(tmp_path):
    both = {f'model.{name}': tensor + 1 for name, tensor in LINEAR.items()}
    both |= {f'ema_model.module.{name}': tensor for name, tensor in LINEAR.items()}
    found = read(tmp_path, both | {'ema_model.n_averaged': torch.tensor(3)})
    torch.testing.assert_close(found.tensors, dict(LINEAR))
    assert 'took 2 tensors of the moving average, not the 2 that were averaged' in str(
        found.report
    )


def test_two_networks_in_one_file_are_refused(tmp_path):
    two = {f'model.{name}': tensor for name, tensor in LINEAR.items()}
    two |= {f'net.{name}': tensor + 1 for name, tensor in LINEAR.items()}
    with pytest.raises(CheckpointError, match=r'two different tensors for classifier\.weight'):
        read(tmp_path, two)


def test_the_example_of_smp_for_lightning(tmp_path, smp_tensors):
    module = {f'model.{name}': tensor for name, tensor in smp_tensors.items()}
    module |= {'mean': buffer(MEAN), 'std': buffer(STD)}
    found = read(
        tmp_path,
        module,
        hyper_parameters={'arch': 'Unet', 'encoder_name': 'resnet34', 'in_channels': 3},
        optimizer_states=[{'state': {0: {'exp_avg': torch.zeros(3)}}, 'param_groups': []}],
        callbacks={'ModelCheckpoint': {'best_model_score': torch.tensor(0.9)}},
        **{'pytorch-lightning_version': '2.5.0', 'epoch': 9},
    )
    info = found.info
    assert (info.model, info.mean, info.std) == ('smp_unet_resnet34', MEAN, STD)
    assert f'normalization from mean, std: mean {MEAN}, std {STD}, for images in [0, 1]' in str(
        found.report
    )


@pytest.mark.parametrize(
    ('mean', 'std', 'expected'),
    [
        (buffer((123.675, 116.28, 103.53), (3, 1, 1)), buffer((58.395, 57.12, 57.375), (3, 1, 1)),
         (MEAN, STD)),
        (buffer((127.5,) * 3), torch.ones(3), ((0.5,) * 3, (pytest.approx(1 / 255),) * 3)),
        (torch.tensor([[[[0.5]]]]), torch.tensor(0.25), ((0.5,) * 3, (0.25,) * 3)),
        (torch.zeros(1, 3, 1, 1), torch.ones(1, 3, 1, 1), ((0.0,) * 3, (1.0,) * 3)),
    ],
)  # fmt: skip
def test_normalizations_of_other_shapes_and_ranges(tmp_path, mean, std, expected):
    found = read(tmp_path, LINEAR | {'pixel_mean': mean, 'pixel_std': std})
    assert (found.info.mean, found.info.std) == expected


@pytest.mark.parametrize(
    ('buffers', 'message'),
    [
        ({'mean': buffer(MEAN)}, 'no normalization of images'),
        ({'mean': buffer(MEAN), 'std': torch.zeros(1, 3, 1, 1)}, 'a positive deviation'),
        ({'mean': torch.zeros(1, 4, 1, 1)}, r'mean \(1, 4, 1, 1\) is no normalization of 3'),
        ({'mean': torch.zeros(3, 3)}, r'mean \(3, 3\) is no normalization'),
        ({'mean': torch.full((3,), torch.nan), 'std': torch.ones(3)}, 'no normalization'),
        ({'mean': torch.zeros(3), 'a.mean': torch.ones(3), 'std': torch.ones(3)}, 'two normaliz'),
    ],
)
def test_buffers_that_are_no_normalization_are_refused(tmp_path, buffers, message):
    with pytest.raises(CheckpointError, match=message):
        read(tmp_path, LINEAR | buffers)
