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


from dataclasses import replace

import numpy as np
import pytest

from surgseg_ros.simulation import SceneOptions
from surgseg_ros.simulation import StereoEndoscopeSimulator
from surgseg_ros.simulation.names import INSTRUMENT_NAMES
from surgseg_ros.simulation.world.materials import draw_look

SMALL = {'width': 320, 'height': 256, 'eyes': ('left',), 'noise': 0.0, 'num_instruments': 2}


def looks(name, count=60, **options):
    rng = np.random.default_rng(3)
    return [draw_look(name, SceneOptions(**options), rng) for _ in range(count)]


@pytest.mark.parametrize('name', INSTRUMENT_NAMES)
def test_only_monopolar_scissors_wear_a_sheath(name):
    covered = [look.cover is not None for look in looks(name)]
    assert any(covered) == (name == 'monopolar curved scissors')
    assert not all(covered)


def test_bright_shafts_are_brighter_and_some_are_printed_on():
    dark, bright = (looks('vessel sealer', shaft_brightness=value) for value in (0.0, 1.0))
    assert np.mean([look.shaft.color for look in dark]) < 0.03
    assert np.mean([look.shaft.color for look in bright]) > 0.2
    printed = np.mean([look.shaft.imprint != 0 for look in dark])
    assert 0.1 < printed < 0.4


@pytest.mark.parametrize('change', [{'facets': 1.0}, {'imprint': 1.0}])
def test_facets_and_print_change_the_instruments_alone(change, monkeypatch):
    def frame(**values):
        def draw(*arguments):
            look = draw_look(*arguments)
            parts = ('shaft', 'sleeve', 'wrist')
            return replace(look, **{x: replace(getattr(look, x), **values) for x in parts})

        monkeypatch.setattr('surgseg_ros.simulation.world.scene.draw_look', draw)
        with StereoEndoscopeSimulator(SceneOptions(seed=4, **SMALL)) as simulator:
            return simulator.step().left

    plain, changed = (
        frame(facets=0.0, imprint=0.0),
        frame(**{'facets': 0.0, 'imprint': 0.0, **change}),
    )
    instrument = plain.labels['binary'] > 0
    difference = np.abs(plain.image.astype(int) - changed.image).mean(axis=2)
    assert difference[instrument].mean() > 1
    assert difference[instrument].mean() > 5 * difference[~instrument].mean()
