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

"""Networks as ONNX programs, for ONNX Runtime here and for other runtimes."""

import warnings

import torch
from torch import nn
from torch import Tensor

OUTPUT_NAME = 'logits'
OPSET = 18


def make_onnx_program(
    network: nn.Module, images: Tensor, input_name: str
) -> torch.onnx.ONNXProgram:
    """
    Convert a network for one shape of its input.

    :param network: takes ``images`` alone, returns logits
    :param images: of the shape and dtype that the program takes
    :param input_name: name of the program's input; that of its output is :data:`OUTPUT_NAME`
    """
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', FutureWarning)  # about torch's own code
        program = torch.onnx.export(
            network,
            (images,),
            input_names=[input_name],
            output_names=[OUTPUT_NAME],
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    return program
