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


import numpy as np
import pytest

from surgseg_ros.simulation import SceneOptions
from surgseg_ros.simulation import StereoEndoscopeSimulator
from surgseg_ros.simulation.names import BACKDROP_NAMES
from surgseg_ros.simulation.world.backdrops import backdrop_detail
from surgseg_ros.simulation.world.backdrops import make_backdrop
from surgseg_ros.simulation.world.tissue import RELIEF_SIZE
from surgseg_ros.simulation.world.tissue import TEXTURE_SIZE

BACKDROPS = BACKDROP_NAMES[1:]
SMALL = {'seed': 3, 'width': 160, 'height': 128, 'eyes': ('left',)}


def surface(backdrop, seed=1, **options):
    rng = np.random.default_rng(seed)
    return make_backdrop(SceneOptions(backdrop=backdrop, **options), rng)


@pytest.mark.parametrize('backdrop', BACKDROPS)
def test_backdrops_have_the_layout_of_tissue(backdrop):
    made = surface(backdrop)
    assert made.relief.shape == (RELIEF_SIZE, RELIEF_SIZE)
    assert made.surface.shape == (TEXTURE_SIZE, TEXTURE_SIZE, 4)
    assert made.surface.dtype == np.uint8
    assert made.slope.shape == (TEXTURE_SIZE, TEXTURE_SIZE, 2)
    assert np.isfinite(made.slope).all()


@pytest.mark.parametrize('backdrop', BACKDROPS)
def test_backdrops_repeat_with_the_seed_and_differ_without(backdrop):
    assert np.array_equal(surface(backdrop).surface, surface(backdrop).surface)
    assert np.any(surface(backdrop).surface != surface(backdrop, seed=2).surface)


def test_boards_are_flat_and_drapes_have_folds():
    assert np.ptp(surface('board', relief=1.0).relief) == 0
    assert max(np.ptp(surface('cloth', seed, relief=1.0).relief) for seed in range(5)) > 0.002


def test_cloth_is_woven():
    weave, _ = backdrop_detail(SceneOptions(backdrop='cloth'), np.random.default_rng(1))
    spectrum = np.abs(np.fft.rfft2(weave))
    assert spectrum.max() > 100 * np.median(spectrum)


def test_detail_repeats_without_a_seam():
    weave, _ = backdrop_detail(SceneOptions(backdrop='cloth'), np.random.default_rng(1))
    inside = np.abs(np.diff(weave, axis=1)).max()
    assert np.abs(weave[:, 0] - weave[:, -1]).max() <= inside * 1.01


@pytest.mark.parametrize('backdrop', BACKDROPS)
def test_a_backdrop_changes_the_image_and_not_which_instruments_there_are(backdrop):
    frames = []
    for name in ('tissue', backdrop):
        with StereoEndoscopeSimulator(SceneOptions(backdrop=name, **SMALL)) as simulator:
            frames.append(simulator.step().left)
    tissue, changed = frames
    assert np.abs(tissue.image.astype(int) - changed.image).mean() > 5
    assert [item.class_name for item in tissue.instruments] == [
        item.class_name for item in changed.instruments
    ]
    assert changed.labels['binary'].any()
