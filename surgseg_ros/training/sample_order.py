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
The order in which samples are trained on: a pure function of the seed and the step.

A resumed run sees the very samples, changed in the very same way, that an uninterrupted one would
have seen, and so does a run on several processes, which share each batch.
"""

from collections.abc import Iterator

import torch
from torch.utils.data import Sampler

Draw = tuple[int, int]
"""Index of a sample, and the number of the draw, which seeds its random changes."""


def steps_per_epoch(num_samples: int, batch_size: int) -> int:
    """Return how many batches make a pass over the samples, at least one."""
    return max(round(num_samples / batch_size), 1)


class BatchOrder(Sampler[list[Draw]]):
    """
    Yield batches from endless shuffled passes over the samples.

    Passes follow each other without a gap, so that no batch is small (RASNet cannot train on
    one image) and none is left out.

    :param num_samples: in the data set
    :param batch_size: of all processes together
    :param steps: batches to yield
    :param seed: of the order
    :param first_step: batches that lie behind already
    :param rank: of this process
    :param num_processes: that share the batches
    :raises ValueError: if the processes cannot share a batch evenly
    """

    def __init__(
        self,
        num_samples: int,
        batch_size: int,
        steps: int,
        seed: int,
        first_step: int = 0,
        rank: int = 0,
        num_processes: int = 1,
    ) -> None:
        if batch_size % num_processes:
            raise ValueError(
                f'batches of {batch_size} cannot be shared by {num_processes} processes; set '
                'batch_size to a multiple of their number'
            )
        self._num_samples = num_samples
        self._batch_size = batch_size
        self._steps = range(first_step, first_step + steps)
        self._seed = seed
        self._rank = rank
        self._num_processes = num_processes
        self._shuffled: tuple[int, list[int]] = (-1, [])

    def __len__(self) -> int:
        """Return the number of batches."""
        return len(self._steps)

    def __iter__(self) -> Iterator[list[Draw]]:
        """Yield this process's share of batch after batch."""
        share = self._batch_size // self._num_processes
        for step in self._steps:
            first = step * self._batch_size + self._rank * share
            yield [(self._index(draw), draw) for draw in range(first, first + share)]

    def _index(self, draw: int) -> int:
        epoch, position = divmod(draw, self._num_samples)
        if self._shuffled[0] != epoch:
            generator = torch.Generator().manual_seed(self._seed * 1_000_003 + epoch)
            order = torch.randperm(self._num_samples, generator=generator)
            self._shuffled = epoch, order.tolist()
        return self._shuffled[1][position]
