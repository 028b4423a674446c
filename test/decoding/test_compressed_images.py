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

"""Tests of JPEG and PNG messages, good, foreign, cut, huge and hostile ones."""

import struct
import tracemalloc
from types import SimpleNamespace
import warnings
import zlib

import cv2
import numpy as np
import pytest

from surgseg_ros.decoding.compressed_images import compressed_to_array
from surgseg_ros.decoding.encodings import ImageFormatError

HEIGHT, WIDTH = 90, 121
GRAY, COLOR, PALETTE, GRAY_ALPHA, COLOR_ALPHA = 0, 2, 3, 4, 6
PNG_START = b'\x89PNG\r\n\x1a\n'


def make_picture(height=HEIGHT, width=WIDTH):
    """Return a picture that JPEG keeps well: smooth, and red, green and blue differ."""
    y, x = np.mgrid[:height, :width]
    planes = (x * 255 // width, y * 255 // height, 128 + 100 * np.sin((x + y) / 40))
    return np.stack(planes, axis=-1).astype(np.uint8)


def make_message(data, declared=''):
    return SimpleNamespace(format=declared, data=bytes(data))


def encode(extension, picture, *options):
    """Encode RGB or gray."""
    stored = picture[..., ::-1] if picture.ndim == 3 else picture
    return cv2.imencode(extension, stored, options)[1].tobytes()


def chunk(kind, content):
    body = kind + content
    return struct.pack('>I', len(content)) + body + struct.pack('>I', zlib.crc32(body))


def make_png(samples, color_type, *extra, size=None):
    """Write a PNG file byte by byte: samples (rows, columns[, channels]), uint8 or uint16."""
    height, width = samples.shape[:2]
    rows = b''.join(b'\x00' + row.astype(row.dtype.newbyteorder('>')).tobytes() for row in samples)
    header = struct.pack(
        '>IIBBBBB', *(size or (width, height)), 8 * samples.itemsize, color_type, 0, 0, 0
    )
    chunks = [
        chunk(b'IHDR', header),
        *extra,
        chunk(b'IDAT', zlib.compress(rows)),
        chunk(b'IEND', b''),
    ]
    return PNG_START + b''.join(chunks)


def set_jpeg_size(data, width, height):
    """Change the size in the frame header of a baseline JPEG file."""
    start = data.index(b'\xff\xc0')
    return data[: start + 5] + struct.pack('>HH', height, width) + data[start + 9 :]


def expect_error(msg, **options):
    with pytest.raises(ImageFormatError) as caught:
        compressed_to_array(msg, **options)
    return caught.value


@pytest.mark.parametrize(
    'declared',
    [
        'jpeg',
        'jpg',
        'png',
        '',
        'bgr8; jpeg compressed bgr8',
        'rgb8; jpeg compressed bgr8',
        'rgb8; png compressed',
        'rgb8; png compressed bgr8',
        'bgra8; jpeg compressed bgr8',
        'mono8; jpeg compressed ',
        'something else',
    ],
)
def test_the_data_count_and_not_the_declared_format(declared):
    picture = make_picture()
    jpeg = compressed_to_array(make_message(encode('.jpg', picture), declared))
    assert jpeg.dtype == np.uint8
    assert jpeg.shape == (HEIGHT, WIDTH, 3)
    assert np.abs(jpeg.astype(int) - picture).mean() < 3
    png = compressed_to_array(make_message(encode('.png', picture), declared))
    np.testing.assert_array_equal(png, picture)


@pytest.mark.parametrize('depth', [np.uint8, np.uint16])
@pytest.mark.parametrize(
    ('color_type', 'channels', 'order'),
    [
        (GRAY, 1, [0, 0, 0]),
        (GRAY_ALPHA, 2, [0, 0, 0]),
        (COLOR, 3, [0, 1, 2]),
        (COLOR_ALPHA, 4, [0, 1, 2]),
    ],
)
def test_every_kind_of_png(color_type, channels, order, depth):
    samples = np.random.default_rng(0).integers(
        0, np.iinfo(depth).max, (HEIGHT, WIDTH, channels), depth, endpoint=True
    )
    array = compressed_to_array(make_message(make_png(samples, color_type)))
    eight_bit = samples if depth == np.uint8 else np.round(samples / 257)
    np.testing.assert_array_equal(array, eight_bit[..., order])


def test_png_with_a_palette():
    colors = np.random.default_rng(0).integers(0, 256, (256, 3), np.uint8)
    indices = np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH), np.uint8)
    data = make_png(indices, PALETTE, chunk(b'PLTE', colors.tobytes()))
    np.testing.assert_array_equal(compressed_to_array(make_message(data)), colors[indices])


@pytest.mark.parametrize('progressive', [0, 1])
@pytest.mark.parametrize('restart', [0, 2])
def test_gray_and_color_jpeg(progressive, restart):
    options = (
        *(cv2.IMWRITE_JPEG_PROGRESSIVE, progressive, cv2.IMWRITE_JPEG_RST_INTERVAL, restart),
        *(cv2.IMWRITE_JPEG_QUALITY, 95),
    )
    for picture in (make_picture(), make_picture()[..., 0].copy()):
        array = compressed_to_array(make_message(encode('.jpg', picture, *options)))
        expected = picture if picture.ndim == 3 else picture[..., None].repeat(3, axis=2)
        assert np.abs(array.astype(int) - expected).mean() < 3


def test_orientation_is_ignored():
    picture = make_picture()
    # TIFF header, one entry: tag 0x0112 (orientation), type SHORT, count 1, value 6 (quarter turn)
    exif = b'MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06' + bytes(6)
    content = b'Exif\x00\x00' + exif
    segment = b'\xff\xe1' + struct.pack('>H', len(content) + 2) + content
    data = encode('.jpg', picture)
    turned = cv2.imdecode(np.frombuffer(data[:2] + segment + data[2:], np.uint8), cv2.IMREAD_COLOR)
    assert turned.shape[:2] == (WIDTH, HEIGHT)
    array = compressed_to_array(make_message(data[:2] + segment + data[2:]))
    assert array.shape == (HEIGHT, WIDTH, 3)
    png = make_png(picture, COLOR, chunk(b'eXIf', exif))
    np.testing.assert_array_equal(compressed_to_array(make_message(png)), picture)


def test_a_thumbnail_in_a_jpeg_is_not_the_image():
    data, thumbnail = encode('.jpg', make_picture()), encode('.jpg', make_picture(16, 16))
    segment = b'\xff\xe1' + struct.pack('>H', len(thumbnail) + 2) + thumbnail
    with_thumbnail = data[:2] + segment + data[2:]
    assert compressed_to_array(make_message(with_thumbnail)).shape == (HEIGHT, WIDTH, 3)
    cut = with_thumbnail[: len(with_thumbnail) - 100]
    assert expect_error(make_message(cut)).cause == 'data_length'


def test_padding_behind_the_end_is_no_fault():
    for extension in ('.jpg', '.png'):
        data = encode(extension, make_picture()) + bytes(100)
        assert compressed_to_array(make_message(data)).shape == (HEIGHT, WIDTH, 3)


@pytest.mark.parametrize('bits', [8, 16])
def test_a_mosaic_in_a_png_is_interpolated(bits):
    color = (200, 90, 30)
    mosaic = np.empty((HEIGHT, WIDTH), np.uint8)
    mosaic[0::2, 0::2], mosaic[0::2, 1::2] = color[0], color[1]
    mosaic[1::2, 0::2], mosaic[1::2, 1::2] = color[1], color[2]
    samples = mosaic if bits == 8 else mosaic.astype(np.uint16) * 257
    data = encode('.png', samples)
    declared = f'bayer_rggb{bits}; png compressed '
    array = compressed_to_array(make_message(data, declared))
    np.testing.assert_array_equal(array, np.broadcast_to(np.uint8(color), array.shape))
    gray = compressed_to_array(make_message(data, f'{declared}mono8'))
    np.testing.assert_array_equal(gray, mosaic[..., None].repeat(3, axis=2))


@pytest.mark.parametrize(
    ('data', 'declared', 'words'),
    [
        (bytes(12) + PNG_START, '16UC1; compressedDepth png', 'compressedDepth'),
        (b'\x00\x00\x00\x01\x67\x42', 'h264', 'H.264'),
        (b'OggS\x00\x02', 'theora', 'Theora'),
        (b'RIFF\x00\x00\x00\x00WEBPVP8 ', 'webp', 'WebP'),
        (b'II*\x00\x08\x00', 'tiff', 'TIFF'),
        (b'BM\x00\x00', 'bmp', 'BMP'),
        (b'hello', 'jpeg', '68 65 6c 6c 6f'),
        (bytes(1000), '', '00 00'),
    ],
)
def test_other_formats_are_named(data, declared, words):
    error = expect_error(make_message(data, declared))
    assert error.cause == 'encoding'
    assert words in str(error)
    assert f"'{declared}'" in str(error)


def test_no_data():
    error = expect_error(make_message(b'', 'jpeg'))
    assert error.cause == 'data_length'
    assert 'jpeg' in str(error)


@pytest.mark.parametrize('extension', ['.jpg', '.png'])
def test_files_that_end_early_are_refused(extension):
    data = encode(extension, make_picture())
    for length in {*range(1, 60), *range(60, len(data), 37), *range(len(data) - 12, len(data))}:
        if length < len(data):
            error = expect_error(make_message(data[:length]))
            assert error.cause in ('data_length', 'encoding'), (length, str(error))
    assert expect_error(make_message(data[: len(data) // 2])).cause == 'data_length'


def test_a_wrong_sum_in_a_png_is_corrupt():
    data = bytearray(make_png(make_picture(), COLOR))
    data[len(data) // 2] ^= 1
    error = expect_error(make_message(data))
    assert error.cause == 'corrupt'
    assert 'checksum' in str(error)


@pytest.mark.parametrize(
    'data',
    [
        b'\xff\xd8\xff\xd9',
        b'\xff\xd8\xff\xff\xff\xd9',
        b'\xff\xd8\xff\xc0\x00\x04\x08\x00\xff\xd9',
        set_jpeg_size(encode('.jpg', make_picture()), 8, 8).replace(b'\xff\xda', b'\xff\xfe', 1),
        PNG_START + chunk(b'IEND', b''),
        PNG_START + chunk(b'IHDR', bytes(12)) + chunk(b'IEND', b''),
        make_png(np.zeros((4, 4), np.uint8), 1),
    ],
)
def test_what_has_no_image_inside_is_corrupt(data):
    assert expect_error(make_message(data)).cause == 'corrupt'


@pytest.mark.parametrize('size', [(0, HEIGHT), (WIDTH, 0)])
def test_images_without_pixels(size):
    jpeg = set_jpeg_size(encode('.jpg', make_picture()), *size)
    png = make_png(make_picture(), COLOR, size=size)
    for data in (jpeg, png):
        error = expect_error(make_message(data))
        assert error.cause == 'size'
        assert f'{size[0]}x{size[1]}' in str(error)


def test_bombs_are_refused_before_they_unfold():
    jpeg = set_jpeg_size(encode('.jpg', make_picture()), 65500, 65500)
    png = make_png(make_picture(), COLOR, size=(2**31 - 1, 2**31 - 1))
    for data in (jpeg, png):
        msg = make_message(data)
        tracemalloc.start()
        try:
            error = expect_error(msg, max_pixels=33177600)
            _, peak_bytes = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert error.cause == 'too_large'
        assert 'allowed are 33177600' in str(error)
        assert peak_bytes < 1000000


def test_the_limit_itself_is_allowed():
    msg = make_message(encode('.jpg', make_picture()))
    assert compressed_to_array(msg, max_pixels=HEIGHT * WIDTH).shape == (HEIGHT, WIDTH, 3)
    assert expect_error(msg, max_pixels=HEIGHT * WIDTH - 1).cause == 'too_large'


def mutate(data, rng):
    """Change, remove, repeat or insert bytes, a few times."""
    changed = bytearray(data)
    for _ in range(rng.integers(1, 6)):
        start = int(rng.integers(0, len(changed)))
        length = int(rng.integers(1, 20))
        kind = rng.integers(0, 5)
        if kind == 0:
            changed[start] = int(rng.integers(0, 256))
        elif kind == 1:
            changed[start : start + length] = rng.bytes(length)
        elif kind == 2:
            del changed[start : start + length]
        elif kind == 3:
            changed[start:start] = changed[start : start + length] or b'\xff'
        else:
            del changed[max(start, 20) :]
    return bytes(changed)


def repair_sums(data):
    """Put the right checksums into a PNG file, so that its contents reach the decoder."""
    repaired = bytearray(data)
    start = len(PNG_START)
    while start + 12 <= len(repaired):
        (length,) = struct.unpack_from('>I', repaired, start)
        end = start + 8 + length
        if end + 4 > len(repaired):
            break
        struct.pack_into('>I', repaired, end, zlib.crc32(repaired[start + 4 : end]))
        start = end + 4
    return bytes(repaired)


def hostile_files(count):
    rng = np.random.default_rng(20)
    picture = make_picture(40, 53)
    progressive = (cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
    seeds = [
        encode('.jpg', picture),
        encode('.jpg', picture, *progressive),
        encode('.jpg', picture[..., 0].copy()),
        encode('.png', picture),
        make_png(picture.astype(np.uint16) * 257, COLOR),
        make_png(picture[..., 0], PALETTE, chunk(b'PLTE', bytes(range(256)) * 3)),
    ]
    for index in range(count):
        mutated = mutate(seeds[index % len(seeds)], rng)
        yield repair_sums(mutated) if rng.random() < 0.5 else mutated


def read_hostile_file(data):
    """Return the cause of the error, or ``None`` for a well-formed array."""
    try:
        array = compressed_to_array(make_message(data), max_pixels=1000000)
    except ImageFormatError as error:
        return error.cause
    assert array.dtype == np.uint8
    assert array.ndim == 3
    assert array.shape[2] == 3
    assert array.shape[0] * array.shape[1] <= 1000000
    return None


def test_hostile_files_give_an_image_or_an_image_error(capfd):
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        causes = [read_hostile_file(data) for data in hostile_files(600)]
    assert {None, 'corrupt', 'data_length', 'encoding', 'too_large'} <= set(causes)
    # The libraries below OpenCV write one line at most about a file that they decode.
    decoded = sum(cause in (None, 'corrupt') for cause in causes)
    assert len(capfd.readouterr().err.splitlines()) <= decoded
