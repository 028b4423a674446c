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
ROS 2 nodes, the only part of the package that imports rclpy.

The ``*_node`` modules on this floor are the executables; each names the class that it runs.

- :mod:`.segmentation`: the way of a frame, from the camera's callback to the published label image
- :mod:`.tracking`: instruments in, instruments with lasting identities out
- :mod:`.cameras`: simulated and recorded cameras, and the topics of real ones
- :mod:`.messages`: images and results as messages, and back
- :mod:`.common`: what every node shares: parameters, start and end, publishers, logs
- :mod:`.demo`, :mod:`.benchmark`: programs that start nodes, and judge or measure them
"""
