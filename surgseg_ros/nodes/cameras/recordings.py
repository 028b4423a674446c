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

"""Recordings of a stereo endoscope, played from video files and image folders."""

from collections.abc import Iterable
from collections.abc import Iterator
import queue
import threading
from typing import Generic
from typing import TypeVar

import numpy as np

from surgseg_ros.data.frame_source import FrameSource
from surgseg_ros.data.frame_source import FrameSourceError

Item = TypeVar('Item')

LAYOUTS = ('mono', 'side_by_side', 'top_bottom')
READ_AHEAD_FRAMES = 4
STOP_POLL_S = 0.1


class EndOfRecording(Exception):  # noqa: N818
    """All frames of a recording have been taken."""


StereoImages = dict[str, np.ndarray]
"""One frame: (H, W, 3) uint8 RGB by eye, ``'left'`` and, unless mono, ``'right'``."""


class StereoRecording:
    """
    One or two recordings as the images of a stereo camera.

    :param left: path of the left camera's recording, or of one that holds both eyes
    :param right: path of the right camera's recording, empty for none
    :param layout: how the left recording is divided: ``'mono'`` (not at all),
        ``'side_by_side'`` or ``'top_bottom'``, left eye first
    :raises FrameSourceError: if the combination makes no sense or a recording cannot be opened
    """

    def __init__(self, left: str, right: str = '', layout: str = 'mono') -> None:
        if not left:
            raise FrameSourceError(
                "nothing to play: set the parameter 'left' to a video or folder"
            )
        if right and layout != 'mono':
            raise FrameSourceError(
                f"layout '{layout}' means that one file holds both eyes; "
                "leave 'right' empty or use layout 'mono'"
            )
        self._left = FrameSource(left)
        self._right = FrameSource(right) if right else None
        self._layout = layout

    @property
    def rate_hz(self) -> float | None:
        """Return the frame rate of the left recording, ``None`` for images."""
        return self._left.rate_hz

    def __iter__(self) -> Iterator[StereoImages]:
        """Iterate from the first frame to the end of the shorter recording."""
        if self._right is not None:
            for left, right in zip(_images(self._left), _images(self._right), strict=False):
                yield {'left': left, 'right': right}
            return
        for image in _images(self._left):
            yield split_eyes(image, self._layout)


def _images(source: FrameSource) -> Iterator[np.ndarray]:
    for frame in source:
        if frame.image is None:
            raise FrameSourceError(
                f"cannot decode the image '{frame.stem}' of {source.path}; remove or replace it"
            )
        yield frame.image


def split_eyes(image: np.ndarray, layout: str) -> StereoImages:
    """
    Divide an image that holds both eyes.

    :param image: (H, W, 3)
    :param layout: one of :data:`LAYOUTS`
    :return: views of the image
    :raises FrameSourceError: if the image cannot be halved
    """
    if layout == 'mono':
        return {'left': image}
    axis = 1 if layout == 'side_by_side' else 0
    if image.shape[axis] % 2:
        raise FrameSourceError(
            f'an image of {image.shape[1]}x{image.shape[0]} pixels cannot be halved '
            f"({layout}); use layout 'mono' or crop the recording"
        )
    left, right = np.split(image, 2, axis)
    return {'left': left, 'right': right}


def play(recording: StereoRecording, loop: bool) -> Iterator[StereoImages]:
    """
    Iterate over a recording once or for ever.

    :raises FrameSourceError: if it has no frame
    """
    while True:
        images = None
        for images in recording:
            yield images
        if images is None:
            raise FrameSourceError('the recording holds no frame that can be decoded')
        if not loop:
            return


class ReadAhead(Generic[Item]):
    """
    Take items from an iterable that a thread reads a little ahead.

    :param items: read in the thread
    :param depth: number of items to keep ready
    """

    def __init__(self, items: Iterable[Item], depth: int = READ_AHEAD_FRAMES) -> None:
        self._queue: queue.Queue[Item | Exception] = queue.Queue(depth)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read, args=(items,), daemon=True)
        self._thread.start()

    def get(self) -> Item:
        """
        Wait for the next item.

        :raises EndOfRecording: when there are no more
        :raises Exception: what the iterable raised
        """
        item = self._queue.get()
        if isinstance(item, Exception):
            raise item
        return item

    def is_ready(self) -> bool:
        """Tell whether :meth:`get` would return or raise at once."""
        return not self._queue.empty()

    def close(self) -> None:
        """Stop the thread."""
        self._stop.set()
        self._thread.join()

    def _read(self, items: Iterable[Item]) -> None:
        try:
            for item in items:
                if not self._put(item):
                    return
            self._put(EndOfRecording())
        except Exception as error:  # It is raised again in the thread that takes the items.
            self._put(error)

    def _put(self, item: Item | Exception) -> bool:
        """Return whether the item was left before :meth:`close`."""
        while not self._stop.is_set():
            try:
                self._queue.put(item, timeout=STOP_POLL_S)
            except queue.Full:
                continue
            return True
        return False
