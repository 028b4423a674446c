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
What is known of the cameras, without ROS: read from files, checked, used for points.

- :mod:`.files`: the entry, one reader for all formats; :mod:`.layouts`: which entry is of which
  eye, :mod:`.file_cameras`: of one camera, :mod:`.endovis`: of a challenge's file,
  :mod:`.file_content`, :mod:`.entries`: text, numbers
- :mod:`.camera`, :mod:`.stereo`: calibrations of one eye and of both, they rectify points and
  triangulate
- :mod:`.distortion`, :mod:`.matrices`, :mod:`.baseline`, :mod:`.image_size`: what can be right
"""
