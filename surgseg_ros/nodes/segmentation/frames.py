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

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rclpy.clock import Clock
from rclpy.time import Time
from sensor_msgs.msg import CompressedImage
from sensor_msgs.msg import Image

from surgseg_ros.data.label_sets import LabelSet
from surgseg_ros.inference.crop import Region
from surgseg_ros.inference.deadline import Variant
from surgseg_ros.inference.segmenter import Segmentation
from surgseg_ros.nodes.segmentation.slots import FramePlace
from surgseg_ros.nodes.segmentation.slots import TakenFrame
from surgseg_ros.perception.instruments import InstrumentSet

NANOSECONDS = 1_000_000_000


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

    @property
    def stamp_ns(self) -> int:
        """Return the stamp (ns)."""
        stamp = self.msg.header.stamp
        return int(stamp.sec * NANOSECONDS + stamp.nanosec)

    def age_ms(self, clock: Clock) -> float | None:
        """Return the age by the stamp (ms), ``None`` for an unset stamp."""
        if self.stamp_ns == 0:
            return None
        return (clock.now().nanoseconds - self.stamp_ns) / 1e6


@dataclass(frozen=True)
class DecodedFrame:
    """
    A frame that could be read.

    :param taken: as it came out of the slot
    :param image: (H, W, 3) uint8 RGB
    :param queue_s: time in the slot (s)
    :param decode_s: time of decoding (s)
    """

    eye: str
    taken: TakenFrame[ArrivedFrame]
    image: np.ndarray
    queue_s: float
    decode_s: float

    @property
    def arrival(self) -> ArrivedFrame:
        """Return the message."""
        return self.taken.content


@dataclass(frozen=True)
class PreparedFrame:
    """
    A frame that is ready for the network.

    :param region: the part of the image for the network
    """

    frame: DecodedFrame
    region: Region

    @property
    def part(self) -> np.ndarray:
        """Return the part of the image for the network, (height, width, 3) uint8 RGB, a view."""
        return self.region.cut(self.frame.image)


@dataclass(frozen=True)
class SegmentedFrame:
    """
    A frame that came through the network.

    :param segmentation: label image and confidence of the region alone
    """

    frame: DecodedFrame
    region: Region
    segmentation: Segmentation


@dataclass(frozen=True)
class SegmentedBatch:
    """
    What one run of the network gave, and what is to be known of the network by then.

    The network itself may be exchanged and freed before the batch is published.

    :param model: name of the checkpoint
    :param label_set: classes of the label images
    :param variant: branch and size of the network
    :param segment_s: time of :meth:`Segmenter.segment` (s)
    """

    frames: Sequence[SegmentedFrame]
    model: str
    label_set: LabelSet
    variant: Variant
    segment_s: float

    @property
    def newest_received_s(self) -> float:
        """Return when the last of its images was received, by the monotonic clock (s)."""
        return max(segmented.frame.arrival.received_s for segmented in self.frames)

    @property
    def taken_s(self) -> float:
        """Return when the first of its images was taken from its slot, monotonic (s)."""
        return min(
            segmented.frame.arrival.received_s + segmented.frame.queue_s
            for segmented in self.frames
        )


@dataclass(frozen=True)
class FrameResult:
    """
    A frame with its result, which is published.

    :param region: the part of the image that the network saw
    :param place: among the frames of its eye
    :param segmentation: label image and confidence of the size of the whole image
    :param geometry_s: time of finding the instruments (s), part of ``postprocess_s``
    :param model: name of the checkpoint
    :param label_set: classes of the label image
    """

    frame: DecodedFrame
    region: Region
    place: FramePlace
    segmentation: Segmentation
    found: InstrumentSet
    geometry_s: float
    model: str
    label_set: LabelSet
