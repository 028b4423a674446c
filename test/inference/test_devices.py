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
"""Tests of the devices: numbers that are flushed for training only."""

import torch

from surgseg_ros.inference.devices import denormals_flushed


def smallest():
    return torch.tensor([1e-38]).mul(0.01).item()


def test_denormals_are_zero_within_training_and_come_back():
    assert smallest() > 0
    with denormals_flushed():
        assert smallest() == 0
    assert smallest() > 0
