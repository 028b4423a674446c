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


from functools import cache

import cv2
import numpy as np
import pytest

from surgseg_ros.simulation import SceneOptions
from surgseg_ros.simulation.names import TISSUE_NAMES
from surgseg_ros.simulation.world.tissue import make_tissue
from surgseg_ros.simulation.world.tissue import RELIEF_SIZE
from surgseg_ros.simulation.world.tissue import TEXTURE_SIZE


@cache
def grow(**options):
    plain = {'fat': 0.0, 'blood': 0.0, 'vessels': 0.0, 'cavity': 0.0, 'lobules': 0.0}
    return make_tissue(SceneOptions(**{**plain, **options}), np.random.default_rng(4))


def mean_color(tissue):
    return tissue.surface[..., :3].mean(axis=(0, 1))


def test_shapes_and_types():
    tissue = grow()
    assert tissue.relief.shape == (RELIEF_SIZE, RELIEF_SIZE)
    assert tissue.surface.shape == (TEXTURE_SIZE, TEXTURE_SIZE, 4)
    assert tissue.surface.dtype == np.uint8
    assert tissue.slope.shape == (TEXTURE_SIZE, TEXTURE_SIZE, 2)


def test_tissue_repeats_whatever_stands_before_it():
    """The tests of scenes rely on it: they grow equal tissue once."""
    others = {'width': 320, 'distance': 0.1, 'texture': 1.0, 'smoke': 0.5, 'num_instruments': 0}
    first, again = grow(), grow(**others)
    for name in ('relief', 'surface', 'slope'):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))


def test_no_tissue_is_a_flat_color():
    for name in TISSUE_NAMES:
        assert grow(tissue=name).surface[..., :3].std(axis=(0, 1)).min() > 2


def test_living_tissue_is_redder_than_green():
    for name in TISSUE_NAMES:
        red, green, _ = mean_color(grow(tissue=name, second_tissue=name))
        assert red > green


def test_liver_is_darker_than_fat():
    liver = mean_color(grow(tissue='liver', second_tissue='liver'))
    assert (liver < mean_color(grow(tissue='fat', second_tissue='fat'))).all()


@pytest.mark.parametrize(('option', 'low', 'high'), [('blood', 0.0, 0.5), ('vessels', 0.0, 1.0)])
def test_blood_and_vessels_make_pale_tissue_less_green(option, low, high):
    pale = {'tissue': 'pale', 'second_tissue': 'pale'}
    assert (
        mean_color(grow(**pale, **{option: low}))[1]
        > mean_color(grow(**pale, **{option: high}))[1]
    )


def test_relief_and_cavity_shape_the_surface():
    flat, folded = grow(relief=0.0), grow(relief=1.0)
    middle = np.s_[60:100, 60:100]
    assert folded.relief[middle].std() > 5 * flat.relief[middle].std()
    assert grow(cavity=1.0).relief.min() < grow(cavity=0.0).relief.min()


def test_wet_tissue_shines():
    assert grow(wetness=1.0).surface[..., 3].mean() > 2 * grow(wetness=0.2).surface[..., 3].mean()


def test_bodies_rise_above_the_surface_in_colors_of_their_own():
    bare, covered = grow(), grow(bodies=1.0)
    rise = covered.relief - bare.relief
    assert rise.min() > -1e-6
    assert rise.max() > 0.003
    raised = cv2.resize(rise, (TEXTURE_SIZE, TEXTURE_SIZE)) > 0.001
    change = np.abs(covered.surface[..., :3].astype(int) - bare.surface[..., :3]).mean(axis=2)
    assert change[raised].mean() > 10
    assert change[~raised].mean() < 0.5 * change[raised].mean()


def test_char_blackens_a_small_share():
    bare, burnt = grow(), grow(char=1.0)
    dark = burnt.surface[..., :3].max(axis=2) < 60
    assert 0.02 < dark.mean() < 0.4
    assert (bare.surface[..., :3].max(axis=2) < 60).mean() < 0.01
