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
from surgseg_ros.simulation.imaging.overlays import make_overlay
from surgseg_ros.simulation.imaging.overlays import Overlay
from surgseg_ros.simulation.names import OVERLAY_NAMES

KINDS = OVERLAY_NAMES[1:]
SMALL = {'width': 320, 'height': 256}


@pytest.mark.parametrize('kind', KINDS)
def test_overlays_cover_a_part_of_the_image_only(kind):
    for seed in range(6):
        overlay = make_overlay(SceneOptions(seed=seed, overlay=kind, **SMALL))
        assert 0.0005 < (overlay.alpha > 0).mean() < 0.5


def test_no_overlay_draws_nothing():
    assert make_overlay(SceneOptions()) is None


def test_opaque_pixels_replace_the_image_and_translucent_ones_mix():
    color = np.full((2, 3, 3), 200, np.uint8)
    alpha = np.array([[0, 102, 255], [0, 0, 0]], np.uint8)
    pixels = np.full((2, 3, 3), 100, np.uint8)
    overlay = Overlay(color, alpha)
    overlay.draw_on(pixels)
    assert pixels[0, :, 0].tolist() == [100, 140, 200]
    assert (pixels[1] == 100).all()
    assert overlay.hides.tolist() == [[False, False, True], [False, False, False]]


def test_overlays_repeat_with_the_seed_and_differ_without():
    first, again, other = (
        make_overlay(SceneOptions(seed=seed, overlay='console', **SMALL)) for seed in (1, 1, 2)
    )
    assert np.array_equal(first.color, again.color)
    assert np.array_equal(first.alpha, again.alpha)
    assert np.any(first.alpha != other.alpha)


@pytest.mark.parametrize('kind', KINDS)
def test_what_an_overlay_hides_is_background_and_nothing_else_changes(kind):
    hidden = 0
    for seed in range(3):
        options = {'seed': seed, 'num_instruments': 3, 'eyes': ('left',), **SMALL}
        shown = []
        for overlay in ('none', kind):
            with StereoEndoscopeSimulator(
                SceneOptions(overlay=overlay, **options), render_images=False
            ) as simulator:
                shown.append(simulator.step().left.labels['parts'])
        hides = make_overlay(SceneOptions(overlay=kind, **options)).hides
        plain, covered = shown
        assert not covered[hides].any()
        assert np.array_equal(plain[~hides], covered[~hides])
        hidden += plain[hides].any()
    # The boxes of a console reach from side to side; others may miss all instruments.
    assert kind != 'console' or hidden
