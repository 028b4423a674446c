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
What is in front of the camera.

- :mod:`.scene`: the MuJoCo scene, built from everything below
- :mod:`.instruments`: the kinds of wristed instruments; :mod:`.instrument_builder`,
  :mod:`.materials`: their body and look; :mod:`.motion`, :mod:`.kinematics`: how they move
- :mod:`.held_tools`, :mod:`.distractors`: what is no robotic instrument
- :mod:`.tissue`, :mod:`.backdrops`: what lies behind
- :mod:`.geoms`, :mod:`.meshes`, :mod:`.loose_meshes`: what all of it is made of
"""
