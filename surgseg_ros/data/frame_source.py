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

"""Frames from an image, an image folder, a video or a rosbag2 recording."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
import os
from pathlib import Path
import re

import cv2
import numpy as np

from surgseg_ros.data.bag_frames import BagError
from surgseg_ros.data.bag_frames import BagFrames
from surgseg_ros.data.bag_frames import is_bag
from surgseg_ros.decoding.image_files import read_image

IMAGE_SUFFIXES = ('.png', '.jpg', '.jpeg', '.bmp', '.tif', '.tiff', '.webp')


class FrameSourceError(ValueError):
    """A source of frames cannot be used; the message names it and the remedy."""


@dataclass(frozen=True)
class Frame:
    """
    One frame of a source.

    :param stem: file name without suffix; for videos and recordings with a frame number appended
    :param image: (H, W, 3) uint8 RGB, or ``None`` where the file is damaged
    """

    stem: str
    image: np.ndarray | None


class FrameSource:
    """
    Iterate over the frames of an image, a folder of images, a video or a rosbag2 recording.

    Images of a folder come in natural order: ``frame2`` before ``frame10``. Iterating again
    starts at the first frame.

    :param path: file or folder; a folder with ``metadata.yaml`` is a rosbag2 recording
    :param topic: of a recording, its only one with images if ``None``
    :raises FrameSourceError: if there is nothing to read

    >>> source = FrameSource('clip.mp4')  # doctest: +SKIP
    >>> for frame in source: print(frame.stem, frame.image.shape)  # doctest: +SKIP
    clip_000000 (512, 640, 3)
    """

    def __init__(self, path: str | os.PathLike[str], topic: str | None = None) -> None:
        self.path = Path(path).expanduser()
        if not self.path.exists():
            raise FrameSourceError(f'{self.path} does not exist')
        self._bag = _open_bag(self.path, topic)
        self._images = [] if self._bag is not None else _list_images(self.path)
        self.rate_hz: float | None = None
        if self._bag is not None:
            self._length, self.rate_hz = len(self._bag), self._bag.rate_hz
        elif self._images:
            self._length = len(self._images)
        else:
            self._length, self.rate_hz = _probe_video(self.path)

    def __len__(self) -> int:
        """Return the number of frames; of a video, what its header says."""
        return self._length

    @property
    def stems(self) -> list[str]:
        """Return the stems of all frames, without reading these."""
        if self._images:
            return [path.stem for path in self._images]
        return [self._video_stem(index) for index in range(self._length)]

    def __iter__(self) -> Iterator[Frame]:
        """Read frame by frame."""
        if self._bag is not None:
            return self._read_bag(self._bag)
        if self._images:
            return (Frame(path.stem, read_image(path)) for path in self._images)
        return self._read_video()

    def _video_stem(self, index: int) -> str:
        return f'{self.path.stem}_{index:06d}'

    def _read_bag(self, bag: BagFrames) -> Iterator[Frame]:
        try:
            for index, (_, image) in enumerate(bag):
                yield Frame(self._video_stem(index), image)
        except BagError as error:
            raise FrameSourceError(str(error)) from error

    def _read_video(self) -> Iterator[Frame]:
        capture = cv2.VideoCapture(str(self.path))
        try:
            index = 0
            while True:
                there, bgr = capture.read()
                if not there:
                    return
                image = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
                yield Frame(self._video_stem(index), image)
                index += 1
        finally:
            capture.release()


def _open_bag(path: Path, topic: str | None) -> BagFrames | None:
    """
    Return the images of a recording, nothing for other files.

    :raises FrameSourceError: if it cannot be read, or there is a topic but no recording
    """
    if not is_bag(path):
        if topic is not None:
            raise FrameSourceError(f"{path} is no rosbag2 recording and has no topic '{topic}'")
        return None
    try:
        return BagFrames(path, topic)
    except BagError as error:
        raise FrameSourceError(str(error)) from error


def natural_key(path: Path) -> list[tuple[int, str | int]]:
    """Return a key that sorts numbers inside names by value."""
    pieces = re.split(r'(\d+)', path.name)
    return [(1, int(piece)) if piece.isdigit() else (0, piece) for piece in pieces]


def _list_images(path: Path) -> list[Path]:
    """
    Return the image files of a folder, or the file itself; nothing for other files.

    :raises FrameSourceError: if a folder has no images, or two that differ in suffix only
    """
    if path.is_file():
        return [path] if path.suffix.lower() in IMAGE_SUFFIXES else []
    images = [file for file in path.iterdir() if file.suffix.lower() in IMAGE_SUFFIXES]
    if not images:
        raise FrameSourceError(f'{path} holds no images ({", ".join(IMAGE_SUFFIXES)})')
    stem, count = Counter(file.stem for file in images).most_common(1)[0]
    if count > 1:
        raise FrameSourceError(
            f'{path} holds {count} images named {stem!r} that differ in suffix only: their '
            'results would overwrite each other; remove or rename one'
        )
    return sorted(images, key=natural_key)


def _probe_video(path: Path) -> tuple[int, float | None]:
    """
    Return the number of frames and the rate of a video.

    :raises FrameSourceError: if OpenCV cannot decode it
    """
    capture = cv2.VideoCapture(str(path))
    try:
        if not capture.isOpened():
            raise FrameSourceError(
                f'{path} is neither an image ({", ".join(IMAGE_SUFFIXES)}) nor a video that '
                'OpenCV can decode; convert it, for example to H.264 in .mp4'
            )
        rate_hz = capture.get(cv2.CAP_PROP_FPS)
        return int(capture.get(cv2.CAP_PROP_FRAME_COUNT)), rate_hz or None
    finally:
        capture.release()
