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

"""Tests of raw images with signed, 32-bit and floating-point samples."""

from types import SimpleNamespace

import numpy as np
import pytest

from surgseg_ros.decoding.encodings import ENCODINGS
from surgseg_ros.decoding.encodings import ImageFormatError
from surgseg_ros.decoding.raw_images import image_to_array

HEIGHT, WIDTH = 24, 31
ORDERS = {1: [0, 0, 0], 3: [2, 1, 0], 4: [2, 1, 0]}
RARE = [name for name in ENCODINGS if name.startswith(('8S', '16S', '32', '64'))]


def make_samples(encoding):
    layout = ENCODINGS[encoding]
    rng = np.random.default_rng(0)
    shape = (HEIGHT, WIDTH, layout.channels)
    if np.dtype(layout.dtype).kind == 'f':
        return rng.uniform(-0.2, 1.2, shape).astype(layout.dtype)
    limits = np.iinfo(layout.dtype)
    return rng.integers(limits.min, limits.max, shape, layout.dtype, endpoint=True)


def make_message(samples, encoding, padding=0, is_bigendian=False):
    stored = samples.astype(samples.dtype.newbyteorder('>' if is_bigendian else '<'))
    rows = [row.tobytes() + b'\xee' * padding for row in stored]
    return SimpleNamespace(
        encoding=encoding,
        height=len(rows),
        width=samples.shape[1],
        is_bigendian=is_bigendian,
        step=len(rows[0]),
        data=b''.join(rows),
    )


def read_as_documented(samples):
    """Scale to 8 bits: floats from 0.0 to 1.0, integers over the whole range of their type."""
    values = samples.astype(float)
    if samples.dtype.kind == 'i':
        limits = np.iinfo(samples.dtype)
        values = (values - limits.min) / (float(limits.max) - limits.min)
    return np.round(np.clip(values, 0, 1) * 255)[..., ORDERS[samples.shape[2]]]


def test_all_types_of_opencv_are_read():
    assert len(RARE) == 15


@pytest.mark.parametrize('padding', [0, 1, 7, 64])
@pytest.mark.parametrize('is_bigendian', [False, True])
@pytest.mark.parametrize('encoding', RARE)
def test_images_are_read_as_documented(encoding, padding, is_bigendian):
    samples = make_samples(encoding)
    array = image_to_array(make_message(samples, encoding, padding, is_bigendian))
    assert array.dtype == np.uint8
    np.testing.assert_array_equal(array, read_as_documented(samples))


def test_no_number_is_black():
    samples = np.array([[[np.nan], [np.inf], [-np.inf], [0.5]]], np.float32)
    array = image_to_array(make_message(samples, '32FC1'))
    np.testing.assert_array_equal(array[0, :, 0], [0, 255, 0, 128])


@pytest.mark.parametrize(
    ('change', 'cause'),
    [
        ({'width': 0}, 'size'),
        ({'step': WIDTH * 4 - 1}, 'step'),
        ({'step': 0}, 'step'),
        ({'step': 2**32 - 1}, 'data_length'),
        ({'height': HEIGHT + 1}, 'data_length'),
        ({'data': b''}, 'data_length'),
    ],
)
def test_sizes_are_checked(change, cause):
    msg = make_message(make_samples('32FC1'), '32FC1')
    for name, value in change.items():
        setattr(msg, name, value)
    with pytest.raises(ImageFormatError) as caught:
        image_to_array(msg)
    assert caught.value.cause == cause
