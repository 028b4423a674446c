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
How good results are: of label images, of positions and tracks, of scenes of real frames.

- :mod:`.labels`: ``surgseg evaluate`` on label images: pairs of files, metrics, tables, pictures
- :mod:`.tracks`: ``surgseg evaluate --tracks``: positions and identities on scripted scenes
- :mod:`.real_frames`: ``surgseg score-real``: the scenes that the model card quotes

Metrics are pure functions of arrays; whoever needs one alone opens :mod:`.labels.metrics`.
"""
