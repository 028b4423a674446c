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

"""Defaults of simulated data sets, which the command line shows without loading a renderer."""

VIDEOS = 8
FRAMES = 30
SIZE = (320, 256)
SEED = 0
RATE_HZ = 2.0
FRAMES_PER_SCENE = 5
RANGES = ('standard', 'wide', 'crowded')
"""Ranges that scenes are drawn from, the first by default."""

SIMULATED = 'simulation'
"""What ``dataset.json`` names as the source of simulated data."""
