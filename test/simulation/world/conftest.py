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


"""Instruments of every type, for whatever must hold for all of them."""

from instrument_models import build
import pytest

from surgseg_ros.simulation.world.instruments import INSTRUMENT_TYPES


@pytest.fixture(
    params=[(name, variant) for name in INSTRUMENT_TYPES for variant in (0.0, 0.5, 0.99)],
    ids=lambda param: f'{param[0]} {param[1]}',
)
def built(request):
    """Return name, model, data and labels of an instrument of every type and variant."""
    name, variant = request.param
    return name, *build(name, variant=variant)
