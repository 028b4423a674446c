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

"""Tests of the model registry, over every registered network."""

import pytest
import torch

from surgseg_ros.data import get_label_set
from surgseg_ros.data import list_label_sets
from surgseg_ros.models import create_model
from surgseg_ros.models import list_models
from surgseg_ros.models import register_model


@pytest.mark.parametrize('name', list_models())
@pytest.mark.parametrize('task', list_label_sets())
def test_every_model_fits_every_task(name, task):
    model = create_model(name, task).eval()
    for branch in model.branches:
        with torch.inference_mode():
            logits = model(torch.rand(2, 3, 64, 96), branch)
        assert logits.shape == (2, get_label_set(task).num_classes, 64, 96)


@pytest.mark.parametrize('name', list_models())
def test_state_dict_round_trip(name):
    first, second = create_model(name).eval(), create_model(name).eval()
    second.load_state_dict(first.state_dict())
    image = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(first(image), second(image))


def test_unknown_names_list_the_known():
    with pytest.raises(ValueError, match='choose one of: .*mffnet'):
        create_model('unknown')
    with pytest.raises(ValueError, match='choose one of: binary, parts'):
        create_model('mffnet', task='unknown')


def test_a_name_is_registered_once():
    with pytest.raises(ValueError, match='registered already'):
        register_model('mffnet')(type(create_model('mffnet')))
