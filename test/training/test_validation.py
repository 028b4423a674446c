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

import numpy as np
import pytest
import torch

from surgseg_ros.data.label_sets import UNLABELED
from surgseg_ros.training import validation


@pytest.mark.parametrize('channels', [1, 2, 4])
def test_gpus_count_what_cpus_count(channels):
    generator = torch.Generator().manual_seed(0)
    num_classes = max(channels, 2)
    logits = torch.randn(channels, 12, 16, generator=generator)
    truth = torch.randint(num_classes, (12, 16), generator=generator).to(torch.uint8)
    truth[:3] = UNLABELED
    expected = validation.count_confusions(logits, truth, 0.3, num_classes)
    counted = validation.count_confusions_on_device(logits, truth, 0.3, num_classes)
    assert expected.sum() == 9 * 16
    np.testing.assert_array_equal(counted, expected)
