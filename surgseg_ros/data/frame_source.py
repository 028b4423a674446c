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
from collections.abc import Sequence
from dataclasses import dataclass
import os
from pathlib import Path
import re

import numpy as np

from surgseg_ros.data.bag_frames import BagError
from surgseg_ros.data.bag_frames import BagFrames
from surgseg_ros.data.bag_frames import is_bag
from surgseg_ros.data.videos import FrameLoss
from surgseg_ros.data.videos import VideoError
from surgseg_ros.data.videos import VideoFrames
from surgseg_ros.decoding.image_files import count_pages
from surgseg_ros.decoding.image_files import ImageFileError
from surgseg_ros.decoding.image_files import read_image
from surgseg_ros.decoding.image_files import read_pages

IMAGE_SUFFIXES = ('.png', '.jpg', '.jpeg', '.bmp', '.tif', '.tiff', '.webp')
PAGED_SUFFIXES = ('.tif', '.tiff')


class FrameSourceError(ValueError):
    """A source of frames cannot be used; the message names it and the remedy."""


@dataclass(frozen=True)
class Frame:
    """
    One frame of a source.

    :param stem: file name without suffix; for videos, recordings and files of several pages with
        a frame number appended
    :param image: (H, W, 3) uint8 RGB, or ``None`` where the file is damaged
    :param time_ns: when it was taken: by the clock of the container of a video, by the header
        stamp of a recording; ``None`` for image files
    """

    stem: str
    image: np.ndarray | None
    time_ns: int | None = None


class FrameSource:
    """
    Iterate over the frames of an image, a folder of images, a video or a rosbag2 recording.

    Images of a folder come in natural order: ``frame2`` before ``frame10``; names that begin with
    a dot are passed over. How many frames a video has is known once it is decoded: what ended it
    too early is in :attr:`loss` then. Iterating again starts at the first frame.

    :param path: file or folder; see :func:`surgseg_ros.data.bag_frames.is_bag` for recordings
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
        self.loss: FrameLoss | None = None
        """What the last iteration found to be missing, once it has ended."""
        self._bag = _open_bag(self.path, topic)
        self._files = [] if self._bag is not None else _list_images(self.path)
        self._pages = _count_pages(self.path, self._files)
        self._video = None
        if self._bag is None and not self._files:
            self._video = _open_video(self.path)

    @property
    def is_timed(self) -> bool:
        """Tell whether frames have times instead of names."""
        return not self._files

    @property
    def rate_hz(self) -> float | None:
        """Return the frames a second, ``None`` for images."""
        timed = self._bag or self._video
        return None if timed is None else timed.rate_hz

    @property
    def expected_length(self) -> int | None:
        """Return how many frames there may be, ``None`` if unknown; for progress and the like."""
        if self._bag is not None:
            return len(self._bag)
        return self._video.announced if self._video is not None else len(self.stems)

    @property
    def stems(self) -> list[str]:
        """Return the stems of all images, without reading these; none of videos."""
        if self._pages > 1:
            return [self._numbered(index) for index in range(self._pages)]
        return [path.stem for path in self._files]

    @property
    def files(self) -> list[Path]:
        """Return the files that are read, of a recording its folder."""
        return self._files or [self.path]

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return what a recording lacks, a sentence each, and why its first damaged image is."""
        if self._bag is None:
            return ()
        first_faults = list(self._bag.faults.values())[:1]
        return (*self._bag.warnings, *(f'{self.path}: {fault}' for fault in first_faults))

    @property
    def notes(self) -> tuple[str, ...]:
        """Return what else a reader must know, found in the last iteration."""
        if self._bag is not None:
            return tuple(self._bag.notes)
        return () if self._video is None else self._video.notes

    def __iter__(self) -> Iterator[Frame]:
        """Read frame by frame."""
        self.loss = None
        if self._bag is not None:
            return self._read_bag(self._bag)
        if self._video is not None:
            return self._read_video(self._video)
        if self._pages > 1:
            return self._read_pages()
        return (Frame(path.stem, _read_image(path)) for path in self._files)

    def select(self, stems: Sequence[str]) -> Iterator[Frame]:
        """
        Read images by their names, in the order of these.

        :param stems: some of :attr:`stems`; pages of one file in their order
        """
        if self._pages > 1:
            wanted = set(stems)
            return (frame for frame in self._read_pages() if frame.stem in wanted)
        files = {path.stem: path for path in self._files}
        return (Frame(stem, _read_image(files[stem])) for stem in stems)

    def _numbered(self, index: int) -> str:
        return f'{self.path.stem}_{index:06d}'

    def _read_bag(self, bag: BagFrames) -> Iterator[Frame]:
        try:
            for index, (stamp_ns, image) in enumerate(bag):
                yield Frame(self._numbered(index), image, stamp_ns)
        except BagError as error:
            raise FrameSourceError(str(error)) from error

    def _read_video(self, video: VideoFrames) -> Iterator[Frame]:
        for index, (time_ns, image) in enumerate(video):
            yield Frame(self._numbered(index), image, time_ns)
        self.loss = video.loss

    def _read_pages(self) -> Iterator[Frame]:
        index = 0
        try:
            for index, image in enumerate(read_pages(self.path), start=1):
                yield Frame(self._numbered(index - 1), image)
        except ImageFileError as error:
            if not index:
                raise FrameSourceError(str(error)) from error
            self.loss = FrameLoss(str(error))


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


def _open_video(path: Path) -> VideoFrames:
    try:
        return VideoFrames(path)
    except VideoError as error:
        raise FrameSourceError(
            f'{path} is neither an image ({", ".join(IMAGE_SUFFIXES)}) nor a recording nor a '
            f'video that can be read ({error})'
        ) from error


def natural_key(path: Path) -> list[tuple[int, str | int]]:
    """Return a key that sorts numbers inside names by value."""
    pieces = re.split(r'(\d+)', path.name)
    return [(1, int(piece)) if piece.isdigit() else (0, piece) for piece in pieces]


def _list_images(path: Path) -> list[Path]:
    """
    Return the image files of a folder, or the file itself; nothing for other files.

    :raises FrameSourceError: if a folder has no images, or two that differ in suffix or case only
    """
    if path.is_file():
        return [path] if path.suffix.lower() in IMAGE_SUFFIXES else []
    images = [
        file
        for file in path.iterdir()
        if file.suffix.lower() in IMAGE_SUFFIXES and not file.name.startswith('.')
    ]
    if not images:
        raise FrameSourceError(f'{path} holds no images ({", ".join(IMAGE_SUFFIXES)})')
    stem, count = Counter(file.stem.casefold() for file in images).most_common(1)[0]
    if count > 1:
        raise FrameSourceError(
            f'{path} holds {count} images named {stem!r} that differ in suffix or case only: '
            'their results would overwrite each other; remove or rename one'
        )
    return sorted(images, key=natural_key)


def _count_pages(path: Path, files: list[Path]) -> int:
    """
    Return the number of pages of a single file, 1 for folders.

    :raises FrameSourceError: if a file of a folder has several
    """
    for file in files:
        if file.suffix.lower() not in PAGED_SUFFIXES:
            continue
        try:
            pages = count_pages(file)
        except ImageFileError:
            continue  # It comes as a frame without pixels.
        if pages > 1 and file != path:
            raise FrameSourceError(
                f'{file} has {pages} pages, one is expected of a file in a folder; give it alone, '
                'or save each page as a file of its own'
            )
        if file == path:
            return pages
    return 1


def _read_image(path: Path) -> np.ndarray | None:
    try:
        return read_image(path)
    except ImageFileError as error:
        raise FrameSourceError(str(error)) from error
