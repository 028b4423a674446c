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

"""From messages that were taken to the parts of images that the network sees."""

from collections.abc import Mapping
from collections.abc import Sequence
import time

import numpy as np
from rclpy.clock import Clock
from sensor_msgs.msg import CompressedImage
from sensor_msgs.msg import Image

from surgseg_ros.data.image_files import size_of
from surgseg_ros.decoding.bit_depth import BitDepth
from surgseg_ros.decoding.compressed_images import compressed_to_array
from surgseg_ros.decoding.encodings import ImageFormatError
from surgseg_ros.decoding.raw_images import image_to_array
from surgseg_ros.inference.crop import BorderFinder
from surgseg_ros.inference.crop import common_size
from surgseg_ros.inference.crop import CropMode
from surgseg_ros.inference.crop import Region
from surgseg_ros.nodes.common.parameters import ParameterTable
from surgseg_ros.nodes.segmentation.dropped_frames import DroppedFrames
from surgseg_ros.nodes.segmentation.eye_statistics import EyeStatistics
from surgseg_ros.nodes.segmentation.frames import ArrivedFrame
from surgseg_ros.nodes.segmentation.frames import DecodedFrame
from surgseg_ros.nodes.segmentation.frames import PreparedFrame
from surgseg_ros.nodes.segmentation.pairing_statistics import PairingStatistics
from surgseg_ros.nodes.segmentation.slots import TakenFrame


class ImagePreparation:
    """
    Decode and crop the frames of a batch; drop those that are too old or cannot be read.

    :param clock: of the node
    :param eyes: names of the eyes
    :param parameters: read anew for every frame: ``bits``, ``crop`` and ``max_...``
    :param dropped: learns of the frames that are dropped
    :param statistics: by eye, learn of images that look too dark for their bits
    """

    def __init__(
        self,
        clock: Clock,
        eyes: Sequence[str],
        parameters: ParameterTable,
        dropped: DroppedFrames,
        statistics: Mapping[str, EyeStatistics],
    ) -> None:
        self._clock = clock
        self._parameters = parameters
        self._dropped = dropped
        self._statistics = statistics
        self._border_finders = {eye: BorderFinder() for eye in eyes}
        # Remarks go to the diagnostics, which log them.
        self._depths = {eye: BitDepth(report=lambda remark: None) for eye in eyes}
        self.pairing = PairingStatistics()

    def prepare(self, batch: Mapping[str, TakenFrame[ArrivedFrame]]) -> list[PreparedFrame]:
        """Return the frames of a batch that the network is to see."""
        readable = [frame for eye, taken in batch.items() if (frame := self._read(eye, taken))]
        if len(self._border_finders) > 1 and readable:
            gap_ns = stamp_gap_ns([frame.arrival for frame in readable])
            self.pairing.record(len(readable), gap_ns)
        crop: CropMode = self._parameters['crop']
        found = {frame.eye: self._find_region(frame, crop) for frame in readable}
        regions = {eye: region for eye, region in found.items() if region is not None}
        usable = [frame for frame in readable if frame.eye in regions]
        shared = _share_size(usable, regions)
        return [PreparedFrame(frame, shared[frame.eye]) for frame in usable]

    def _read(self, eye: str, taken: TakenFrame[ArrivedFrame]) -> DecodedFrame | None:
        """Decode a frame; ``None`` if it is too old or cannot be read."""
        try:
            return None if self._drop_stale(eye, taken) else self._decode(eye, taken)
        except ImageFormatError as error:
            self._dropped.reject(eye, taken, error.cause, error)
        except Exception as error:  # The worker outlives whatever a camera sends.
            self._dropped.reject(eye, taken, 'decoding', error)
        return None

    def _drop_stale(self, eye: str, taken: TakenFrame[ArrivedFrame]) -> bool:
        limit_ms = self._parameters['max_image_age_ms']
        age_ms = taken.content.age_ms(self._clock)
        if limit_ms == 0.0 or age_ms is None or age_ms <= limit_ms:
            return False
        self._dropped.drop_stale(eye, taken, age_ms, limit_ms)
        return True

    def _decode(self, eye: str, taken: TakenFrame[ArrivedFrame]) -> DecodedFrame:
        start_s = time.monotonic()
        depth = self._depths[eye]
        if depth.bits != self._parameters['bits']:
            depth.set_bits(self._parameters['bits'])
        image = _to_array(taken.content.msg, self._parameters['max_image_pixels'], depth)
        self._statistics[eye].record_bit_depth(depth.remark)
        decoded_s = time.monotonic()
        return DecodedFrame(
            eye=eye,
            taken=taken,
            image=image,
            queue_s=start_s - taken.content.received_s,
            decode_s=decoded_s - start_s,
        )

    def _find_region(self, frame: DecodedFrame, crop: CropMode) -> Region | None:
        """Return the part of an image for the network; ``None`` if it has no such part."""
        try:
            return crop.select_region(frame.image, self._border_finders[frame.eye])
        except Exception as error:  # The worker outlives whatever an image shows.
            self._dropped.reject(frame.eye, frame.taken, 'crop', error)
            return None


def stamp_gap_ns(frames: Sequence[ArrivedFrame]) -> int:
    """Return how far the stamps of frames lie apart (ns)."""
    stamps = [frame.stamp_ns for frame in frames]
    return max(stamps) - min(stamps)


def _to_array(msg: Image | CompressedImage, max_pixels: int, depth: BitDepth) -> np.ndarray:
    if isinstance(msg, Image):
        return image_to_array(msg, max_pixels, depth)
    return compressed_to_array(msg, max_pixels, depth)


def _share_size(
    frames: Sequence[DecodedFrame], regions: Mapping[str, Region]
) -> dict[str, Region]:
    """Give the regions of equal images one size, so that both eyes remain one batch."""
    sizes = {size_of(frame.image) for frame in frames}
    if len(sizes) != 1:
        return dict(regions)
    return dict(zip(regions, common_size(list(regions.values()), *sizes), strict=True))
