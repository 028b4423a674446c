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

"""Tests of the model registry; what every registered network must do is in test_networks.py."""

from dataclasses import FrozenInstanceError

import pytest
import torch

from surgseg_ros.data import list_label_sets
from surgseg_ros.models import count_flops
from surgseg_ros.models import create_model
from surgseg_ros.models import list_models
from surgseg_ros.models import model_info
from surgseg_ros.models import model_options
from surgseg_ros.models import ModelInfo
from surgseg_ros.models import register_model


@pytest.mark.parametrize('name', list_models())
def test_facts_are_complete(name):
    info = model_info(name)
    with torch.device('meta'):
        network = create_model(name)
    assert (info.name, info.stride, info.branches) == (name, network.stride, network.branches)
    assert all(size % info.stride == 0 for size in info.input_size)
    assert set(info.tasks) <= set(list_label_sets())
    assert all(
        0 <= mean < 1 and 0 < std <= 1 for mean, std in zip(info.mean, info.std, strict=True)
    )
    if name != 'color_linear':
        assert info.tasks
        assert info.citation
        assert info.url.startswith('https://')


def test_networks_of_the_papers_are_there():
    assert set(list_models()) >= {
        'agsd_unet', 'color_linear', 'linknet34', 'mffnet', 'rasnet', 'smp_unet_resnet34',
        'ternausnet11', 'ternausnet16', 'unet',
    }  # fmt: skip


def test_facts_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        model_info('mffnet').stride = 1


def test_options_have_their_defaults():
    options = model_options('rasnet')
    assert options == {'attention': True, 'pretrained': False}
    assert create_model('rasnet', **options)


def test_single_logit_is_for_two_classes():
    assert create_model('color_linear', 'binary', single_logit=True).classifier.out_channels == 1
    assert create_model('color_linear', 'binary').classifier.out_channels == 2
    with pytest.raises(ValueError, match="two classes; 'parts' has 4"):
        create_model('color_linear', 'parts', single_logit=True)


def test_unknown_names_list_the_known():
    for function in (create_model, model_info, model_options):
        with pytest.raises(ValueError, match='choose one of: .*mffnet'):
            function('unknown')
    with pytest.raises(ValueError, match='choose one of: binary, parts'):
        create_model('mffnet', task='unknown')


def test_unknown_options_list_the_known():
    with pytest.raises(ValueError, match='does not accept these options: depth; it has: attent'):
        create_model('rasnet', depth=50)


def test_a_name_is_registered_once():
    with pytest.raises(ValueError, match='registered already'):
        register_model('mffnet', ModelInfo('again'))(type(create_model('mffnet')))


def test_operations_are_counted_for_any_size():
    """One 1x1 convolution: 3 multiplications and additions a pixel and output."""
    network = create_model('color_linear', 'binary').eval()
    assert count_flops(network, (17, 5)) == 2 * 3 * 2 * 17 * 5
    assert not next(network.parameters()).is_meta
