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

"""Rendered data sets; ``test/data/test_prepare.py`` has the command line that makes them."""

import pytest

pytest.importorskip('mujoco', reason='rendering needs the simulation extra (mujoco)')

from surgseg_ros.data import simulated_set_defaults
from surgseg_ros.simulation import randomization
from surgseg_ros.training.simulated_data import PLAIN_SCENE_PERIODS


def test_the_command_line_offers_the_ranges_that_can_be_rendered():
    assert tuple(randomization.RANGES) == simulated_set_defaults.RANGES
    assert set(PLAIN_SCENE_PERIODS) == set(randomization.RANGES)
