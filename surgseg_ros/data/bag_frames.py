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

"""Frames of a rosbag2 recording, read without ROS as the nodes read its messages."""

from collections import Counter
from collections.abc import Iterator
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from surgseg_ros.data.recordings.cdr import COMPRESSED_TYPE
from surgseg_ros.data.recordings.cdr import IMAGE_TYPE
from surgseg_ros.data.recordings.cdr import parse_image
from surgseg_ros.data.recordings.cdr import RecordedImage
from surgseg_ros.data.recordings.errors import MissingPackageError
from surgseg_ros.data.recordings.errors import StorageError
from surgseg_ros.data.recordings.message_order import order_by_stamp
from surgseg_ros.data.recordings.recording import Recording
from surgseg_ros.data.recordings.recording_files import is_bag
from surgseg_ros.decoding.bit_depth import BitDepth
from surgseg_ros.decoding.compressed_images import compressed_to_array
from surgseg_ros.decoding.encodings import ImageFormatError
from surgseg_ros.decoding.image_files import FILE_DEPTH
from surgseg_ros.decoding.raw_images import image_to_array

__all__ = ['BagError', 'BagFrames', 'is_bag']

NANOSECONDS = 1e9


class BagError(ValueError):
    """A recording cannot be read; the message names it and the remedy."""


class BagFrames:
    """
    The images of one topic of a rosbag2 recording, MCAP or SQLite, in the order of their stamps.

    A first pass finds the messages and their stamps. No more than one image is in memory later,
    and two chunks of an MCAP file. Iterating again starts at the first image.

    :param path: folder, or one of its files (``.mcap``, ``.db3``)
    :param topic: name of the topic; ``None`` for the only one with images
    :param depth: scales samples of more than 8 bits
    :raises BagError: if nothing of the recording can be read, it has no images, no such topic, or
        several topics with images and none was named

    >>> for time_ns, image in BagFrames(Path('recording')):  # doctest: +SKIP
    ...     print(time_ns, image.shape)
    1700000000040000000 (512, 640, 3)
    """

    def __init__(self, path: Path, topic: str | None = None, depth: BitDepth = FILE_DEPTH) -> None:
        self.path = path
        self._depth = depth
        try:
            self._recording = Recording(path)
        except (StorageError, MissingPackageError) as error:
            raise BagError(str(error)) from error
        self.warnings = self._recording.warnings
        """What is lost, a sentence each."""
        self.notes = self._recording.notes
        """What else is odd, a sentence each."""
        self.faults: dict[int, str] = {}
        """Why images could not be read, by their index; filled while they are iterated over."""
        counts = Counter(message.topic for _, message in self._recording.messages)
        self.topic = _choose_topic(path, topic, sorted(counts), self.warnings)
        announced = self._recording.announced.get(self.topic, 0)
        if announced > counts[self.topic]:
            self.warnings.append(
                f'{path}: {announced - counts[self.topic]} of {announced} announced images on '
                f"'{self.topic}' are missing"
            )
        self._put_in_order()

    def __len__(self) -> int:
        """Return the number of images that were found."""
        return len(self._places)

    @property
    def rate_hz(self) -> float | None:
        """Return the mean rate of the images."""
        duration_s = (self.times_ns[-1] - self.times_ns[0]) / NANOSECONDS
        return (len(self) - 1) / duration_s if duration_s > 0 else None

    def __iter__(self) -> Iterator[tuple[int, np.ndarray | None]]:
        """
        Read image by image: time in ns, see :attr:`times_ns`, and (H, W, 3) uint8 RGB.

        An image that is damaged comes as ``None``, :attr:`faults` then says why.

        :raises BagError: if the first image is in an encoding that is not supported, or samples
            have too many bits
        """
        contents = self._recording.read(self._places)
        for index, content in enumerate(contents):
            yield self.times_ns[index], self._decode(index, content)

    def _put_in_order(self) -> None:
        """Put the messages of the topic in order."""
        places = [each for each in self._recording.messages if each[1].topic == self.topic]
        places.sort(key=lambda place: place[1].received_ns)
        order = order_by_stamp([message.stamp_ns for _, message in places])
        if order.remark:
            self.notes.append(f"{self.path}, topic '{self.topic}': {order.remark}")
        self._places = [places[index] for index in order.indices]
        self.times_ns = [
            message.stamp_ns if order.is_by_stamp else message.received_ns
            for _, message in self._places
        ]
        """Stamps, or times of reception where stamps give no order."""

    def _decode(self, index: int, content: bytes | StorageError) -> np.ndarray | None:
        try:
            return self._to_array(content, self._places[index][1].message_type)
        except StorageError as error:
            self.faults[index] = str(error)
        except ImageFormatError as error:
            if error.cause == 'bits' or (error.cause == 'encoding' and index == 0):
                raise BagError(f"{self.path}, topic '{self.topic}': {error}") from error
            self.faults[index] = str(error)
        return None

    def _to_array(self, content: bytes | StorageError, message_type: str) -> np.ndarray:
        if isinstance(content, StorageError):
            raise content
        message = parse_image(content, message_type)
        if isinstance(message, RecordedImage):
            return image_to_array(message, depth=self._depth)
        return compressed_to_array(message, depth=self._depth)


def _choose_topic(
    path: Path, topic: str | None, topics: Sequence[str], warnings: Sequence[str]
) -> str:
    if not topics:
        losses = ''.join(f'; {warning}' for warning in warnings)
        raise BagError(
            f'{path} holds no message of type {IMAGE_TYPE} or {COMPRESSED_TYPE}{losses}'
        )
    listing = ', '.join(topics)
    if topic is None and len(topics) > 1:
        raise BagError(
            f'{path} holds several topics with images: name one of them with --topic: {listing}'
        )
    if topic is not None and topic not in topics:
        raise BagError(f"{path} holds no topic '{topic}' with images; it has: {listing}")
    return topic or topics[0]
