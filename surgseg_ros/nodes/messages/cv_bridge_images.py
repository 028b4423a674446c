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
Encodings that are left to cv_bridge: signed, 32-bit integer and floating-point samples.

The sizes are checked and the bytes put in order before cv_bridge sees them, because it skews rows
whose padding is no whole number of pixels and cannot swap bytes with NumPy 2. cv_bridge is
imported when the first such image arrives, so every other image is read without it.

The samples become 8-bit values by a rule that depends on the encoding alone, so that brightness
does not flicker from image to image:

- floating point: 0.0 to 1.0 becomes 0 to 255, as OpenCV shows such images; what is outside is
  clipped, and what is no number becomes 0;
- integers: the whole range of the type becomes 0 to 255.

One channel gives three equal ones, three channels are BGR and four BGRA, the order of OpenCV.
"""

from functools import partial
import os
import sys
from typing import Any

import cv2
import numpy as np
from sensor_msgs.msg import Image

from surgseg_ros.nodes.messages.image_encoding import Encoding
from surgseg_ros.nodes.messages.image_encoding import ImageFormatError

_SAMPLE_TYPES: dict[str, type] = {
    '8S': np.int8,
    '16S': np.int16,
    '32S': np.int32,
    '32F': np.float32,
    '64F': np.float64,
}
_TO_RGB = {1: cv2.COLOR_GRAY2RGB, 3: cv2.COLOR_BGR2RGB, 4: cv2.COLOR_BGRA2RGB}


def _read(encoding: str, pixels: np.ndarray) -> np.ndarray:
    """
    Read pixels through cv_bridge.

    :param encoding: name of the encoding
    :param pixels: (H, W, channels) in native byte order
    :return: (H, W, 3) uint8 RGB
    :raises ImageFormatError: if cv_bridge is missing, fails or reads another layout
    """
    image = _ask_cv_bridge(_pack(encoding, pixels))
    if image.dtype != pixels.dtype or image.size != pixels.size:
        raise ImageFormatError(
            'encoding',
            f"the installed cv_bridge reads encoding '{encoding}' as {image.dtype} of shape "
            f'{image.shape}, expected {pixels.dtype} of shape {pixels.shape}; {_remedy()}',
        )
    eight_bit = _to_eight_bit(image.reshape(pixels.shape))
    return cv2.cvtColor(eight_bit, _TO_RGB[pixels.shape[2]])


def _pack(encoding: str, pixels: np.ndarray) -> Image:
    height, width = pixels.shape[:2]
    msg = Image(encoding=encoding, height=height, width=width)
    msg.step = width * pixels.shape[2] * pixels.itemsize
    msg.is_bigendian = sys.byteorder == 'big'
    msg.data.frombytes(np.ascontiguousarray(pixels).reshape(-1).view(np.uint8))
    return msg


def _ask_cv_bridge(msg: Image) -> np.ndarray:
    # cv_bridge promises CvBridgeError, but KeyError, TypeError, AttributeError and, built for
    # another NumPy, errors of its import were seen as well.
    try:
        image: Any = _new_bridge().imgmsg_to_cv2(msg, 'passthrough')
    except ModuleNotFoundError as error:
        raise ImageFormatError(
            'encoding', f"encoding '{msg.encoding}' needs cv_bridge ({error}); {_remedy()}"
        ) from error
    except Exception as error:
        raise ImageFormatError(
            'encoding',
            f"the installed cv_bridge cannot read encoding '{msg.encoding}' "
            f'({type(error).__name__}: {error}); {_remedy()}',
        ) from error
    return np.asarray(image)


def _new_bridge() -> Any:
    from cv_bridge import CvBridge

    return CvBridge()


def _remedy() -> str:
    distribution = os.environ.get('ROS_DISTRO', '<distro>')
    return (
        f'install ros-{distribution}-cv-bridge, or publish an encoding that is read without it: '
        'rgb8, bgr8, mono8, their 16-bit and alpha variants, bayer_*, uyvy, yuyv, nv12 or nv21'
    )


def _to_eight_bit(samples: np.ndarray) -> np.ndarray:
    """Map samples of any type to uint8, as the module's documentation says."""
    if samples.dtype.kind == 'f':
        fractions = np.clip(np.nan_to_num(samples), 0.0, 1.0)
    else:
        limits = np.iinfo(samples.dtype)
        fractions = (samples - float(limits.min)) / (float(limits.max) - float(limits.min))
    return np.rint(fractions * 255.0).astype(np.uint8)


CV_BRIDGE_ENCODINGS = {
    f'{depth}C{channels}': Encoding(channels, partial(_read, f'{depth}C{channels}'), dtype)
    for depth, dtype in _SAMPLE_TYPES.items()
    for channels in _TO_RGB
}
"""
Encodings that are read with cv_bridge.

cv_bridge knows two more kinds of names: those that are read without it, and types of two or of
more than four channels, which are no colors.
"""
