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

import pytest
import torch
from torch import nn

from surgseg_ros.training.weight_average import WeightAverage


@pytest.fixture
def network():
    network = nn.BatchNorm1d(2)
    nn.init.zeros_(network.weight)
    return network


def test_the_decay_rises_to_its_value(network):
    average = WeightAverage(network, 0.5)
    nn.init.ones_(network.weight)
    average.update(network, 0)
    # (1 + 0) / (10 + 0) of the old value is left.
    assert average.network.weight.tolist() == pytest.approx([0.9, 0.9])
    average.update(network, 1000)
    assert average.network.weight.tolist() == pytest.approx([0.95, 0.95])


def test_statistics_are_averaged_and_counters_copied(network):
    average = WeightAverage(network, 0.5)
    network(torch.randn(8, 2) + 3)
    average.update(network, 1000)
    middle = network.running_mean / 2
    torch.testing.assert_close(average.network.running_mean, middle)
    assert average.network.num_batches_tracked == 1


def test_the_average_gets_no_gradients_and_is_not_the_network(network):
    average = WeightAverage(network, 0.9)
    assert not any(parameter.requires_grad for parameter in average.network.parameters())
    assert all(parameter.requires_grad for parameter in network.parameters())
    assert not average.network.training
