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


"""Names that options of a scene can take."""

from surgseg_ros.data import get_label_set

INSTRUMENT_NAMES = get_label_set('types').class_names[1:]
"""Every instrument that the label set ``types`` knows."""

TISSUE_NAMES = (
    *('peritoneum', 'bowel', 'liver', 'fat', 'kidney', 'pale'),
    *('spleen', 'omentum', 'mucosa', 'fascia', 'dark', 'bruised'),
)

BORDER_NAMES = ('none', 'frame', 'rounded', 'circle', 'small circle', 'pillar')

BACKDROP_NAMES = ('tissue', 'cloth', 'board', 'plain', 'texture')

COLOR_CAST_NAMES = ('none', 'cold', 'violet', 'warm', 'green')

OVERLAY_NAMES = ('none', 'console', 'caption', 'corners', 'panel')
