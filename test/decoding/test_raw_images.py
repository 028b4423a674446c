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

from dataclasses import dataclass
import tracemalloc

import numpy as np
import pytest

from surgseg_ros.decoding.encodings import ENCODINGS
from surgseg_ros.decoding.encodings import ImageFormatError
from surgseg_ros.decoding.raw_images import image_to_array


@dataclass
class Image:
    """The fields of a ``sensor_msgs/Image`` that say what its bytes are."""

    encoding: str
    height: int
    width: int
    step: int = 0
    is_bigendian: int = 0
    data: bytes | bytearray = b''


WIDTHS = {'even': 64, 'odd': 61}


def random_samples(rows, width, channels, dtype=np.uint8):
    rng = np.random.default_rng(rows * 1000 + width * 10 + channels)
    return rng.integers(0, np.iinfo(dtype).max + 1, (rows, width, channels), dtype)


def scale_to_eight_bits(samples):
    return samples if samples.dtype == np.uint8 else np.round(samples / 257).astype(np.uint8)


def make_message(samples, encoding, height, padding=0, is_bigendian=False):
    """Write the bytes of samples (rows, columns, channels) row by row, without NumPy views."""
    samples = samples.astype(samples.dtype.newbyteorder('>' if is_bigendian else '<'))
    msg = Image(encoding=encoding, height=height, width=samples.shape[1])
    msg.is_bigendian = is_bigendian
    rows = [row.tobytes() + b'\xee' * padding for row in samples]
    msg.step = len(rows[0])
    msg.data = bytearray(b''.join(rows))
    return msg


def yuv_to_rgb(y, u, v):
    """Convert limited-range ITU-R BT.601, the textbook formula."""
    y, u, v = (plane.astype(float) for plane in (y, u, v))
    luma = 1.164 * (y - 16)
    rgb = (
        luma + 1.596 * (v - 128),
        luma - 0.813 * (v - 128) - 0.391 * (u - 128),
        luma + 2.018 * (u - 128),
    )
    return np.clip(np.stack(rgb, axis=-1), 0, 255)


@pytest.mark.parametrize('padding', [0, 1, 7, 64])
@pytest.mark.parametrize('width', WIDTHS.values(), ids=WIDTHS.keys())
@pytest.mark.parametrize(
    ('encoding', 'channels', 'order'),
    [
        ('rgb8', 3, [0, 1, 2]),
        ('bgr8', 3, [2, 1, 0]),
        ('8UC3', 3, [2, 1, 0]),
        ('rgba8', 4, [0, 1, 2]),
        ('bgra8', 4, [2, 1, 0]),
        ('8UC4', 4, [2, 1, 0]),
        ('mono8', 1, [0, 0, 0]),
        ('8UC1', 1, [0, 0, 0]),
    ],
)
@pytest.mark.parametrize('is_bigendian', [False, True])
def test_eight_bit_encodings(encoding, channels, order, width, padding, is_bigendian):
    samples = random_samples(48, width, channels)
    msg = make_message(samples, encoding, 48, padding, is_bigendian)
    array = image_to_array(msg)
    assert array.dtype == np.uint8
    np.testing.assert_array_equal(array, samples[..., order])


@pytest.mark.parametrize('padding', [0, 1, 6])
@pytest.mark.parametrize('width', WIDTHS.values(), ids=WIDTHS.keys())
@pytest.mark.parametrize(
    ('encoding', 'channels', 'order'),
    [
        ('rgb16', 3, [0, 1, 2]),
        ('bgr16', 3, [2, 1, 0]),
        ('16UC3', 3, [2, 1, 0]),
        ('rgba16', 4, [0, 1, 2]),
        ('bgra16', 4, [2, 1, 0]),
        ('16UC4', 4, [2, 1, 0]),
        ('mono16', 1, [0, 0, 0]),
        ('16UC1', 1, [0, 0, 0]),
    ],
)
@pytest.mark.parametrize('is_bigendian', [False, True])
def test_sixteen_bits_are_scaled_to_eight(encoding, channels, order, width, padding, is_bigendian):
    samples = random_samples(47, width, channels, np.uint16)
    array = image_to_array(make_message(samples, encoding, 47, padding, is_bigendian))
    assert array.dtype == np.uint8
    np.testing.assert_array_equal(array, scale_to_eight_bits(samples)[..., order])


BAYER_PATTERNS = ('rggb', 'bggr', 'gbrg', 'grbg')


def color_masks(pattern, height, width):
    """Return, for each of R, G and B, where the mosaic holds it; pattern is its upper left 2x2."""
    sites = np.tile(np.array(list(pattern)).reshape(2, 2), (height // 2 + 1, width // 2 + 1))
    return [(sites[:height, :width] == color).astype(float) for color in 'rgb']


def interpolate(mosaic, pattern):
    """Return the mean of the nearest samples of each color, right inside a border of one pixel."""
    kernel = np.array([[0.25, 0.5, 0.25], [0.5, 1, 0.5], [0.25, 0.5, 0.25]])
    green_kernel = np.array([[0, 0.25, 0], [0.25, 1, 0.25], [0, 0.25, 0]])
    planes = []
    for mask, weights in zip(
        color_masks(pattern, *mosaic.shape), (kernel, green_kernel, kernel), strict=True
    ):
        padded = np.pad(mosaic * mask, 1)
        windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3))
        planes.append((windows * weights).sum(axis=(2, 3)))
    return np.stack(planes, axis=-1)


@pytest.mark.parametrize('padding', [0, 1, 6])
@pytest.mark.parametrize('width', WIDTHS.values(), ids=WIDTHS.keys())
@pytest.mark.parametrize('bits', [8, 16])
@pytest.mark.parametrize('pattern', BAYER_PATTERNS)
@pytest.mark.parametrize('is_bigendian', [False, True])
def test_mosaics_are_interpolated(pattern, bits, width, padding, is_bigendian):
    dtype = np.uint8 if bits == 8 else np.uint16
    samples = random_samples(47, width, 1, dtype)
    msg = make_message(samples, f'bayer_{pattern}{bits}', 47, padding, is_bigendian)
    expected = interpolate(scale_to_eight_bits(samples)[..., 0].astype(float), pattern)
    array = image_to_array(msg)
    assert array.shape == (47, width, 3)
    assert np.abs(array - expected)[1:-1, 1:-1].max() <= 1


@pytest.mark.parametrize('size', [(3, 3), (48, 64), (47, 61)])
@pytest.mark.parametrize('bits', [8, 16])
@pytest.mark.parametrize('pattern', BAYER_PATTERNS)
def test_mosaics_keep_a_plain_color_up_to_the_border(pattern, bits, size):
    color = np.array([200, 90, 30])
    mosaic = sum(
        mask * value for mask, value in zip(color_masks(pattern, *size), color, strict=True)
    )
    samples = (mosaic * (1 if bits == 8 else 257)).astype(np.uint8 if bits == 8 else np.uint16)
    array = image_to_array(make_message(samples[..., None], f'bayer_{pattern}{bits}', size[0]))
    np.testing.assert_array_equal(array, np.broadcast_to(color, (*size, 3)))


@pytest.mark.parametrize(('width', 'height'), [(2, 8), (8, 2), (1, 1)])
def test_mosaics_without_neighbors_are_refused(width, height):
    with pytest.raises(ImageFormatError, match=f'at least 3x3 pixels, got {width}x{height}'):
        image_to_array(make_message(random_samples(height, width, 1), 'bayer_rggb8', height))


@pytest.mark.parametrize('padding', [0, 3])
@pytest.mark.parametrize(
    ('encoding', 'y', 'u', 'v'),
    [
        ('uyvy', (1, 3), 0, 2),
        ('yuv422', (1, 3), 0, 2),
        ('yuyv', (0, 2), 1, 3),
        ('yuv422_yuy2', (0, 2), 1, 3),
    ],
)
@pytest.mark.parametrize('is_bigendian', [False, True])
def test_packed_yuv(encoding, y, u, v, padding, is_bigendian):
    samples = random_samples(48, 64, 2).clip(16, 235)
    pairs = samples.reshape(48, 32, 4)
    expected = yuv_to_rgb(
        pairs[..., y].reshape(48, 64),
        np.repeat(pairs[..., u], 2, axis=1),
        np.repeat(pairs[..., v], 2, axis=1),
    )
    array = image_to_array(make_message(samples, encoding, 48, padding, is_bigendian))
    assert np.abs(array - expected).max() <= 2


@pytest.mark.parametrize('padding', [0, 5])
@pytest.mark.parametrize(('encoding', 'u', 'v'), [('nv12', 0, 1), ('nv21', 1, 0)])
@pytest.mark.parametrize('is_bigendian', [False, True])
def test_planar_yuv(encoding, u, v, padding, is_bigendian):
    samples = random_samples(72, 64, 1).clip(16, 235)
    chroma = samples[48:].reshape(24, 32, 2)

    def full_size(channel):
        return chroma[..., channel].repeat(2, axis=0).repeat(2, axis=1)

    expected = yuv_to_rgb(samples[:48, :, 0], full_size(u), full_size(v))
    array = image_to_array(make_message(samples, encoding, 48, padding, is_bigendian))
    assert array.shape == (48, 64, 3)
    assert np.abs(array - expected).max() <= 2


def test_rgb8_is_a_view_of_the_message():
    msg = make_message(random_samples(8, 8, 3), 'rgb8', 8, padding=3)
    array = image_to_array(msg)
    msg.data[0] ^= 0xFF
    assert array[0, 0, 0] == msg.data[0]


@pytest.mark.parametrize(
    ('change', 'cause', 'numbers'),
    [
        ({'encoding': 'h264'}, 'encoding', ['h264', 'bgr8', '32FC1']),
        ({'encoding': '32FC2'}, 'encoding', ['32FC2']),
        ({'encoding': ''}, 'encoding', ["''"]),
        ({'encoding': 'RGB8'}, 'encoding', ["'RGB8'"]),
        ({'width': 0}, 'size', ['0x48']),
        ({'height': 0}, 'size', ['64x0']),
        ({'step': 0}, 'step', ['192', 'got 0']),
        ({'step': 191}, 'step', ['192', '191']),
        ({'width': 65}, 'step', ['195', '192']),
        ({'height': 49}, 'data_length', [str(49 * 192), str(48 * 192)]),
        ({'height': 47}, 'data_length', [str(47 * 192), str(48 * 192)]),
        ({'width': 2**32 - 1}, 'step', ['192']),
        ({'height': 2**32 - 1}, 'data_length', [str(48 * 192)]),
        ({'step': 2**32 - 1}, 'data_length', [str(48 * 192)]),
        ({'step': 2**32 - 1, 'height': 2**32 - 1}, 'data_length', [str((2**32 - 1) ** 2)]),
        ({'data': b''}, 'data_length', ['got 0']),
        ({'data': bytes(48 * 192 - 1)}, 'data_length', [str(48 * 192), str(48 * 192 - 1)]),
        ({'data': bytes(48 * 192 + 1)}, 'data_length', [str(48 * 192), str(48 * 192 + 1)]),
    ],
)
def test_impossible_images_are_explained(change, cause, numbers):
    msg = make_message(random_samples(48, 64, 3), 'rgb8', 48)
    for name, value in change.items():
        setattr(msg, name, value)
    with pytest.raises(ImageFormatError) as caught:
        image_to_array(msg)
    assert caught.value.cause == cause
    for number in numbers:
        assert number in str(caught.value)


def test_a_hostile_encoding_makes_a_short_line():
    msg = make_message(random_samples(4, 4, 3), 'x' * 100000 + '\n' * 100, 4)
    with pytest.raises(ImageFormatError) as caught:
        image_to_array(msg)
    assert '\n' not in str(caught.value)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize('encoding', ENCODINGS)
@pytest.mark.parametrize(
    'change',
    [
        {'step': 0},
        {'step': 2**32 - 1},
        {'width': 2**32 - 2},
        {'height': 2**32 - 2},
        {'width': 2**32 - 2, 'height': 2**32 - 2, 'step': 2**32 - 1},
        {'data': b''},
        {'data': b'\x00'},
    ],
)
def test_absurd_sizes_allocate_nothing(encoding, change):
    msg = make_message(random_samples(48, 64, ENCODINGS[encoding].channels), encoding, 48)
    for name, value in change.items():
        setattr(msg, name, value)
    tracemalloc.start()
    try:
        with pytest.raises(ImageFormatError) as caught:
            image_to_array(msg)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert caught.value.cause in ('step', 'data_length')
    assert peak_bytes < 100000


def test_the_limit_of_pixels_comes_before_everything_else():
    msg = make_message(random_samples(48, 64, 3), 'rgb8', 48)
    assert image_to_array(msg, max_pixels=48 * 64).shape == (48, 64, 3)
    msg.encoding, msg.step, msg.data = 'nonsense', 0, b''
    with pytest.raises(
        ImageFormatError, match='64x48 pixels are 3072, allowed are 3071'
    ) as caught:
        image_to_array(msg, max_pixels=48 * 64 - 1)
    assert caught.value.cause == 'too_large'


@pytest.mark.parametrize('encoding', ['uyvy', 'yuyv'])
def test_packed_yuv_needs_an_even_width(encoding):
    with pytest.raises(ImageFormatError, match='even width, got 61'):
        image_to_array(make_message(random_samples(48, 61, 2), encoding, 48))


def test_planar_yuv_needs_an_even_height():
    with pytest.raises(ImageFormatError, match='even height, got 47'):
        image_to_array(make_message(random_samples(70, 64, 1), 'nv12', 47))
