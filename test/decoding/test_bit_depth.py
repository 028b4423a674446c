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

"""Tests of the scaling to 8 bits."""

import numpy as np
import pytest

from surgseg_ros.decoding.bit_depth import BitDepth
from surgseg_ros.decoding.encodings import ImageFormatError


@pytest.mark.parametrize('bits', [1, 8, 10, 12, 14, 16])
def test_the_largest_value_of_the_bits_is_white(bits):
    largest = 2**bits - 1
    samples = np.array([0, largest // 2, largest], np.uint16)
    scaled = BitDepth(bits).to_eight_bit(samples)
    assert scaled.dtype == np.uint8
    np.testing.assert_array_equal(scaled, np.round(samples * (255 / largest)))


def test_more_bits_than_said_are_refused_with_the_number():
    with pytest.raises(ImageFormatError, match='is 4096, but with 12 bits.*bits to 13') as caught:
        BitDepth(12).to_eight_bit(np.array([4096], np.uint16))
    assert caught.value.cause == 'bits'


@pytest.mark.parametrize(('largest', 'bits'), [(200, 8), (1023, 10), (4095, 12), (16383, 14)])
def test_what_comes_out_nearly_black_is_reported_once(largest, bits):
    remarks = []
    depth = BitDepth(report=remarks.append)
    for _ in range(2):
        depth.to_eight_bit(np.array([largest], np.uint16))
    assert remarks == [depth.remark]
    assert f'end at {largest}, as those of {bits} bits' in depth.remark


def test_neither_black_nor_bright_images_are_reported():
    remarks = []
    depth = BitDepth(report=remarks.append)
    for largest in (0, 16384, 4095):
        depth.to_eight_bit(np.array([largest], np.uint16))
    BitDepth(16, remarks.append).to_eight_bit(np.array([4095], np.uint16))
    depth.to_eight_bit(np.array([3], np.uint8))
    assert not remarks


def test_a_bright_image_ends_the_doubt():
    depth = BitDepth(report=lambda text: None)
    depth.to_eight_bit(np.array([900], np.uint16))
    assert depth.remark
    depth.to_eight_bit(np.array([60000], np.uint16))
    assert not depth.remark


@pytest.mark.parametrize('bits', [-1, 17])
def test_impossible_bits(bits):
    with pytest.raises(ValueError, match=f'bits {bits}: expected 1 to 16'):
        BitDepth(bits)
