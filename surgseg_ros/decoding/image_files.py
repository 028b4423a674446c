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

"""
Image files: whole ones as arrays, with a reason for all others.

All files are read by their content, JPEG, PNG, TIFF, BMP and WebP. An orientation that a file
wishes for (EXIF, TIFF) is ignored everywhere, so that images, masks and calibrations share one
raster.
"""

from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import suppress
from itertools import count
from pathlib import Path
import struct

import cv2
import numpy as np

from surgseg_ros.decoding.bit_depth import BitDepth
from surgseg_ros.decoding.compressed_images import check_size
from surgseg_ros.decoding.compressed_images import decode
from surgseg_ros.decoding.compressed_images import decode_rgb
from surgseg_ros.decoding.encodings import ImageFormatError
from surgseg_ros.decoding.file_headers import BMP_START
from surgseg_ros.decoding.file_headers import count_webp_frames
from surgseg_ros.decoding.file_headers import FileHeader
from surgseg_ros.decoding.file_headers import is_webp
from surgseg_ros.decoding.file_headers import JPEG_START
from surgseg_ros.decoding.file_headers import name_format
from surgseg_ros.decoding.file_headers import PNG_START
from surgseg_ros.decoding.file_headers import read_jpeg_header
from surgseg_ros.decoding.file_headers import read_png_header
from surgseg_ros.decoding.file_headers import TIFF_STARTS
from surgseg_ros.decoding.tiff import TiffFile
from surgseg_ros.decoding.tiff import TiffPage

PNG_HEADER_BYTES = 24
START_BYTES = 4

Decoder = Callable[[np.ndarray], np.ndarray]

FILE_DEPTH = BitDepth()
"""Of files and recordings wherever no other one is given; reports once in a process."""

REFUSED = ('bits', 'pages')
"""Causes that are no damage: the same file is read with other options."""


class ImageFileError(ImageFormatError):
    """An image file cannot be read; the message names it, the cause and the remedy."""


@contextmanager
def _naming(path: Path, behind: str = '') -> Iterator[None]:
    """Put the name of a file before all errors."""
    try:
        yield
    except ImageFileError:
        raise
    except ImageFormatError as error:
        raise ImageFileError(error.cause, f'{path}: {error}{behind}') from error
    except OSError as error:
        raise ImageFileError('corrupt', f'{path} cannot be read: {error.strerror}') from error


def load_image(path: Path, depth: BitDepth = FILE_DEPTH) -> np.ndarray:
    """
    Read an image file.

    :param depth: scales the samples of more than 8 bits
    :return: (H, W, 3) uint8 RGB
    :raises ImageFileError: if the file is no image, damaged or incomplete, has several pages, or
        a sample has too many bits
    """
    with _naming(path):
        return depth.to_eight_bit(_load(path, decode_rgb), str(path))


def load_samples(path: Path) -> np.ndarray:
    """
    Read an image file as it is stored: a mask, whose values are no colors.

    :return: (H, W) or (H, W, C) with colors as BGR, of the type in the file
    :raises ImageFileError: if the file is no image, damaged or incomplete, or has several pages
    """
    with _naming(path):
        return _load(path, _decode_samples)


def read_image(path: Path, depth: BitDepth = FILE_DEPTH) -> np.ndarray | None:
    """
    Return (H, W, 3) uint8 RGB, or ``None`` if the file is no image, damaged or incomplete.

    :raises ImageFileError: if the file has several pages, or a sample too many bits
    """
    try:
        return load_image(path, depth)
    except ImageFileError as error:
        if error.cause in REFUSED:
            raise
        return None


def count_pages(path: Path) -> int:
    """
    Return the number of images in a file, of an incomplete TIFF file those that are whole.

    :raises ImageFileError: if the file is no image, or damaged or incomplete and no TIFF file
    """
    with _naming(path):
        if not _is_tiff(path):
            return _check(path.read_bytes())
    pages = 0
    # read_pages() tells of an early end where it comes to it.
    with suppress(ImageFormatError):
        for _ in TiffFile(_map(path)).pages():
            pages += 1
    return pages


def read_pages(path: Path, depth: BitDepth = FILE_DEPTH) -> Iterator[np.ndarray | None]:
    """
    Read the pages of a TIFF file one by one, or the only page of another file.

    Only one page is in memory at a time. A page that cannot be decoded comes as ``None``.

    :return: (H, W, 3) uint8 RGB each
    :raises ImageFileError: as :func:`load_image`; of a TIFF file that is incomplete after the
        last page that is whole, with the number of these
    """
    with _naming(path):
        tiff = TiffFile(_map(path)) if _is_tiff(path) else None
    if tiff is None:
        yield load_image(path, depth)
        return
    pages = tiff.pages()
    for number in count():
        with _naming(path, f'; {number} page(s) are whole'):
            page = next(pages, None)
        if page is None:
            return
        with _naming(path, f' (page {number + 1})'):
            yield _read_page(tiff, page, path, depth)


def read_size(path: Path) -> tuple[int, int] | None:
    """
    Return (width, height) in px, of PNG files from the header alone; ``None`` if unreadable.

    PNG specification, third edition, section 11.2.1.
    """
    with path.open('rb') as file:
        header = file.read(PNG_HEADER_BYTES)
    if header.startswith(PNG_START) and len(header) == PNG_HEADER_BYTES:
        width, height = struct.unpack('>II', header[-8:])
        return width, height
    try:
        if header.startswith(JPEG_START):
            jpeg = read_jpeg_header(path.read_bytes())
            return jpeg.width, jpeg.height
        samples = _load(path, _decode_samples)
    except ImageFormatError:
        return None
    return samples.shape[1], samples.shape[0]


def _load(path: Path, decoder: Decoder) -> np.ndarray:
    """Decode a file of one page."""
    if _is_tiff(path):
        return _load_tiff(path, decoder)
    data = path.read_bytes()
    _refuse_pages(_check(data, checksums=False))
    try:
        return decoder(np.frombuffer(data, np.uint8))
    except ImageFormatError:
        _check(data)  # a wrong checksum says more
        raise


def _load_tiff(path: Path, decoder: Decoder) -> np.ndarray:
    tiff = TiffFile(_map(path))
    pages = list(tiff.pages())
    if not pages:
        raise ImageFormatError('pages', 'a TIFF file without a page')
    _refuse_pages(len(pages))
    return decoder(tiff.show(pages[0]))


def _decode_samples(data: np.ndarray) -> np.ndarray:
    return decode(data, cv2.IMREAD_UNCHANGED)


def _read_page(tiff: TiffFile, page: TiffPage, path: Path, depth: BitDepth) -> np.ndarray | None:
    try:
        samples = decode_rgb(tiff.show(page))
    except ImageFormatError:
        return None
    return depth.to_eight_bit(samples, str(path))


def _check(data: bytes, checksums: bool = True) -> int:
    """
    Return the number of images in a file that is no TIFF file.

    :param checksums: of PNG files; decoding checks them, too
    :raises ImageFormatError: if it is no image, or damaged or incomplete as far as bytes tell
    """
    if data.startswith(JPEG_START):
        return _count(read_jpeg_header(data))
    if data.startswith(PNG_START):
        return _count(read_png_header(data, checksums))
    if is_webp(data):
        return count_webp_frames(data)
    if data.startswith(BMP_START):
        return 1  # OpenCV refuses incomplete ones
    raise ImageFormatError(
        'encoding',
        f'expected a JPEG, PNG, TIFF, BMP or WebP image, got {_name(data)}; copy the file again, '
        'or convert it to PNG',
    )


def _count(header: FileHeader) -> int:
    check_size(header)
    return header.pages


def _name(data: bytes) -> str:
    return name_format(data) if data else 'an empty file'


def _refuse_pages(pages: int) -> None:
    if pages > 1:
        raise ImageFormatError(
            'pages', f'the file has {pages} pages, one is expected; save each as a file of its own'
        )


def _is_tiff(path: Path) -> bool:
    with path.open('rb') as file:
        return file.read(START_BYTES).startswith(TIFF_STARTS)


def _map(path: Path) -> np.ndarray:
    """Map a file into memory; what is written there stays in memory."""
    return np.memmap(path, np.uint8, mode='c')
