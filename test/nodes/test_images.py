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

import time

import cv2
import numpy as np
import pytest

pytest.importorskip('sensor_msgs')

from sensor_msgs.msg import Image
from std_msgs.msg import Header

from surgseg_ros.nodes.images import array_to_image
from surgseg_ros.nodes.images import image_to_array
from surgseg_ros.nodes.images import ImageFormatError

WIDTHS = {'even': 64, 'odd': 61}


def random_samples(rows, width, channels, dtype=np.uint8):
    rng = np.random.default_rng(rows * 1000 + width * 10 + channels)
    return rng.integers(0, np.iinfo(dtype).max + 1, (rows, width, channels), dtype)


def make_message(samples, encoding, height, padding=0, is_bigendian=False):
    """Write the bytes of samples (rows, columns, channels) row by row, without NumPy views."""
    msg = Image(encoding=encoding, height=height, width=samples.shape[1])
    msg.is_bigendian = is_bigendian
    rows = [row.tobytes() + b'\xee' * padding for row in samples]
    msg.step = len(rows[0])
    msg.data = b''.join(rows)
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
@pytest.mark.parametrize('is_bigendian', [False, True])
def test_mono16_is_scaled_to_eight_bits(width, padding, is_bigendian):
    samples = random_samples(48, width, 1, np.uint16)
    stored = samples.byteswap() if is_bigendian else samples
    array = image_to_array(make_message(stored, 'mono16', 48, padding, is_bigendian))
    expected = np.round(samples / 257).astype(np.uint8)
    np.testing.assert_array_equal(array, np.repeat(expected, 3, axis=2))


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
def test_packed_yuv(encoding, y, u, v, padding):
    samples = random_samples(48, 64, 2).clip(16, 235)
    pairs = samples.reshape(48, 32, 4)
    expected = yuv_to_rgb(
        pairs[..., y].reshape(48, 64),
        np.repeat(pairs[..., u], 2, axis=1),
        np.repeat(pairs[..., v], 2, axis=1),
    )
    array = image_to_array(make_message(samples, encoding, 48, padding))
    assert np.abs(array - expected).max() <= 2


@pytest.mark.parametrize('padding', [0, 5])
@pytest.mark.parametrize(('encoding', 'u', 'v'), [('nv12', 0, 1), ('nv21', 1, 0)])
def test_planar_yuv(encoding, u, v, padding):
    samples = random_samples(72, 64, 1).clip(16, 235)
    chroma = samples[48:].reshape(24, 32, 2)

    def full_size(channel):
        return chroma[..., channel].repeat(2, axis=0).repeat(2, axis=1)

    expected = yuv_to_rgb(samples[:48, :, 0], full_size(u), full_size(v))
    array = image_to_array(make_message(samples, encoding, 48, padding))
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
        ({'encoding': 'rgb16'}, 'encoding', ['rgb16', 'bgr8']),
        ({'encoding': ''}, 'encoding', ["''"]),
        ({'width': 0}, 'size', ['0x48']),
        ({'height': 0}, 'size', ['64x0']),
        ({'step': 191}, 'step', ['192', '191']),
        ({'width': 65}, 'step', ['195', '192']),
        ({'height': 49}, 'data_length', [str(49 * 192), str(48 * 192)]),
        ({'height': 47}, 'data_length', [str(47 * 192), str(48 * 192)]),
        ({'width': 2**32 - 1}, 'step', ['192']),
        ({'height': 2**32 - 1}, 'data_length', [str(48 * 192)]),
        ({'step': 2**32 - 1}, 'data_length', [str(48 * 192)]),
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


@pytest.mark.parametrize('encoding', ['uyvy', 'yuyv'])
def test_packed_yuv_needs_an_even_width(encoding):
    with pytest.raises(ImageFormatError, match='even width, got 61'):
        image_to_array(make_message(random_samples(48, 61, 2), encoding, 48))


def test_planar_yuv_needs_an_even_height():
    with pytest.raises(ImageFormatError, match='even height, got 47'):
        image_to_array(make_message(random_samples(70, 64, 1), 'nv12', 47))


@pytest.mark.parametrize(('encoding', 'channels'), [('rgb8', 3), ('bgr8', 3), ('mono8', 1)])
def test_written_images_have_packed_rows_and_the_header(encoding, channels):
    header = Header(frame_id='/eye')
    header.stamp.sec, header.stamp.nanosec = 12, 345678901
    wide = random_samples(33, 60, channels)
    array = (wide if channels > 1 else wide[..., 0])[:, 5:46]
    msg = array_to_image(array, encoding, header)
    assert msg.header == header
    assert (msg.height, msg.width, msg.step) == (33, 41, 41 * channels)
    assert msg.encoding == encoding
    assert bytes(msg.data) == array.tobytes()


def test_written_and_read_again():
    array = random_samples(31, 41, 3)
    np.testing.assert_array_equal(image_to_array(array_to_image(array, 'rgb8', Header())), array)
    swapped = cv2.cvtColor(array, cv2.COLOR_RGB2BGR)
    np.testing.assert_array_equal(image_to_array(array_to_image(swapped, 'bgr8', Header())), array)


@pytest.mark.parametrize(
    ('array', 'encoding'),
    [
        (np.zeros((4, 4), np.uint8), 'rgb8'),
        (np.zeros((4, 4, 3), np.uint8), 'mono8'),
        (np.zeros((4, 4, 4), np.uint8), 'bgr8'),
        (np.zeros((4, 4, 3), np.float32), 'rgb8'),
        (np.zeros((4, 4, 3), np.uint8), 'jpeg'),
    ],
)
def test_arrays_that_do_not_fit_their_encoding_are_refused(array, encoding):
    with pytest.raises(ImageFormatError, match=encoding):
        array_to_image(array, encoding, Header())


def test_filling_a_large_message_is_fast():
    array = random_samples(1080, 1920, 3)
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        array_to_image(array, 'rgb8', Header())
        seconds.append(time.perf_counter() - start)
    # 0.4 ms done right; 500 ms when the elements are converted one by one.
    assert min(seconds) < 0.05
