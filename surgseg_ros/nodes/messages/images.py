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

"""NumPy arrays as ``sensor_msgs/Image``; :mod:`surgseg_ros.decoding.raw_images` reads them."""

import numpy as np
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from surgseg_ros.decoding.encodings import ImageFormatError

_WRITTEN_CHANNELS = {'mono8': 1, 'rgb8': 3, 'bgr8': 3}


def array_to_image(array: np.ndarray, encoding: str, header: Header) -> Image:
    """
    Make an image message with tightly packed rows.

    :param array: (H, W) uint8 for ``mono8``, (H, W, 3) uint8 for ``rgb8`` and ``bgr8``
    :param encoding: ``mono8``, ``rgb8`` or ``bgr8``
    :param header: becomes the header of the message as it is
    :return: the message, its data copied once
    :raises ImageFormatError: if the array does not fit the encoding
    """
    channels = _WRITTEN_CHANNELS.get(encoding)
    if channels is None:
        raise ImageFormatError(
            'encoding',
            f"cannot write encoding '{encoding}'; choose one of: {', '.join(_WRITTEN_CHANNELS)}",
        )
    wanted = array.ndim == 2 if channels == 1 else array.ndim == 3 and array.shape[2] == channels
    if not wanted or array.dtype != np.uint8:
        raise ImageFormatError(
            'encoding',
            f"encoding '{encoding}' needs a uint8 array with {channels} channel(s), "
            f'got {array.dtype} with shape {array.shape}',
        )
    msg = Image(header=header, encoding=encoding)
    msg.height, msg.width = array.shape[:2]
    msg.step = msg.width * channels
    # Assigning an array to msg.data would convert it element by element, a thousand times slower.
    msg.data.frombytes(np.ascontiguousarray(array).reshape(-1))
    return msg
