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

"""ONNX Runtime on the CPU."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
import torch

from surgseg_ros.inference.deployable import DeployableNetwork
from surgseg_ros.inference.engine import HostEngine
from surgseg_ros.inference.engine import Shape
from surgseg_ros.inference.onnx_program import make_onnx_program
from surgseg_ros.inference.onnx_program import OUTPUT_NAME

SUFFIX = '.onnx'
INPUT_NAME = 'images'


class OnnxRuntimeEngine(HostEngine):
    """
    A network run by ONNX Runtime on the CPU, in single precision.

    :param path: what :func:`convert` wrote for this shape
    :param threads: CPU threads
    """

    backend = 'onnxruntime'
    precision = 'fp32'

    def __init__(self, path: Path, shape: Shape, threads: int) -> None:
        super().__init__()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Threads that spin between two frames would take the cores from the ROS executor.
        options.add_session_config_entry('session.intra_op.allow_spinning', '0')
        self._session = onnxruntime.InferenceSession(
            path, options, providers=['CPUExecutionProvider']
        )
        self._batch = np.zeros((*shape, 3), np.uint8)

    def load(self, images: Sequence[np.ndarray]) -> None:
        """Put the images one after the other into the batch."""
        np.stack(images, out=self._batch)

    def forward(self) -> None:
        """Run the network."""
        (self._logits,) = self._session.run([OUTPUT_NAME], {INPUT_NAME: self._batch})


def convert(network: DeployableNetwork, shape: Shape, path: Path) -> None:
    """Write a network as an ONNX file for one batch shape."""
    images = torch.zeros((*shape, 3), dtype=torch.uint8)
    program = make_onnx_program(network, images, INPUT_NAME)
    program.save(path, external_data=False)
