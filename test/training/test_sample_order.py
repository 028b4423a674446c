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
"""Tests of the order of the samples: complete, repeatable, the same when resumed or shared."""

import pytest

from surgseg_ros.training.sample_order import BatchOrder
from surgseg_ros.training.sample_order import steps_per_epoch


def flat(order):
    return [draw for batch in order for draw in batch]


def test_every_pass_has_every_sample_once():
    draws = flat(BatchOrder(num_samples=5, batch_size=2, steps=5, seed=0))
    indices = [index for index, _ in draws]
    assert sorted(indices[:5]) == sorted(indices[5:]) == list(range(5))
    assert indices[:5] != indices[5:]
    assert [number for _, number in draws] == list(range(10))


def test_a_resumed_order_goes_on_where_it_stopped():
    whole = list(BatchOrder(7, 3, steps=10, seed=1))
    assert list(BatchOrder(7, 3, steps=6, seed=1, first_step=4)) == whole[4:]


def test_processes_share_the_very_same_batches():
    whole = list(BatchOrder(7, 4, steps=5, seed=1))
    shares = [list(BatchOrder(7, 4, 5, 1, rank=rank, num_processes=2)) for rank in (0, 1)]
    assert [first + second for first, second in zip(*shares, strict=True)] == whole


def test_other_seeds_have_other_orders():
    assert list(BatchOrder(20, 4, 5, seed=0)) != list(BatchOrder(20, 4, 5, seed=1))


def test_batches_that_cannot_be_shared_are_refused():
    with pytest.raises(ValueError, match='batches of 3 cannot be shared by 2 processes'):
        BatchOrder(7, 3, 5, 0, num_processes=2)


@pytest.mark.parametrize(('samples', 'batch', 'steps'), [(100, 8, 12), (3, 8, 1), (8, 8, 1)])
def test_steps_of_a_pass(samples, batch, steps):
    assert steps_per_epoch(samples, batch) == steps
