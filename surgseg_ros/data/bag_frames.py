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

"""Frames of a rosbag2 recording, read without ROS."""

from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from rosbags.highlevel import AnyReader

METADATA_FILE = 'metadata.yaml'
IMAGE_TYPE = 'sensor_msgs/msg/Image'
COMPRESSED_TYPE = 'sensor_msgs/msg/CompressedImage'

Convert = Callable[[np.ndarray], np.ndarray]


def _converter(code: int) -> Convert:
    return lambda pixels: cv2.cvtColor(pixels, code)


_ENCODINGS: dict[str, tuple[int, Convert]] = {
    'rgb8': (3, np.ascontiguousarray),
    'bgr8': (3, _converter(cv2.COLOR_BGR2RGB)),
    'rgba8': (4, _converter(cv2.COLOR_RGBA2RGB)),
    'bgra8': (4, _converter(cv2.COLOR_BGRA2RGB)),
    'mono8': (1, _converter(cv2.COLOR_GRAY2RGB)),
}
"""Channels of an encoding, and what turns (H, W, channels) uint8 into RGB."""


class BagError(ValueError):
    """A recording cannot be read; the message names it and the remedy."""


class BagFrames:
    """
    The images of one topic of a rosbag2 recording, MCAP or SQLite.

    Iterating again starts at the first image.

    :param path: folder with ``metadata.yaml``
    :param topic: name of the topic; ``None`` for the only one with images
    :raises BagError: if rosbags is not installed, the recording is damaged, it has no images, no
        such topic, or several topics with images and none was named

    >>> for image in BagFrames(Path('recording')): print(image.shape)  # doctest: +SKIP
    (512, 640, 3)
    """

    def __init__(self, path: Path, topic: str | None = None) -> None:
        self.path = path
        with _open_reader(path) as reader:
            counts: dict[str, int] = {}
            for connection in reader.connections:
                if connection.msgtype in (IMAGE_TYPE, COMPRESSED_TYPE) and connection.msgcount:
                    count = counts.get(connection.topic, 0) + connection.msgcount
                    counts[connection.topic] = count
            self.topic = _choose_topic(path, topic, sorted(counts))
            self._length = counts[self.topic]
            self.rate_hz = _mean_rate(self._length, reader.duration * 1e-9)

    def __len__(self) -> int:
        """Return the number of images."""
        return self._length

    def __iter__(self) -> Iterator[np.ndarray | None]:
        """
        Read image by image, (H, W, 3) uint8 RGB.

        A compressed image that cannot be decoded comes as ``None``.

        :raises BagError: if a message is damaged or in an encoding that is not supported
        """
        with _open_reader(self.path) as reader:
            wanted = [each for each in reader.connections if each.topic == self.topic]
            for connection, _, data in reader.messages(wanted):
                yield self._read(reader, connection.msgtype, data)

    def _read(self, reader: 'AnyReader', message_type: str, data: bytes) -> np.ndarray | None:
        message: Any = reader.deserialize(data, message_type)
        try:
            if message_type == COMPRESSED_TYPE:
                return decode_compressed(message.data)
            return decode_image(
                message.data, message.height, message.width, message.step, message.encoding
            )
        except ValueError as error:
            raise BagError(f"{self.path}, topic '{self.topic}': {error}") from error


def is_bag(path: Path) -> bool:
    """Tell whether a path is the folder of a rosbag2 recording."""
    return (path / METADATA_FILE).is_file()


def decode_image(
    data: np.ndarray, height: int, width: int, step: int, encoding: str
) -> np.ndarray:
    """
    Read the fields of a ``sensor_msgs/Image`` as RGB.

    :param data: (N,) uint8
    :param height: in pixels
    :param width: in pixels
    :param step: bytes a row, padding included
    :param encoding: ``rgb8``, ``bgr8``, ``rgba8``, ``bgra8`` or ``mono8``
    :return: (height, width, 3) uint8
    :raises ValueError: if the encoding is another or the sizes contradict each other
    """
    if encoding not in _ENCODINGS:
        raise ValueError(
            f"encoding '{encoding}' is not read from recordings; convert the images to one of: "
            f'{", ".join(_ENCODINGS)}, for example with image_proc'
        )
    channels, convert = _ENCODINGS[encoding]
    if min(height, width) < 1 or step < width * channels or len(data) < step * height:
        raise ValueError(
            f'a damaged {encoding} image: {width}x{height} pixels, {step} bytes a row and '
            f'{len(data)} bytes contradict each other; record it again'
        )
    rows = data[: step * height].reshape(height, step)
    return convert(rows[:, : width * channels].reshape(height, width, channels))


def decode_compressed(data: np.ndarray) -> np.ndarray | None:
    """
    Decode the content of a ``sensor_msgs/CompressedImage``: JPEG, PNG or what else OpenCV reads.

    :param data: (N,) uint8
    :return: (H, W, 3) uint8 RGB, or ``None`` if it cannot be decoded
    """
    bgr = cv2.imdecode(data, cv2.IMREAD_COLOR) if len(data) else None
    return None if bgr is None else cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)


@contextmanager
def _open_reader(path: Path) -> Iterator['AnyReader']:
    """Open a recording, with or without message definitions, and name it in all its errors."""
    try:
        from rosbags.highlevel import AnyReader
        from rosbags.highlevel import AnyReaderError
        from rosbags.typesys import get_typestore
        from rosbags.typesys import Stores
    except ImportError as error:
        raise BagError(
            f"reading {path} needs the package 'rosbags': pip install 'surgseg_ros[training]'"
        ) from error
    try:
        # The image messages are the same in every release since Foxy.
        with AnyReader([path], default_typestore=get_typestore(Stores.ROS2_HUMBLE)) as reader:
            yield reader
    except AnyReaderError as error:
        raise BagError(
            f'{path} is no readable rosbag2 recording ({error}); `ros2 bag reindex` may repair it'
        ) from error


def _choose_topic(path: Path, topic: str | None, topics: list[str]) -> str:
    if not topics:
        raise BagError(f'{path} holds no message of type {IMAGE_TYPE} or {COMPRESSED_TYPE}')
    listing = ', '.join(topics)
    if topic is None and len(topics) > 1:
        raise BagError(
            f'{path} holds several topics with images: name one of them with --topic: {listing}'
        )
    if topic is not None and topic not in topics:
        raise BagError(f"{path} holds no topic '{topic}' with images; it has: {listing}")
    return topic or topics[0]


def _mean_rate(count: int, duration_s: float) -> float | None:
    return (count - 1) / duration_s if count > 1 and duration_s > 0 else None
