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
Learning from a clip without labels (Liu et al. 2020), the work of ``surgseg adapt``.

- :mod:`.adapt`: the command's work; :mod:`.adaptation`: the loop; :mod:`.losses`
- :mod:`.clip`: frames in memory; :mod:`.clip_cues`, :mod:`.objectness`: what is known of them
  without labels (cues and anchors themselves: :mod:`surgseg_ros.perception`)
- :mod:`.clip_prediction`, :mod:`.frozen_features`, :mod:`.contact_sheet`
"""
