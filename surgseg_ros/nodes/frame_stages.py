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

"""A frame at the stages of its way through the segmentation node."""

from dataclasses import dataclass

import numpy as np
from rclpy.time import Time
from sensor_msgs.msg import CompressedImage
from sensor_msgs.msg import Image

from surgseg_ros.inference.segmenter import Segmentation
from surgseg_ros.perception.instruments import InstrumentSet


@dataclass(frozen=True)
class ArrivedFrame:
    """
    A message as the camera sent it.

    :param received: when the callback was entered, by the node's clock
    :param received_s: the same by the monotonic clock (s)
    """

    msg: Image | CompressedImage
    received: Time
    received_s: float


@dataclass(frozen=True)
class DecodedFrame:
    """
    A frame that could be read.

    :param index: number of frames of this eye processed before it
    :param dropped: frames of this eye dropped since the last processed one
    :param image: (H, W, 3) uint8 RGB
    :param queue_s: time in the slot (s)
    :param decode_s: time of decoding (s)
    """

    eye: str
    arrival: ArrivedFrame
    index: int
    dropped: int
    image: np.ndarray
    queue_s: float
    decode_s: float


@dataclass(frozen=True)
class Answer:
    """
    A frame with its result.

    :param segmentation: label image and confidence of the size of the whole image
    """

    frame: DecodedFrame
    segmentation: Segmentation
    found: InstrumentSet
