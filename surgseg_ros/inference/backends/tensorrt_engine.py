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

"""TensorRT by way of Torch-TensorRT, on an NVIDIA GPU."""

import torch
from torch import nn
import torch_tensorrt

from surgseg_ros.inference.backends.cuda_engine import CudaEngine
from surgseg_ros.inference.deployable import DeployableNetwork
from surgseg_ros.inference.engine import Shape


class TensorRtEngine(CudaEngine):
    """
    A network compiled by TensorRT, between the same buffers as with torch.

    :param network: on the device, in the number format of the precision, which TensorRT keeps
    """

    def __init__(
        self, network: DeployableNetwork, shape: Shape, device: torch.device, precision: str
    ) -> None:
        compiled = _compile(network, shape, device)
        super().__init__(compiled, shape, device, precision, backend='tensorrt')


def _compile(network: DeployableNetwork, shape: Shape, device: torch.device) -> nn.Module:
    images = torch.zeros((*shape, 3), dtype=torch.uint8, device=device)
    with torch.inference_mode():
        program = torch.export.export(network, (images,))
    return torch_tensorrt.dynamo.compile(program, [images], use_explicit_typing=True)
