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
Layouts of data sets, one module each: how to recognize one and list its samples.

- :mod:`.base`: what a reader offers, and the files and folders that readers look for
- :mod:`.cropped_endovis`: the prepared layout, which ``surgseg prepare`` writes
- :mod:`.endovis2017`, :mod:`.zipped_release`, :mod:`.isinet`, :mod:`.agsd`: EndoVis 2017
- :mod:`.endovis2018`, :mod:`.sar_rarp50`: the other released sets
- :mod:`.image_mask_folder`: any images with masks of equal names

:mod:`surgseg_ros.data.datasets` lists them all.
"""
