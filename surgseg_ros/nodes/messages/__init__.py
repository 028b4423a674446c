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
Images and results as ROS messages, and back; no node needs to know bytes.

- :mod:`.images`, :mod:`.compressed_images`: images to publish; those that arrive are read in
  :mod:`surgseg_ros.decoding`
- :mod:`.camera_info`: calibrations
- :mod:`.instruments`, :mod:`.stereo`, :mod:`.tracks`: results; :mod:`.vision`: as ``vision_msgs``
- :mod:`.instrument_markers`, :mod:`.stereo_markers`: for RViz; :mod:`.diagnostics`
"""
