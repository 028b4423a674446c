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

"""Tests of reading image files: whole or refused, upright or not, with one page or several."""

import re
import struct
import zlib

import cv2
import numpy as np
import pytest

from surgseg_ros.decoding.bit_depth import BitDepth
from surgseg_ros.decoding.image_files import count_pages
from surgseg_ros.decoding.image_files import ImageFileError
from surgseg_ros.decoding.image_files import load_image
from surgseg_ros.decoding.image_files import load_samples
from surgseg_ros.decoding.image_files import read_image
from surgseg_ros.decoding.image_files import read_pages
from surgseg_ros.decoding.image_files import read_size

HEIGHT, WIDTH = 31, 47
SUFFIXES = ('.png', '.jpg', '.bmp', '.tif', '.webp')
TURNED = 3
"""The value of an orientation that asks for half a turn."""


@pytest.fixture
def picture():
    """Return a picture that JPEG keeps well, and no two corners of which are alike."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    planes = (x * 255 // WIDTH, y * 255 // HEIGHT, 60 + 2 * (x + y))
    return np.stack(planes, axis=-1).astype(np.uint8)


def encode(suffix, picture):
    options = [cv2.IMWRITE_WEBP_QUALITY, 101] if suffix == '.webp' else []
    return cv2.imencode(suffix, picture[..., ::-1], options)[1].tobytes()


def make_tiff(pages, order='<', big=False, orientation=None, thumbnail_first=False):
    """Write an uncompressed TIFF file entry by entry; pages (H, W, 3) uint8."""
    offset_code, count_code, kind = ('Q', 'Q', 16) if big else ('I', 'H', 4)
    start = (b'II' if order == '<' else b'MM') + struct.pack(f'{order}H', 43 if big else 42)
    data = bytearray(start + (struct.pack(f'{order}HH', 8, 0) if big else b''))
    link = len(data)
    data += bytes(struct.calcsize(f'={offset_code}'))

    def entry(tag, kind, value):
        code = {3: 'H', 4: 'I', 16: 'Q'}[kind]
        size = struct.calcsize(f'={offset_code}')
        packed = struct.pack(order + code, value).ljust(size, b'\0')
        return struct.pack(f'{order}HH{offset_code}', tag, kind, 1) + packed

    for index, page in enumerate(pages):
        height, width = page.shape[:2]
        bits = len(data)
        data += struct.pack(f'{order}HHH', 8, 8, 8)
        pixels = len(data)
        data += page.tobytes() + bytes(page.size % 2)
        struct.pack_into(order + offset_code, data, link, len(data))
        entries = [
            entry(254, 4, int(thumbnail_first and index == 0)),
            *(entry(256, 4, width), entry(257, 4, height)),
            # Three numbers do not fit into an entry of a small file.
            struct.pack(f'{order}HH{offset_code}', 258, 3, 3)
            + (struct.pack(f'{order}HHHH', 8, 8, 8, 0) if big else struct.pack(f'{order}I', bits)),
            *(entry(259, 3, 1), entry(262, 3, 2), entry(273, kind, pixels)),
            *([] if orientation is None else [entry(274, 3, orientation)]),
            *(entry(277, 3, 3), entry(278, 4, height), entry(279, kind, page.size)),
        ]
        data += struct.pack(order + count_code, len(entries)) + b''.join(entries)
        link = len(data)
        data += bytes(struct.calcsize(f'={offset_code}'))
    return bytes(data)


def write(path, data):
    path.write_bytes(data)
    return path


@pytest.mark.parametrize('suffix', SUFFIXES)
def test_whole_files(tmp_path, picture, suffix):
    path = write(tmp_path / f'a{suffix}', encode(suffix, picture))
    assert read_size(path) == (WIDTH, HEIGHT)
    assert count_pages(path) == 1
    for image in (load_image(path), read_image(path), load_samples(path)[..., ::-1]):
        np.testing.assert_allclose(image.astype(int), picture, atol=9 if suffix == '.jpg' else 0)


@pytest.mark.parametrize('suffix', SUFFIXES)
def test_files_that_end_early_are_unreadable(tmp_path, picture, suffix):
    whole = encode(suffix, picture)
    path = tmp_path / f'cut{suffix}'
    for length in (0, 1, 5, 13, 30, len(whole) // 2, len(whole) - 20, len(whole) - 2):
        write(path, whole[:length])
        assert read_image(path) is None, length
        for read in (load_image, load_samples):
            with pytest.raises(ImageFileError, match=f'^{path}: .*(end before|corrupt|got )'):
                read(path)


@pytest.mark.parametrize('suffix', ['.png', '.tif'])
@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_colors_and_gray_of_both_depths(tmp_path, picture, suffix, dtype):
    factor = np.iinfo(dtype).max // 255
    path = tmp_path / f'a{suffix}'
    cv2.imwrite(str(path), picture[..., ::-1].astype(dtype) * factor)
    np.testing.assert_array_equal(load_image(path), picture)
    cv2.imwrite(str(path), picture[..., 0].astype(dtype) * factor)
    np.testing.assert_array_equal(load_image(path), picture[..., :1].repeat(3, axis=2))


def test_what_follows_a_whole_jpeg_is_no_fault(tmp_path, picture):
    path = write(tmp_path / 'a.jpg', encode('.jpg', picture) + bytes(9))
    assert load_image(path).shape == (HEIGHT, WIDTH, 3)


def test_wrong_checksum_and_other_formats_are_named(tmp_path, picture):
    data = bytearray(encode('.png', picture))
    data[len(data) // 2] ^= 1
    with pytest.raises(ImageFileError, match='a.png: the PNG data are corrupt: a checksum'):
        load_image(write(tmp_path / 'a.png', bytes(data)))
    with pytest.raises(ImageFileError, match='b.png: expected a JPEG, .* got a GIF image'):
        load_image(write(tmp_path / 'b.png', b'GIF89a' + bytes(20)))
    for read in (load_image, load_samples, count_pages, lambda path: list(read_pages(path))):
        with pytest.raises(ImageFileError, match='d.png cannot be read: No such file'):
            read(tmp_path / 'd.png')
    assert read_image(tmp_path / 'd.png') is None
    with pytest.raises(ImageFileError, match='got an empty file'):
        load_image(write(tmp_path / 'c.png', b''))


def test_size_of_png_comes_from_its_header(tmp_path, picture):
    path = write(tmp_path / 'a.png', encode('.png', picture)[:40])
    assert read_image(path) is None
    assert read_size(path) == (WIDTH, HEIGHT)
    assert read_size(write(path, b'no image')) is None


def insert_chunk(data, body):
    """Put a chunk, type and content, behind the header of a PNG file."""
    length, checksum = len(body) - 4, zlib.crc32(body)
    return data[:33] + struct.pack('>I', length) + body + struct.pack('>I', checksum) + data[33:]


def exif():
    return b'MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x03' + bytes(6)


def turned_file(suffix, picture):
    """Return a file that asks for half a turn, in the way of its format."""
    data = encode(suffix, picture)
    if suffix == '.jpg':
        content = b'Exif\x00\x00' + exif()
        return data[:2] + b'\xff\xe1' + struct.pack('>H', len(content) + 2) + content + data[2:]
    if suffix == '.png':
        return insert_chunk(data, b'eXIf' + exif())
    return make_tiff([picture], orientation=TURNED)


@pytest.mark.parametrize('suffix', ['.jpg', '.png', '.tif'])
def test_orientation_is_ignored(tmp_path, picture, suffix):
    path = write(tmp_path / f'a{suffix}', turned_file(suffix, picture))
    as_it_asks = cv2.imread(str(path), cv2.IMREAD_COLOR)[::-1, ::-1, ::-1]
    np.testing.assert_allclose(as_it_asks.astype(int), picture, atol=9)
    before = path.read_bytes()
    for image in (load_image(path), load_samples(path)[..., ::-1], *read_pages(path)):
        np.testing.assert_allclose(image.astype(int), picture, atol=9)
    assert path.read_bytes() == before


@pytest.mark.parametrize('big', [False, True])
@pytest.mark.parametrize('order', ['<', '>'])
def test_every_page_of_a_stack(tmp_path, picture, order, big):
    pages = [picture // divisor for divisor in (1, 2, 3)]
    path = write(tmp_path / 'stack.tif', make_tiff(pages, order, big))
    assert count_pages(path) == 3
    np.testing.assert_array_equal(list(read_pages(path)), pages)
    for read in (load_image, load_samples, read_image):
        with pytest.raises(ImageFileError, match='stack.tif: the file has 3 pages'):
            read(path)


def test_a_thumbnail_is_no_page(tmp_path, picture):
    data = make_tiff([picture[::4, ::4], picture], thumbnail_first=True)
    path = write(tmp_path / 'a.tif', data)
    assert count_pages(path) == 1
    np.testing.assert_array_equal(load_image(path), picture)


def test_a_stack_that_ends_early_gives_its_whole_pages(tmp_path, picture):
    data = make_tiff([picture] * 4)
    path = write(tmp_path / 'stack.tif', data[: len(data) * 5 // 8])
    assert count_pages(path) == 2
    pages = read_pages(path)
    for _ in range(2):
        np.testing.assert_array_equal(next(pages), picture)
    with pytest.raises(ImageFileError, match='end before the image does.*; 2 page.s. are whole'):
        next(pages)
    assert read_image(path) is None


def test_a_damaged_page_does_not_hide_the_others(tmp_path, picture):
    pages = [picture // divisor for divisor in (1, 2, 3)]
    path = tmp_path / 'stack.tif'
    cv2.imwritemulti(str(path), pages, [cv2.IMWRITE_TIFF_COMPRESSION, 8])
    data = bytearray(path.read_bytes())
    # The header of zlib; OpenCV answers what it cannot unpack with black.
    starts = [match.start() for match in re.finditer(b'x\x9c', data)]
    data[starts[1] + 20] ^= 1
    first, second, third = read_pages(write(path, bytes(data)))
    assert second is None
    np.testing.assert_array_equal([first, third], [pages[0][..., ::-1], pages[2][..., ::-1]])


def animated_png(picture, frames):
    data = encode('.png', picture)
    body = b'acTL' + struct.pack('>II', frames, 0)
    return (
        data[:33] + struct.pack('>I', 8) + body + struct.pack('>I', zlib.crc32(body)) + data[33:]
    )


def animated_webp(frames):
    content = b'WEBPVP8X' + struct.pack('<I', 10) + bytes(10)
    content += frames * (b'ANMF' + struct.pack('<I', 6) + bytes(6))
    return b'RIFF' + struct.pack('<I', len(content)) + content


def test_animations_are_refused_with_their_number_of_frames(tmp_path, picture):
    for name, data in (('a.png', animated_png(picture, 7)), ('a.webp', animated_webp(7))):
        path = write(tmp_path / name, data)
        assert count_pages(path) == 7
        for read in (load_image, load_samples, read_image, lambda path: list(read_pages(path))):
            with pytest.raises(ImageFileError, match=f'{name}: the file has 7 pages'):
                read(path)


def test_circles_and_nonsense_in_a_tiff_file_end(tmp_path, picture):
    data = bytearray(make_tiff([picture, picture]))
    data[-4:] = data[4:8]
    path = write(tmp_path / 'a.tif', bytes(data))
    with pytest.raises(ImageFileError, match='directories form a circle'):
        list(read_pages(path))
    rng = np.random.default_rng(3)
    whole = np.frombuffer(make_tiff([picture, picture]), np.uint8)
    for _ in range(200):
        damaged = whole.copy()
        damaged[rng.integers(0, len(whole), 8)] = rng.integers(0, 256, 8)
        write(path, damaged[: rng.integers(1, len(whole) + 1)].tobytes())
        assert count_pages_or_none(path) in (None, 0, 1, 2)


def count_pages_or_none(path):
    try:
        return count_pages(path)
    except ImageFileError:
        return None


def test_samples_of_few_bits(tmp_path, picture):
    path = tmp_path / 'a.png'
    samples = picture.astype(np.uint16) * 16 + 5
    cv2.imwrite(str(path), samples[..., ::-1])
    expected = np.round(samples * (255 / 4095))
    np.testing.assert_array_equal(load_image(path, BitDepth(12)), expected)
    remarks = []
    depth = BitDepth(report=remarks.append)
    assert load_image(path, depth).max() < 17
    load_image(path, depth)
    (remark,) = remarks
    assert remark.startswith(f'{path} is nearly black')
    assert f'end at {samples.max()}, as those of 12 bits' in remark
    assert '--bits' in remark
    for read in (load_image, read_image):
        with pytest.raises(
            ImageFileError, match=f'a.png: a sample is {samples.max()}, but with 10'
        ):
            read(path, BitDepth(10))
