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

"""The content of ``sensor_msgs/CompressedImage`` as NumPy arrays, JPEG and PNG."""

from typing import Any
from typing import Protocol

import cv2
import numpy as np

from surgseg_ros.decoding.bit_depth import BitDepth
from surgseg_ros.decoding.bit_depth import WHOLE_RANGE
from surgseg_ros.decoding.encodings import BAYER_ENCODINGS
from surgseg_ros.decoding.encodings import check_pixels
from surgseg_ros.decoding.encodings import ImageFormatError
from surgseg_ros.decoding.encodings import quote
from surgseg_ros.decoding.file_headers import corrupt
from surgseg_ros.decoding.file_headers import FileHeader
from surgseg_ros.decoding.file_headers import incomplete
from surgseg_ros.decoding.file_headers import JPEG_START
from surgseg_ros.decoding.file_headers import name_format
from surgseg_ros.decoding.file_headers import PNG_START
from surgseg_ros.decoding.file_headers import read_jpeg_header
from surgseg_ros.decoding.file_headers import read_png_header
from surgseg_ros.decoding.raw_images import demosaic

# Any depth keeps 16 bits until they are scaled as those of a raw image are; a camera that is
# mounted upside down must not turn the pixels away from its CameraInfo or its masks.
_FLAGS = cv2.IMREAD_ANYDEPTH | cv2.IMREAD_IGNORE_ORIENTATION
# Since OpenCV 4.11; the colors then need no second pass to change their order. OpenCV 5.0 gets
# those of 16-bit TIFF files wrong.
_RGB: int | None = getattr(cv2, 'IMREAD_COLOR_RGB', None)
_RGB_STARTS = (JPEG_START[0], PNG_START[0])


class CompressedImage(Protocol):
    """The fields of a ``sensor_msgs/CompressedImage``, from rclpy or from a recording."""

    @property
    def format(self) -> Any:
        """Return what the sender says of the data."""

    @property
    def data(self) -> Any:
        """Return the bytes of the file."""


def compressed_to_array(
    msg: CompressedImage, max_pixels: int | None = None, depth: BitDepth | None = None
) -> np.ndarray:
    """
    Decode a JPEG or PNG message as RGB.

    The data tell what they are; of ``msg.format`` only one thing is used: with
    ``bayer_rggb8; png compressed`` and the like, image_transport sends the mosaic as a gray
    image, and its colors are interpolated. Gray images give three equal channels, an alpha channel
    is dropped, 16-bit samples are scaled to 8 bits, and an EXIF orientation is ignored.

    :param msg: the image
    :param max_pixels: most pixels that width times height may be, ``None`` for no limit; checked
        before the image is decoded
    :param depth: scales 16-bit samples; ``None``: by their whole range
    :return: (H, W, 3) uint8 RGB
    :raises ImageFormatError: if the data are neither JPEG nor PNG (``'encoding'``), empty or
        incomplete (``'data_length'``), empty of pixels (``'size'``), ``'too_large'`` or
        ``'corrupt'``, or if a sample has too many bits (``'bits'``)
    """
    data = bytes(msg.data)
    header = _read_header(data, msg.format)
    check_size(header, max_pixels)
    samples = decode_rgb(np.frombuffer(data, np.uint8))
    check_decoded_size(samples, header)
    image = (depth or BitDepth(WHOLE_RANGE)).to_eight_bit(samples)
    mosaic = _mosaic_encoding(msg.format) if header.gray else None
    if mosaic is not None:
        return demosaic(image[..., 0], mosaic)
    return image


def decode_rgb(data: np.ndarray) -> np.ndarray:
    """
    Decode an image file as it lies on the sensor, with the depth that it has.

    :param data: (N,) uint8
    :return: (H, W, 3) RGB
    :raises ImageFormatError: if OpenCV cannot (``'corrupt'``)
    """
    if _RGB is not None and data[0] in _RGB_STARTS:
        return decode(data, _FLAGS | _RGB)
    return cv2.cvtColor(decode(data, _FLAGS | cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def decode(data: np.ndarray, flags: int) -> np.ndarray:
    """
    Decode an image file with OpenCV.

    :param data: (N,) uint8
    :param flags: of ``cv2.imdecode``
    :return: as OpenCV has it, colors as BGR
    :raises ImageFormatError: if OpenCV cannot (``'corrupt'``)
    """
    try:
        image = cv2.imdecode(data, flags)
    except cv2.error as error:
        raise corrupt('image', f'OpenCV says: {error.err}') from error
    if image is None:
        raise corrupt('image', 'OpenCV cannot decode it')
    return image


def check_size(header: FileHeader, max_pixels: int | None = None) -> None:
    """
    Refuse an image before it is decoded.

    :raises ImageFormatError: if it has no pixels (``'size'``) or is ``'too_large'``
    """
    if header.width == 0 or header.height == 0:
        raise ImageFormatError(
            'size', f'the image is empty: {header.width}x{header.height} pixels'
        )
    check_pixels(header.width, header.height, max_pixels)


def check_decoded_size(image: np.ndarray, header: FileHeader) -> None:
    """
    Compare an image with what its header says.

    :raises ImageFormatError: if their sizes differ (``'corrupt'``)
    """
    if image.shape[:2] != (header.height, header.width):
        found = f'{image.shape[1]}x{image.shape[0]}'
        raise corrupt('image', f'{found} pixels instead of {header.width}x{header.height}')


def _read_header(data: bytes, declared: str) -> FileHeader:
    if not data:
        raise ImageFormatError('data_length', f'no data (format {quote(declared)})')
    if data.startswith(JPEG_START):
        return read_jpeg_header(data)
    if data.startswith(PNG_START):
        return read_png_header(data)
    if JPEG_START.startswith(data) or PNG_START.startswith(data):
        raise incomplete('image', len(data))
    raise ImageFormatError(
        'encoding',
        f'expected a JPEG or PNG image, got {name_format(data)} (format {quote(declared)}); '
        "set the camera's image_transport to JPEG or PNG, or use the raw images",
    )


def _mosaic_encoding(declared: str) -> str | None:
    """Return the mosaic that a gray image is by its declared format, or ``None``."""
    encoding, _, compression = declared.partition(';')
    # Where image_transport made gray or color of the mosaic, the new encoding follows.
    unconverted = compression.split()[-1:] == ['compressed']
    return encoding if unconverted and encoding in BAYER_ENCODINGS else None
