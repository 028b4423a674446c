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

"""Devices that networks run on, and the number formats that are fast there."""

from collections.abc import Iterator
from contextlib import contextmanager
import os
from pathlib import Path
import platform
from typing import TypeVar

import torch
from torch import nn

DEVICES = ('auto', 'cpu', 'cuda')

PRECISIONS: dict[str, torch.dtype] = {
    'fp32': torch.float32,
    'bf16': torch.bfloat16,
    'fp16': torch.float16,
}
"""Number formats that a network can compute in, by their names."""

CORES_ALL_FOR_THE_NETWORK = 4
"""Up to so many cores, one thread less costs more than the ROS executor's share."""

NetworkT = TypeVar('NetworkT', bound=nn.Module)


class DeviceError(RuntimeError):
    """The requested device does not exist; the message says what to do."""


def select_device(name: str) -> torch.device:
    """
    Return the device of a name.

    :param name: ``'auto'``, ``'cpu'``, ``'cuda'`` or ``'cuda:<index>'``
    :raises DeviceError: if the name is unknown or the device is not there
    """
    kind, _, index = name.partition(':')
    if kind not in DEVICES or (index and (kind != 'cuda' or not index.isdigit())):
        raise DeviceError(
            f"unknown device '{name}'; choose one of: {', '.join(DEVICES)}, cuda:<index>"
        )
    if kind == 'cpu' or (kind == 'auto' and not torch.cuda.is_available()):
        return torch.device('cpu')
    if not torch.cuda.is_available():
        raise DeviceError(
            f"device '{name}' was asked for but torch {torch.__version__} finds no CUDA device. "
            "Check the driver with nvidia-smi and that torch is a CUDA build, or use device 'cpu'"
        )
    device = torch.device('cuda', int(index or 0))
    if device.index >= torch.cuda.device_count():
        raise DeviceError(
            f"device '{name}' does not exist; this machine has {torch.cuda.device_count()} CUDA "
            'device(s), counted from 0'
        )
    return device


def native_precisions(device: torch.device) -> tuple[str, ...]:
    """
    Return the number formats that a device has instructions for, the fastest first.

    Half precision leads on CUDA; bfloat16 on CPUs with AMX or AVX-512 instructions for it, where
    it halves the time of ``mffnet`` or better.
    """
    if device.type == 'cuda':
        return ('fp16', 'bf16', 'fp32') if torch.cuda.is_bf16_supported() else ('fp16', 'fp32')
    cpu = torch.cpu.get_capabilities() if hasattr(torch.cpu, 'get_capabilities') else {}
    if cpu.get('avx512_bf16') or cpu.get('amx_bf16'):
        return ('bf16', 'fp32')
    return ('fp32',)


def select_dtype(device: torch.device) -> torch.dtype:
    """Return the fastest number format that a device computes in natively."""
    return PRECISIONS[native_precisions(device)[0]]


def select_training_precision(device: torch.device) -> str:
    """Return the fastest number format whose gradients need no scaling: never half precision."""
    return next(name for name in native_precisions(device) if name != 'fp16')


def place_network(network: NetworkT, device: torch.device) -> NetworkT:
    """Move a network to a device, channels last in memory as the fast convolutions want it."""
    # torch's type stub does not know that memory_format can stand alone.
    return network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def autocast(device: torch.device, dtype: torch.dtype) -> torch.autocast:
    """Return the context in which a network computes in a number format of its device."""
    return torch.autocast(device.type, dtype, enabled=dtype != torch.float32)


@contextmanager
def denormals_flushed() -> Iterator[None]:
    """
    Take numbers below 1e-38 as zero, for training.

    Gradients and the averages of Adam get there, and CPUs compute with them many times slower: a
    training step of ``mffnet`` took four times as long. Only for training: the k-d tree of SciPy
    overflows the stack where such numbers are zero.
    """
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


def device_name(device: torch.device) -> str:
    """Return the name of the processor, such as ``'NVIDIA H100 80GB HBM3'``."""
    if device.type == 'cuda':
        return torch.cuda.get_device_name(device)
    names = [
        line.partition(':')[2].strip()
        for line in _read_lines('/proc/cpuinfo')
        if line.startswith('model name')
    ]
    return names[0] if names else platform.processor() or platform.machine()


def usable_cores() -> int:
    """Return the number of CPU cores that this process may use."""
    return len(os.sched_getaffinity(0))


def choose_threads(threads: int) -> int:
    """
    Return the number of CPU threads for a network.

    :param threads: as asked for; 0: every core, but of more than four one is left to whatever
        receives and publishes images
    """
    if threads > 0:
        return threads
    cores = usable_cores()
    return cores if cores <= CORES_ALL_FOR_THE_NETWORK else cores - 1


def _read_lines(path: str) -> list[str]:
    file = Path(path)
    return file.read_text(encoding='utf-8').splitlines() if file.is_file() else []
