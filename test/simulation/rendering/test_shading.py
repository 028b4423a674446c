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


import cv2
import numpy as np
import pytest

from surgseg_ros.simulation import SceneOptions
from surgseg_ros.simulation import StereoEndoscopeSimulator

PLAIN = {'width': 320, 'height': 256, 'eyes': ('left',), 'noise': 0.0, 'backdrop': 'plain'}


def first_frame(**options):
    with StereoEndoscopeSimulator(SceneOptions(seed=3, **PLAIN, **options)) as simulator:
        return simulator.step().left


def brightness(frame):
    return frame.image.astype(float).mean(axis=2)


@pytest.mark.parametrize('change', [{'shadow': 0.9}, {'shadow': 0.5, 'stray_shadows': 3}])
def test_shadows_darken_parts_of_the_background(change):
    base = {'light_offset': 0.02, 'shadow_softness': 0.1}
    light = first_frame(**base, shadow=0.0)
    dark = first_frame(**base, **change)
    left = (brightness(dark) + 1) / (brightness(light) + 1)
    left = left[light.labels['binary'] == 0]
    # The camera exposes for the whole image, so only the share between its parts counts.
    assert (left < 0.8 * np.median(left)).mean() > 0.01
    assert (left > 1.2 * np.median(left)).mean() < 0.01
    assert all((light.labels[name] == dark.labels[name]).all() for name in light.labels)


def test_soft_shadows_have_no_steep_edges():
    def steepest(softness):
        frame = first_frame(
            num_instruments=0, stray_shadows=2, shadow=0.9, shadow_softness=softness, wetness=0.0
        )
        smooth = cv2.GaussianBlur(brightness(frame), (0, 0), 2)
        return np.abs(np.diff(smooth, axis=1)).max()

    assert steepest(0.0) > 2 * steepest(1.0)


def test_smooth_tissue_has_fewer_small_highlights():
    def roughness(texture):
        options = {**PLAIN, 'backdrop': 'tissue', 'num_instruments': 0, 'wetness': 1.0}
        with StereoEndoscopeSimulator(
            SceneOptions(seed=3, texture=texture, **options)
        ) as simulator:
            return np.abs(np.diff(brightness(simulator.step().left), axis=1)).mean()

    assert roughness(1.0) > 1.3 * roughness(0.0)
