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

"""What is worth knowing of the computer that something was measured on."""

from pathlib import Path
import platform
from typing import Any

import torch

from surgseg_ros.inference.conversion_cache import installed_versions
from surgseg_ros.inference.devices import device_name
from surgseg_ros.inference.devices import usable_cores
from surgseg_ros.reporting.packages import check_packages

INSTRUCTION_SETS = ('avx2', 'avx512f', 'avx512_vnni', 'avx512_bf16', 'amx_tile', 'amx_bf16')
"""Flags of /proc/cpuinfo that decide how fast a CPU runs networks."""

_PACKAGES = ('torch', 'openvino', 'onnxruntime', 'tensorrt', 'torch_tensorrt', 'numpy')
_GIBIBYTE = 2**30


def machine_facts(device: torch.device, threads: int) -> dict[str, Any]:
    """
    Return the facts of this computer, ready for JSON.

    :param device: that networks run on
    :param threads: CPU threads that networks may use
    :raises MissingPackageError: if psutil is not installed
    """
    check_packages('psutil')
    import psutil

    facts: dict[str, Any] = {
        'cpu': device_name(torch.device('cpu')),
        'instruction_sets': instruction_sets(),
        'usable_cores': usable_cores(),
        'threads': threads,
        'memory_gib': round(psutil.virtual_memory().total / _GIBIBYTE, 1),
        'system': f'{platform.system()} {platform.machine()}',
        'device': str(device),
        'versions': {'python': platform.python_version(), **installed_versions(_PACKAGES)},
    }
    if device.type == 'cuda':
        facts['gpu'] = device_name(device)
        facts['gpu_memory_gib'] = round(
            torch.cuda.get_device_properties(device).total_memory / _GIBIBYTE, 1
        )
        facts['versions']['cuda'] = torch.version.cuda
    return facts


def instruction_sets(cpuinfo: Path = Path('/proc/cpuinfo')) -> list[str]:
    """Return those of :data:`INSTRUCTION_SETS` that this CPU has."""
    text = cpuinfo.read_text(encoding='utf-8') if cpuinfo.is_file() else ''
    lines = [line for line in text.splitlines() if line.startswith('flags')]
    flags = lines[0].partition(':')[2].split() if lines else []
    return [name for name in INSTRUCTION_SETS if name in flags]
