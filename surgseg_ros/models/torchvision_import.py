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
The one place that imports torchvision.

Beside a CPU build of torch, torchvision's wheels (all of them CUDA builds) cannot load their
compiled operators, and the import stops at the first: ``operator torchvision::nms does not
exist``. No network here uses such an operator, so declaring the two schemas that the import
checks is enough.
"""

import torch

try:
    import torchvision
except RuntimeError as error:
    if 'torchvision::nms' not in str(error):
        raise
    _missing_operators = torch.library.Library('torchvision', 'DEF')
    _missing_operators.define('nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor')
    _missing_operators.define('qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor')
    import torchvision

__all__ = ['torchvision']
