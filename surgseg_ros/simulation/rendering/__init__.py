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
From a scene to linear radiance.

- :mod:`.offscreen`: identity and depth of every pixel, by OpenGL without a display
- :mod:`.shading`: deferred shading of the whole image; :mod:`.object_shading`: of the instruments
- :mod:`.lighting`: the light of the endoscope; :mod:`.ray_casting`: rays through instruments
"""
