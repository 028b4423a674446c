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
Networks, one file a paper, and their registry.

- :mod:`.registry`: ``create_model``, ``list_models``; :mod:`.base`: what every network is
- :mod:`.mffnet` (Islam 2019), :mod:`.ternausnet`, :mod:`.linknet`, :mod:`.unet` (Shvets 2018),
  :mod:`.rasnet` (Ni 2019), :mod:`.smp_unet` (SAR-RARP50), :mod:`.agsd_unet` (Liu 2020)
- :mod:`.encoders`: encoders that several share; :mod:`.discriminator`: Islam's adversary
- :mod:`.torchvision_import`: torchvision beside a CPU build of torch
- :mod:`.color_linear`: one linear layer, for tests of everything around networks
"""

# Importing a network's module registers it.
from surgseg_ros.models import agsd_unet  # noqa: F401
from surgseg_ros.models import color_linear  # noqa: F401
from surgseg_ros.models import linknet  # noqa: F401
from surgseg_ros.models import mffnet  # noqa: F401
from surgseg_ros.models import rasnet  # noqa: F401
from surgseg_ros.models import smp_unet  # noqa: F401
from surgseg_ros.models import ternausnet  # noqa: F401
from surgseg_ros.models import unet  # noqa: F401
from surgseg_ros.models.base import count_flops
from surgseg_ros.models.base import count_parameters
from surgseg_ros.models.base import SegmentationNetwork
from surgseg_ros.models.registry import create_model
from surgseg_ros.models.registry import list_models
from surgseg_ros.models.registry import model_info
from surgseg_ros.models.registry import model_options
from surgseg_ros.models.registry import ModelInfo
from surgseg_ros.models.registry import register_model

__all__ = [
    'ModelInfo',
    'SegmentationNetwork',
    'count_flops',
    'count_parameters',
    'create_model',
    'list_models',
    'model_info',
    'model_options',
    'register_model',
]
