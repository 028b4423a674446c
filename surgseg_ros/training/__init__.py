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
Losses, data and loops of training, supervised, adversarial and without labels.

- :mod:`.trainer`: the loop of ``surgseg train``; :mod:`.recipe` (and ``recipes/``): what decides a
  run; :mod:`.run_folder`: what it leaves
- :mod:`.run_data`, :mod:`.sample_tensors`, :mod:`.sample_order`, :mod:`.augmentation`,
  :mod:`.image_changes`, :mod:`.simulated_data`: from samples to batches
- :mod:`.losses`, :mod:`.adversary`, :mod:`.adversarial_losses`, :mod:`.schedule`,
  :mod:`.initial_weights`, :mod:`.weight_average`, :mod:`.validation`, :mod:`.engine`
- :mod:`.label_free`: ``surgseg adapt``, learning from a clip without labels
"""

# Beside a CPU build of torch, torchvision must be imported in this way first.
from surgseg_ros.models import torchvision_import  # noqa: F401
