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
From bytes to pixels: one decoder for messages, recordings and files, without ROS.

- :mod:`.raw_images` with :mod:`.encodings`: content of ``sensor_msgs/Image``
- :mod:`.compressed_images`: content of ``sensor_msgs/CompressedImage``
- :mod:`.image_files`: files, with :mod:`.tiff`; :mod:`.file_headers`: whether they are whole
- :mod:`.bit_depth`: samples of other than 8 bits
"""
