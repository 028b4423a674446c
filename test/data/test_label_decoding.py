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


"""Tests of decoding label files: every value has a class id, or the file is refused."""

import numpy as np
import pytest

from surgseg_ros.data.label_decoding import count_values
from surgseg_ros.data.label_decoding import decode_binary_mask
from surgseg_ros.data.label_decoding import decode_one_value
from surgseg_ros.data.label_decoding import mask_values
from surgseg_ros.data.label_decoding import scaled_ids
from surgseg_ros.data.label_decoding import single_channel

GRAY = np.array([[0, 1, 3]], np.uint8)


def colors(*pixels):
    return np.array([pixels], np.uint8)


def test_values_are_counted():
    counts = count_values(np.array([[0, 255, 3], [3, 3, 0]], np.uint8))
    assert counts[[0, 1, 3, 255]].tolist() == [2, 0, 3, 1]
    assert counts.sum() == 6


@pytest.mark.parametrize(
    'image',
    [
        GRAY,
        GRAY.astype(np.uint16),
        np.dstack([GRAY] * 3),
        np.dstack([GRAY, GRAY * 0, GRAY * 0]),
        np.dstack([GRAY, GRAY, GRAY, GRAY * 0 + 255]),
        np.dstack([GRAY, GRAY, GRAY, (GRAY > 0) * np.uint8(255)]),
    ],
    ids=['gray', '16 bits', 'equal', 'one channel', 'opaque', 'transparent background'],
)
def test_gray_in_every_disguise(image):
    assert single_channel(image).tolist() == GRAY.tolist()
    assert single_channel(image).dtype == np.uint8


@pytest.mark.parametrize(
    ('image', 'why'),
    [
        (np.array([[0, 300]], np.uint16), 'has uint16 pixels with values up to 300'),
        (np.zeros((1, 2), np.float32), 'float32'),
        (colors((0, 0, 0), (0, 0, 255)), 'its channels differ'),
        (colors((1, 2, 3)), 'its channels differ'),
        (colors((0, 0, 0, 0), (1, 1, 1, 128)), 'transparent pixels'),
        (colors((0, 0, 0, 0), (0, 0, 0, 255)), 'transparent pixels'),
        (colors((0, 0, 0, 255), (1, 1, 1, 0)), 'transparent pixels'),
    ],
)
def test_what_is_no_gray_value_is_refused(image, why):
    with pytest.raises(ValueError, match=why):
        single_channel(image)


@pytest.mark.parametrize('color', [(0, 0, 255), (255, 220, 0), (0, 0, 128), (40, 10, 90)])
def test_one_color_on_black_is_a_binary_mask(color):
    image = colors((0, 0, 0), color, color)
    assert decode_binary_mask([image]).tolist() == [[0, 1, 1]]
    assert mask_values(image, 255).tolist() == [[0, 255, 255]]
    assert scaled_ids('binary', 255)([image]).tolist() == [[0, 1, 1]]


def test_white_on_black_is_a_binary_mask():
    image = colors((0, 0, 0), (255, 255, 255))
    assert decode_binary_mask([image]).tolist() == [[0, 1]]


@pytest.mark.parametrize('pixels', [[(0, 0, 255), (0, 255, 0)], [(0, 0, 255), (0, 0, 128)]])
def test_several_colors_are_no_binary_mask(pixels):
    with pytest.raises(ValueError, match='color image|unknown values'):
        decode_binary_mask([colors((0, 0, 0), *pixels)])


def test_pure_colors_are_no_class_ids():
    """Red would be 255, unlabeled, in a task of several classes."""
    with pytest.raises(ValueError, match='is a color image'):
        scaled_ids('types')([colors((0, 0, 0), (0, 0, 255))])


def test_unknown_values_are_listed_with_their_pixels():
    values = np.array([[0, 12, 12, 99, 255]], np.uint8)
    with pytest.raises(ValueError, match=r'unknown values 12 \(2 px\), 99 \(1 px\); known are: 0'):
        scaled_ids('parts')([values])
    with pytest.raises(ValueError, match='give --mask-factor N; soft edges'):
        decode_binary_mask([values])


def test_factors_beyond_a_byte_leave_the_classes_that_fit():
    assert scaled_ids('types', 85)([np.array([[0, 85, 255]], np.uint8)]).tolist() == [[0, 1, 3]]


def test_a_mask_of_any_single_value_has_no_soft_edges():
    assert decode_one_value([np.array([[0, 7, 7]], np.uint8)]).tolist() == [[0, 1, 1]]
    with pytest.raises(ValueError, match=r'7 \(1 px\), 9 \(1 px\); a binary mask has one'):
        decode_one_value([np.array([[0, 7, 9]], np.uint8)])
