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
Files in, samples and label images out: label sets, readers of frames and of data sets.

- :mod:`.label_sets` (and ``label_sets.yaml``): what the values of a label image mean
- :mod:`.frame_source`: frames of whatever holds them, :mod:`.videos`, :mod:`.bag_frames` (with
  :mod:`.recordings`); :mod:`.frame_pairs`: of two eyes; :mod:`.image_files`: images to write
- :mod:`.datasets`, :mod:`.layouts`: data sets on disk, one module a layout
- :mod:`.samples`, :mod:`.label_files`, :mod:`.label_decoding`, :mod:`.sample_checks`,
  :mod:`.splits`: their content; :mod:`.file_lists`: what counts in a folder
- :mod:`.prepare`, :mod:`.prepared_folder`: the prepared layout; :mod:`.scenes`: real frames
- :mod:`.whole_files`, :mod:`.output_names`: write whole or not at all, and over nothing else
- :mod:`.parallel`: work on many files at once; :mod:`.settings`: values that people type
"""

from surgseg_ros.data.label_sets import get_label_set
from surgseg_ros.data.label_sets import LabelSet
from surgseg_ros.data.label_sets import list_label_sets

__all__ = ['LabelSet', 'get_label_set', 'list_label_sets']
