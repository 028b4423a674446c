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
NumPy arrays as ``sensor_msgs/CompressedImage``, JPEG.

:mod:`surgseg_ros.decoding.compressed_images` reads them.
"""

import cv2
import numpy as np
from sensor_msgs.msg import CompressedImage
from std_msgs.msg import Header

from surgseg_ros.decoding.encodings import ImageFormatError

JPEG_QUALITIES = range(1, 101)
JPEG_SIDES = range(1, 65501)
"""Widths and heights, px, that libjpeg writes and reads."""


def array_to_compressed(array: np.ndarray, header: Header, quality: int) -> CompressedImage:
    """
    Make a JPEG message as image_transport does.

    :param array: (H, W, 3) uint8 RGB
    :param header: becomes the header of the message as it is
    :param quality: JPEG quality, 1 to 100
    :return: the message
    :raises ImageFormatError: if the array is no RGB image or JPEG cannot hold it
    :raises ValueError: if there is no such quality
    """
    if quality not in JPEG_QUALITIES:
        raise ValueError(f'JPEG quality must be 1 to 100, got {quality}')
    if array.ndim != 3 or array.shape[2] != 3 or array.dtype != np.uint8:
        raise ImageFormatError(
            'encoding',
            f'JPEG is made of (H, W, 3) uint8 RGB, got {array.dtype} with shape {array.shape}',
        )
    height, width = array.shape[:2]
    if width not in JPEG_SIDES or height not in JPEG_SIDES:
        raise ImageFormatError(
            'size', f'a JPEG image has 1 to {JPEG_SIDES[-1]} pixels a side, got {width}x{height}'
        )
    bgr = cv2.cvtColor(array, cv2.COLOR_RGB2BGR)
    _, encoded = cv2.imencode('.jpg', bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    msg = CompressedImage(header=header, format='rgb8; jpeg compressed bgr8')
    msg.data.frombytes(encoded.reshape(-1))
    return msg
