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
Where training runs: one or several processes on CPUs or GPUs, by Lightning Fabric.

The same command runs on all of them. Several GPUs of a computer: ``--devices N``; several
computers: start the command with torchrun or srun on each.
"""

import os
from pathlib import Path

# Makes torchvision importable beside any build of torch, so it comes before what imports it.
import surgseg_ros.models.torchvision_import  # noqa: F401

# isort: split
from lightning_fabric import Fabric
from lightning_fabric.loggers import TensorBoardLogger

from surgseg_ros.data.parallel import default_workers
from surgseg_ros.inference.devices import select_device
from surgseg_ros.inference.devices import select_training_precision
from surgseg_ros.training.recipe import ALL_CPUS

FABRIC_PRECISIONS = {'fp32': '32-true', 'bf16': 'bf16-mixed', 'fp16': '16-mixed'}


def make_fabric(
    device: str, devices: int, num_nodes: int, precision: str, log_folder: Path
) -> Fabric:
    """
    Return the engine of a run; its ``launch`` starts the other processes.

    :param device: ``'auto'``, ``'cpu'``, ``'cuda'`` or ``'cuda:<index>'``
    :param devices: processes on this computer, one a GPU; 0: as many as torchrun started, else one
    :param num_nodes: computers; 0: as many as torchrun knows, else one
    :param precision: ``'auto'`` (bf16 where the device computes in it), fp32, bf16 or fp16
    :param log_folder: gets the logs of TensorBoard
    :raises DeviceError: if there is no such device
    """
    chosen = select_device(device)
    local = int(os.environ.get('LOCAL_WORLD_SIZE', 1))
    everywhere = int(os.environ.get('WORLD_SIZE', local))
    count: int | list[int] = devices or local
    if chosen.type == 'cuda' and ':' in device:
        count = [chosen.index]
    name = select_training_precision(chosen) if precision == 'auto' else precision
    return Fabric(
        accelerator=chosen.type,
        devices=count,
        num_nodes=num_nodes or everywhere // local,
        precision=FABRIC_PRECISIONS[name],  # type: ignore[arg-type]
        loggers=TensorBoardLogger(log_folder, name='', version=''),
    )


def is_first_process() -> bool:
    """Tell whether this process is the one that checks data and speaks, before any launch."""
    return int(os.environ.get('RANK', os.environ.get('SLURM_PROCID', 0))) == 0 and (
        int(os.environ.get('LOCAL_RANK', 0)) == 0
    )


def count_workers(workers: int, processes: int) -> int:
    """
    Return how many processes prepare images for one training process.

    :param workers: of the recipe, :data:`surgseg_ros.training.recipe.ALL_CPUS` for one a CPU
    :param processes: training processes on this computer, which share its CPUs
    """
    return max(default_workers() // processes, 1) if workers == ALL_CPUS else workers
