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

"""OpenVINO: the fastest way on most CPUs, above all on those with AMX or AVX-512 for bfloat16."""

from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
import functools
import logging
from pathlib import Path
from typing import Any
import warnings

import numpy as np
import openvino
from openvino.frontend import FrontEndManager
from openvino.frontend.pytorch.fx_decoder import TorchFXPythonDecoder
import torch

from surgseg_ros.inference.deployable import DeployableNetwork
from surgseg_ros.inference.engine import HostEngine
from surgseg_ros.inference.engine import Shape

SUFFIX = '.xml'
_HINTS = {'fp32': 'f32', 'bf16': 'bf16', 'fp16': 'f16'}


class OpenVinoEngine(HostEngine):
    """
    A network compiled by OpenVINO for the CPU.

    :param path: what :func:`convert` wrote
    :param shape: any number of images, height and width as in the file
    :param threads: CPU threads
    """

    backend = 'openvino'

    def __init__(self, path: Path, shape: Shape, precision: str, threads: int) -> None:
        super().__init__()
        self.precision = precision
        core = _core()
        model = core.read_model(path)
        model.reshape([*shape, 3])
        compiled = core.compile_model(
            model,
            'CPU',
            {
                'PERFORMANCE_HINT': 'LATENCY',
                'INFERENCE_PRECISION_HINT': _HINTS[precision],
                'INFERENCE_NUM_THREADS': threads,
                # Two nodes on one computer would pin their threads to the same cores.
                'ENABLE_CPU_PINNING': False,
            },
        )
        self._request = compiled.create_infer_request()
        self._batch = np.zeros((*shape, 3), np.uint8)
        self._request.set_input_tensor(openvino.Tensor(self._batch, shared_memory=True))

    def load(self, images: Sequence[np.ndarray]) -> None:
        """Put the images one after the other into the batch."""
        np.stack(images, out=self._batch)

    def forward(self) -> None:
        """Run the network."""
        self._request.infer(share_outputs=True)
        self._logits = self._request.get_output_tensor().data


@functools.cache
def _core() -> openvino.Core:
    """
    Return the one core of this process.

    The CPU plugin is unloaded with the last core, but leaves a signal handler behind: the next
    SIGINT would call what is not there any more.
    """
    return openvino.Core()


def native_precisions() -> tuple[str, ...]:
    """Return the number formats that OpenVINO has instructions for on this CPU, fastest first."""
    capabilities = _core().get_property('CPU', 'OPTIMIZATION_CAPABILITIES')
    return tuple(
        name for name, capability in (('bf16', 'BF16'), ('fp32', 'FP32'))
        if capability in capabilities
    )  # fmt: skip


def convert(network: DeployableNetwork, height: int, width: int, path: Path) -> None:
    """
    Write a network as OpenVINO reads it, for images of one size.

    :param path: of the ``.xml``; the weights go into a ``.bin`` beside it
    """
    image = torch.zeros((1, height, width, 3), dtype=torch.uint8)
    # Not by openvino.convert_model, which imports tools that send usage statistics.
    with torch.no_grad(), _quiet():
        program = torch.export.export(network, (image,))
        decoder = TorchFXPythonDecoder.from_exported_program(program)
    frontend: Any = FrontEndManager().load_by_framework('pytorch')
    model = frontend.convert(frontend.load(decoder))
    openvino.save_model(model, path, compress_to_fp16=False)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what the conversion says of its own inner works out of a robot's log."""

    def is_about_decompositions(record: logging.LogRecord) -> bool:
        return 'decomp' not in record.getMessage()

    root = logging.getLogger()
    root.addFilter(is_about_decompositions)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore', FutureWarning)
            yield
    finally:
        root.removeFilter(is_about_decompositions)
