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

"""Recordings of a stereo endoscope, played from videos, image folders and rosbag2 recordings."""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from dataclasses import dataclass
import queue
import threading
from typing import Generic
from typing import TypeVar

import numpy as np

from surgseg_ros.data.frame_pairs import FramePairs
from surgseg_ros.data.frame_source import Frame
from surgseg_ros.data.frame_source import FrameSource
from surgseg_ros.data.frame_source import FrameSourceError
from surgseg_ros.reporting.accounts import shorten_names

Item = TypeVar('Item')

LAYOUTS = ('mono', 'side_by_side', 'top_bottom')
DEFAULT_RATE_HZ = 30.0
"""Of images."""

READ_AHEAD_FRAMES = 4
SECOND_NS = 10**9
STOP_POLL_S = 0.1


class EndOfRecording(Exception):  # noqa: N818
    """All frames of a recording have been taken."""


StereoImages = dict[str, np.ndarray]
"""One frame: (H, W, 3) uint8 RGB by eye, ``'left'`` and, unless mono, ``'right'``."""


@dataclass(frozen=True)
class StereoFrame:
    """
    What both eyes see at one moment.

    :param images: of the eyes
    :param time_ns: of the left one in its recording; ``None`` for images
    """

    images: StereoImages
    time_ns: int | None


@dataclass(frozen=True)
class DueFrame:
    """
    A frame to be published.

    :param images: of the eyes
    :param due_ns: how long after the first frame
    """

    images: StereoImages
    due_ns: int


class StereoRecording:
    """
    One or two recordings as the images of a stereo camera.

    :param left: path of the left camera's recording, or of one that holds both eyes
    :param right: path of the right camera's recording, empty for none; see
        :class:`surgseg_ros.data.frame_pairs.FramePairs` for which frames are shown together
    :param layout: how the left recording is divided: ``'mono'`` (not at all),
        ``'side_by_side'`` or ``'top_bottom'``, left eye first
    :raises FrameSourceError: if the combination makes no sense or a recording cannot be opened
    """

    def __init__(self, left: str, right: str = '', layout: str = 'mono') -> None:
        if not left:
            raise FrameSourceError(
                "nothing to play: set the parameter 'left' to a video, folder or rosbag2 recording"
            )
        if right and layout != 'mono':
            raise FrameSourceError(
                f"layout '{layout}' means that one file holds both eyes; "
                "leave 'right' empty or use layout 'mono'"
            )
        self._left = FrameSource(left)
        self._right = FrameSource(right) if right else None
        self._pairs = None if self._right is None else _pair(self._left, self._right)
        self._layout = layout
        self._unpaired: list[str] = []

    @property
    def rate_hz(self) -> float | None:
        """Return the frame rate of the left recording, ``None`` for images."""
        return self._left.rate_hz

    @property
    def losses(self) -> list[str]:
        """Return what the last iteration did not give, a sentence each, once it has ended."""
        sources = [self._left, *([] if self._right is None else [self._right])]
        losses = [f'{source.path}: {source.loss}' for source in sources if source.loss]
        losses += [warning for source in sources for warning in source.warnings]
        if self._unpaired:
            names = shorten_names(self._unpaired)
            losses.append(f'{len(self._unpaired)} frames without a partner were left out: {names}')
        return losses

    def __iter__(self) -> Iterator[StereoFrame]:
        """Iterate over the frames that all eyes have."""
        self._unpaired = []
        if self._pairs is None:
            for frame in self._left:
                image = _image_of(frame, self._left)
                yield StereoFrame(split_eyes(image, self._layout), frame.time_ns)
            return
        for pair in self._pairs:
            if pair.left is None or pair.right is None:
                self._unpaired.append(pair.unpaired_name)
                continue
            right = _image_of(pair.right, self._right)
            images = {'left': _image_of(pair.left, self._left), 'right': right}
            yield StereoFrame(images, pair.left.time_ns)


def _pair(left: FrameSource, right: FrameSource) -> FramePairs:
    try:
        return FramePairs(left, right)
    except ValueError as error:
        raise FrameSourceError(str(error)) from error


def _image_of(frame: Frame, source: FrameSource | None) -> np.ndarray:
    if frame.image is None:
        path = '' if source is None else f' of {source.path}'
        raise FrameSourceError(
            f"cannot decode the image '{frame.stem}'{path}; remove or replace it"
        )
    return frame.image


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


def play(
    recording: StereoRecording,
    loop: bool,
    rate_hz: float = 0.0,
    report: Callable[[str], None] = print,
) -> Iterator[DueFrame]:
    """
    Iterate over a recording once or for ever.

    :param rate_hz: frames a second; 0: the times of the recording, or
        :data:`DEFAULT_RATE_HZ` where it has none
    :param report: gets what a recording that starts again did not give, once
    :raises FrameSourceError: if it has no frame; at the end, if there were frames that it did not
        give
    """
    fixed_hz = rate_hz or (None if recording.rate_hz else DEFAULT_RATE_HZ)
    period_ns = round(SECOND_NS / (fixed_hz or recording.rate_hz or DEFAULT_RATE_HZ))
    start_ns, reported = 0, False
    while True:
        due_ns, first_ns = None, None
        for index, frame in enumerate(recording):
            first_ns = frame.time_ns if first_ns is None else first_ns
            if fixed_hz or frame.time_ns is None or first_ns is None:
                due_ns = start_ns + round(index * SECOND_NS / (fixed_hz or DEFAULT_RATE_HZ))
            else:
                due_ns = start_ns + frame.time_ns - first_ns
            yield DueFrame(frame.images, due_ns)
        losses = '; '.join(recording.losses)
        if due_ns is None:
            raise FrameSourceError(
                f'the recording holds no frame that can be decoded{losses and ": "}{losses}'
            )
        if losses and not loop:
            raise FrameSourceError(f'everything else was played: {losses}')
        if losses and not reported:
            report(losses)
            reported = True
        if not loop:
            return
        start_ns = due_ns + period_ns


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
