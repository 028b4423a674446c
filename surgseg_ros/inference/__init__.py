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
Image in, label image out: preprocessing, backends and checkpoints, without ROS.

- :mod:`.segmenter`: the class that nodes and commands use; start here
- :mod:`.checkpoints`, :mod:`.checkpoint_info`: files of weights; :mod:`.published_checkpoints`,
  :mod:`.published_layouts`, :mod:`.state_dict_files`, :mod:`.state_dict_names`,
  :mod:`.weight_file_kinds`: those of others
- :mod:`.crop`, :mod:`.preprocessing`, :mod:`.deployable`, :mod:`.label_images`: the way of pixels
- :mod:`.engine`, :mod:`.backends`, :mod:`.backend_selection`: what runs a network, and the choice
- :mod:`.conversion_cache`, :mod:`.conversion_process`, :mod:`.onnx_program`, :mod:`.export`:
  networks in the formats of other runtimes
- :mod:`.deadline`, :mod:`.devices`, :mod:`.memory`: time, threads, formats and memory
"""

from surgseg_ros.inference.checkpoints import CheckpointError
from surgseg_ros.inference.devices import DeviceError
from surgseg_ros.inference.segmenter import Segmentation
from surgseg_ros.inference.segmenter import Segmenter

__all__ = ['CheckpointError', 'DeviceError', 'Segmentation', 'Segmenter']
