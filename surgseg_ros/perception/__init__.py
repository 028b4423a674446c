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
Label image in, instruments out, without ROS.

- :mod:`.instruments`: ``find_instruments``, the entry; :mod:`.region`: what is known of one
- :mod:`.components`, :mod:`.piece_joining`, :mod:`.tool_separation`, :mod:`.tool_assembly`: which
  pixels belong together; :mod:`.jaws`, :mod:`.shaft_edges`, :mod:`.silhouette`, :mod:`.strips`:
  shape
- :mod:`.stereo`, ``stereo_*``, :mod:`.disparity_fit`: positions in space from both eyes
- :mod:`.tracking`, :mod:`.track`, :mod:`.kalman`, :mod:`.observations`: identities over time
- :mod:`.image_motion`, :mod:`.image_quality`, :mod:`.cues`, :mod:`.anchors`: from images alone
- :mod:`.overlay`: drawn over the image
"""

from surgseg_ros.perception.instruments import find_instruments
from surgseg_ros.perception.instruments import InstrumentSet
from surgseg_ros.perception.region import Region

__all__ = ['InstrumentSet', 'Region', 'find_instruments']
