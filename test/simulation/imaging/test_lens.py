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
from surgseg_ros.simulation.imaging.lens import Lens

SIZE = {'width': 160, 'height': 128}


@pytest.fixture
def light() -> np.ndarray:
    image = np.random.default_rng(1).uniform(0.1, 0.4, (128, 160, 3)).astype(np.float32)
    image[50:70, 60:90] = 2.5
    return image


def through(light, eye=0, **options):
    return Lens(SceneOptions(**SIZE, **options), eye).apply(light.copy())


@pytest.mark.parametrize(
    'option', [{'bloom': 1.0}, {'fog': 0.8}, {'lens_dirt': 1.0}, {'misregistration': 4.0}], ids=str
)
def test_every_effect_changes_the_light_and_repeats_with_the_seed(light, option):
    changed = through(light, eyes=('left',), **option)
    assert np.abs(changed - light).max() > 0.01
    assert np.array_equal(changed, through(light, eyes=('left',), **option))


def test_a_clean_lens_changes_nothing(light):
    assert np.array_equal(through(light), light)


def test_bloom_brightens_the_surroundings_of_glare_alone(light):
    bloomed = through(light, bloom=1.0)
    assert bloomed[72, 75, 0] > light[72, 75, 0] + 0.05
    dim = np.minimum(light, 0.9)
    assert np.array_equal(through(dim, bloom=1.0), dim)


@pytest.mark.parametrize('option', [{'fog': 0.8}, {'lens_dirt': 1.0}], ids=str)
def test_only_one_eye_is_dirty_and_it_is_a_rendered_one(light, option):
    for seed in range(4):
        dirty = [np.any(through(light, eye, seed=seed, **option) != light) for eye in (0, 1)]
        assert sum(dirty) == 1
        assert np.any(through(light, 1, seed=seed, eyes=('right',), **option) != light)


def test_fog_takes_contrast_away(light):
    foggy = through(light, fog=1.0, eyes=('left',))
    assert foggy.std() < light.std()


def test_colors_move_apart_to_both_sides(light):
    spot = np.zeros_like(light)
    spot[60:65, 80:85] = 1
    moved = through(spot, misregistration=16.0 / 4)
    columns = np.arange(160)
    rows = np.arange(128)
    centers = [
        np.array([plane.sum(axis=0) @ columns, plane.sum(axis=1) @ rows]) / plane.sum()
        for plane in np.moveaxis(moved, 2, 0)
    ]
    assert centers[1] == pytest.approx((82, 62))
    assert centers[0] + centers[2] == pytest.approx((164, 124), abs=0.05)
    assert np.linalg.norm(centers[0] - centers[2]) == pytest.approx(1.0, abs=0.1)
