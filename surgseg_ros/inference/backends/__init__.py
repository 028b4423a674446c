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
The libraries that can run a network here, and engines of each.

Each runs a network by one library on one kind of device: :mod:`.torch_engine` anywhere,
:mod:`.openvino_engine` and :mod:`.onnxruntime_engine` on CPUs, :mod:`.cuda_engine` and
:mod:`.tensorrt_engine` on NVIDIA GPUs. ``build_engine`` here makes the one that is asked for;
:mod:`surgseg_ros.inference.backend_selection` chooses where nobody asks.
"""

from collections.abc import Callable
import copy
from importlib.util import find_spec

import torch

from surgseg_ros.inference.conversion_cache import ConversionCache
from surgseg_ros.inference.deployable import DeployableNetwork
from surgseg_ros.inference.deployable import fold_batch_norms
from surgseg_ros.inference.devices import native_precisions
from surgseg_ros.inference.devices import place_network
from surgseg_ros.inference.devices import PRECISIONS
from surgseg_ros.inference.engine import BackendError
from surgseg_ros.inference.engine import Engine
from surgseg_ros.inference.engine import Shape

BACKENDS = ('torch', 'openvino', 'onnxruntime', 'tensorrt')

_MODULES = {
    'torch': (),
    'openvino': ('openvino',),
    'onnxruntime': ('onnxruntime', 'onnx', 'onnxscript'),
    'tensorrt': ('torch_tensorrt', 'tensorrt'),
}
_DEVICES = {
    'torch': ('cpu', 'cuda'),
    'openvino': ('cpu',),
    'onnxruntime': ('cpu',),
    'tensorrt': ('cuda',),
}


def missing_reason(backend: str, device: torch.device) -> str:
    """
    Return why a backend cannot run on a device here and what to do, empty if it can.

    :raises BackendError: if there is no such backend
    """
    if backend not in BACKENDS:
        raise BackendError(f"unknown backend '{backend}'; choose one of: {', '.join(BACKENDS)}")
    if device.type not in _DEVICES[backend]:
        return (
            f"backend '{backend}' runs on {' and '.join(_DEVICES[backend])} only, not on "
            f"{device.type}; choose another backend or device, or 'auto'"
        )
    missing = [name for name in _MODULES[backend] if find_spec(name) is None]
    if missing:
        return (
            f"backend '{backend}' needs {', '.join(missing)}: python3 -m pip install "
            f'{" ".join(missing)} (the {backend} extra of this package)'
        )
    return ''


def installed_backends(device: torch.device) -> list[str]:
    """Return the backends that can run on a device here."""
    return [name for name in BACKENDS if not missing_reason(name, device)]


def supported_precisions(backend: str, device: torch.device) -> tuple[str, ...]:
    """Return the number formats that a backend computes in natively, the fastest first."""
    if backend == 'onnxruntime':
        return ('fp32',)
    if backend == 'openvino':
        from surgseg_ros.inference.backends import openvino_engine

        return openvino_engine.native_precisions()
    return native_precisions(device)


class EngineBuilder:
    """
    Build engines of one network for any batch shape.

    :param network: on the CPU, in single precision; on a CPU device it is used as it is, channels
        last from then on
    :param device: that the engines run on
    :param threads: CPU threads of backends other than torch, whose number belongs to the process
    """

    def __init__(self, network: DeployableNetwork, device: torch.device, threads: int) -> None:
        self.device = device
        # Here and now: torch.export, perhaps in another thread, keeps parameters from moving.
        self._network = place_network(network, torch.device('cpu'))
        self._threads = threads
        self._cache = ConversionCache(network)
        self._placed = {'fp32': self._network} if device.type == 'cpu' else {}

    @property
    def digest(self) -> str:
        """Return what identifies the network and the installed libraries."""
        return self._cache.digest

    def native_precision(self, backend: str) -> str:
        """Return the fastest number format of a backend on the device."""
        return supported_precisions(backend, self.device)[0]

    def build(self, backend: str, shape: Shape, precision: str) -> Engine:
        """
        Return an engine.

        :raises BackendError: if the backend or the precision cannot be had here
        """
        if reason := missing_reason(backend, self.device):
            raise BackendError(reason)
        supported = supported_precisions(backend, self.device)
        if precision not in supported:
            raise BackendError(
                f"backend '{backend}' computes in {', '.join(supported)} on this device, not in "
                f"'{precision}'; choose one of these or 'auto'"
            )
        make: dict[str, Callable[[Shape, str], Engine]] = {
            'torch': self._make_torch,
            'openvino': self._make_openvino,
            'onnxruntime': self._make_onnxruntime,
            'tensorrt': self._make_tensorrt,
        }
        return make[backend](shape, precision)

    # Each library is imported when it is used: importing all takes seconds.

    def _make_torch(self, shape: Shape, precision: str) -> Engine:
        if self.device.type == 'cuda':
            from surgseg_ros.inference.backends.cuda_engine import CudaEngine

            return CudaEngine(self._place(precision), shape, self.device, precision)
        from surgseg_ros.inference.backends.torch_engine import TorchEngine

        return TorchEngine(self._place(precision), shape, precision)

    def _make_openvino(self, shape: Shape, precision: str) -> Engine:
        from surgseg_ros.inference.backends import openvino_engine

        _, height, width = shape
        path = self._cache.get(
            f'openvino_{width}x{height}{openvino_engine.SUFFIX}',
            lambda path: openvino_engine.convert(self._network, height, width, path),
        )
        return openvino_engine.OpenVinoEngine(path, shape, precision, self._threads)

    def _make_onnxruntime(self, shape: Shape, precision: str) -> Engine:
        from surgseg_ros.inference.backends import onnxruntime_engine

        count, height, width = shape
        path = self._cache.get(
            f'onnxruntime_{count}x{width}x{height}{onnxruntime_engine.SUFFIX}',
            lambda path: onnxruntime_engine.convert(self._network, shape, path),
        )
        return onnxruntime_engine.OnnxRuntimeEngine(path, shape, self._threads)

    def _make_tensorrt(self, shape: Shape, precision: str) -> Engine:
        from surgseg_ros.inference.backends.tensorrt_engine import TensorRtEngine

        return TensorRtEngine(self._place(precision), shape, self.device, precision)

    def _place(self, precision: str) -> DeployableNetwork:
        """Return the network on the device, in a number format, shared by its engines."""
        if precision not in self._placed:
            network = copy.deepcopy(self._network)
            network.model.to(PRECISIONS[precision])
            self._placed[precision] = place_network(network, self.device)
        return self._placed[precision]


def build_engine(
    backend: str,
    network: DeployableNetwork,
    shape: Shape,
    device: torch.device,
    precision: str = 'fp32',
    threads: int = 1,
) -> Engine:
    """
    Return an engine of a network that stays as it is.

    :param network: on the CPU
    :param threads: CPU threads of backends other than torch
    :raises BackendError: if the backend or the precision cannot be had here
    """
    own = copy.deepcopy(network)
    fold_batch_norms(own.model)
    return EngineBuilder(own, device, threads).build(backend, shape, precision)
