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
Pictures, plots, tables and videos for people.

- :mod:`.mosaic`: images, predictions and truth side by side; :mod:`.frame_pairing`: what belongs
  to one moment
- :mod:`.plots`: figures of matplotlib; :mod:`.text_tables`: tables; :mod:`.video_file`: MP4 files
- :mod:`.accounts`: what a command read, used and left out
- :mod:`.packages`: what to install for plots and tables
- :mod:`.percentiles`: what times typically are, and rarely
"""
