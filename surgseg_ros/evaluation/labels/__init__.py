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
Label images against ground truth.

- :mod:`.evaluate`: the work of ``surgseg evaluate``; :mod:`.truth`, :mod:`.label_folders`,
  :mod:`.pairs`: files of ground truth, of label images, and which belong together
- :mod:`.metrics`: Dice and IoU from confusion matrices; :mod:`.overlap_metrics`,
  :mod:`.surface_metrics`: all others; :mod:`.map_scores`: those of probability maps
- :mod:`.scores`, :mod:`.frame_records`: what is kept of every frame and summed up
- :mod:`.metric_table`: every metric with its name and definition, for JSON, tables and document
- :mod:`.tables`, :mod:`.pictures`: for people
"""
