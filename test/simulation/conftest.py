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


"""Skip the tests of the simulator where it cannot run, and share what is slow to make."""

from collections import OrderedDict
from collections.abc import Iterator

import numpy as np
import pytest

pytest.importorskip('mujoco', reason="the simulator needs the PyPI package 'mujoco'")

from surgseg_ros.simulation import RenderingError
from surgseg_ros.simulation import SceneOptions
from surgseg_ros.simulation import StereoEndoscopeSimulator
from surgseg_ros.simulation import StereoFrame
from surgseg_ros.simulation.rendering.offscreen import create_gl_context
from surgseg_ros.simulation.world import scene
from surgseg_ros.simulation.world.tissue import Tissue

GROWTH_OPTIONS = (
    'seed',
    'tissue',
    'second_tissue',
    'fat',
    'relief',
    'lobules',
    'bodies',
    'char',
    'vessels',
    'wetness',
    'cavity',
    'blood',
)
"""What decides how tissue grows."""
KEPT_TISSUES = 8


@pytest.fixture(scope='session', autouse=True)
def off_screen_gl() -> None:
    try:
        create_gl_context().free()
    except RenderingError as error:
        pytest.skip(str(error))


@pytest.fixture(scope='session', autouse=True)
def tissues() -> Iterator[None]:
    """Grow the same tissue once for all scenes: it is most of what a scene costs."""
    grow, grown = scene.make_tissue, OrderedDict[tuple[object, ...], Tissue]()

    def remember(options: SceneOptions, rng: np.random.Generator) -> Tissue:
        key = tuple(getattr(options, name) for name in GROWTH_OPTIONS)
        if key not in grown:
            grown[key] = grow(options, rng)
        grown.move_to_end(key)
        if len(grown) > KEPT_TISSUES:
            grown.popitem(last=False)
        return grown[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scene, 'make_tissue', remember)
        yield


@pytest.fixture(scope='session')
def simulator(off_screen_gl: None) -> Iterator[StereoEndoscopeSimulator]:
    """Return a simulator at its first frame; see ``frame``."""
    with StereoEndoscopeSimulator(SceneOptions(seed=3, width=320, height=256)) as simulator:
        yield simulator


@pytest.fixture(scope='session')
def frame(simulator: StereoEndoscopeSimulator) -> StereoFrame:
    """Return the first frame of ``simulator``."""
    return simulator.step()
