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

"""Tests of the way from camera images to network input."""

import numpy as np
import pytest

from surgseg_ros.inference.preprocessing import check_image
from surgseg_ros.inference.preprocessing import fit_network_size
from surgseg_ros.inference.preprocessing import resize_image


@pytest.mark.parametrize(
    ('image_size', 'expected'),
    [
        ((640, 512), (640, 512)),
        ((1280, 1024), (640, 512)),
        ((320, 256), (640, 512)),
        ((1920, 1080), (768, 416)),
        ((720, 576), (640, 512)),
    ],
)
def test_network_size_keeps_aspect_ratio_and_cost(image_size, expected):
    assert fit_network_size(image_size, (640, 512), 32) == expected


def test_native_size_is_the_image_size():
    assert fit_network_size((641, 481), (0, 0), 32) == (641, 481)


def test_stretched_images_get_exactly_the_input_size():
    assert fit_network_size((1920, 1080), (256, 256), 32, 'stretch') == (256, 256)
    assert fit_network_size((641, 481), (0, 0), 32, 'stretch') == (641, 481)


def test_extreme_images_keep_at_least_one_stride():
    assert fit_network_size((10000, 10), (640, 512), 32)[1] == 32


def test_shrinking_averages():
    """Every second column white: an average is grey everywhere, a pick would be 0 or 255."""
    image = np.zeros((64, 64, 3), np.uint8)
    image[:, ::2] = 255
    np.testing.assert_allclose(resize_image(image, (16, 16)), 127.5, atol=1)


def test_a_scale_applies_to_what_the_network_would_see():
    assert fit_network_size((1920, 1080), (640, 512), 32, scale=0.5) == (384, 192)
    assert fit_network_size((640, 512), (0, 0), 32, scale=0.5) == (320, 256)
    assert fit_network_size((640, 512), (256, 256), 32, 'stretch', scale=0.5) == (128, 128)


@pytest.mark.parametrize(
    'image',
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((0, 4, 3), np.uint8),
    ],
)
def test_what_is_not_rgb_is_refused(image):
    with pytest.raises(ValueError, match='expected an RGB image'):
        check_image(image)
