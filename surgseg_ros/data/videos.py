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

"""Frames of a video file, as they are decoded, with the times of its container."""

from collections import deque
from collections.abc import Collection
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from itertools import pairwise
from pathlib import Path
import re
import statistics

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream
import numpy as np

SECOND_NS = 10**9

NOMINAL_RATE_HZ = 25.0
"""Of a stream without any time, such as MPEG-4 part 2 without a container; as in FFmpeg."""

PROBED_PACKETS = 64

LARGEST_STEP = 1.5
"""Between two frames, in usual ones; a longer one is a gap."""

PIXEL_FORMAT = 'rgb24'
PIXEL_BYTES = 3

ALLOCATION_MARGIN = 2**16
"""Bytes, for alignment and rows that end on a boundary."""

NO_VIDEOS = ('tty', 'image2')
"""Formats of FFmpeg that make a picture of any text or count one picture as a video."""

FORMATS_WITH_DURATION = ('matroska,webm', 'flv')
"""Headers that give the duration but no number of frames."""

FORMAT_WITH_INDEX = 'mov,mp4'
"""Beginning of the name of MP4 and its relatives."""

ONE_FRAME_A_PACKET = ('h264', 'hevc', 'mpeg2video', 'mpeg4')
"""Unless interlaced; where the container announces nothing."""

WHOLE_PICTURES = ('mjpeg',)
"""The decoder makes up what lacks of a picture, without a word."""

CONVERT_IT = 'convert it, for example to H.264 in .mp4'


class VideoError(ValueError):
    """A video cannot be read; the message says why, without the name of the file."""


@dataclass(frozen=True)
class FrameLoss:
    """
    What a source should have held and does not.

    :param reason: such as ``the file ends early``
    :param missing: number of frames, ``None`` if the file does not tell
    :param announced: number of frames that the file announces, ``None`` if it does not
    """

    reason: str
    missing: int | None = None
    announced: int | None = None

    def __str__(self) -> str:
        """Return it with the numbers."""
        if self.missing is None:
            return f'{self.reason}; how many frames are missing is unknown'
        return f'{self.missing} of {self.announced} frames missing: {self.reason}'


class VideoFrames:
    """
    The frames of a video: nothing but decoding tells how many there are.

    Reading stops at the first frame that does not decode, as all frames up to the next complete
    one are built on it; :attr:`loss` then says so. The pixels come as they are stored: a rotation
    that the container asks for is not applied, and :attr:`notes` say so. The color matrix and
    range are those of the stream; without a word of it they are BT.601 and limited.

    Iterating again starts at the first frame.

    :param path: of the file
    :raises VideoError: if it is no video

    >>> for time_ns, image in VideoFrames(Path('clip.mp4')): ...  # doctest: +SKIP
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.loss: FrameLoss | None = None
        """Of the last iteration, once it has ended."""
        self.notes: tuple[str, ...] = ()
        """What else the last iteration found."""
        with _open(path) as (container, stream):
            self.announced = stream.frames if stream.frames > 0 else None
            """Number of frames of the header, for progress only."""
            self.rate_hz = _measure_rate(container, stream)
            """Frames a second, gaps left out; ``None`` of a single frame."""

    def __iter__(self) -> Iterator[tuple[int, np.ndarray]]:
        """
        Decode frame by frame.

        :return: the time in ns by the container's clock, increasing, and (H, W, 3) uint8 RGB
        """
        for _, time_ns, image in self._decode():
            yield time_ns, image

    def pick(self, numbers: Collection[int]) -> Iterator[tuple[int, np.ndarray]]:
        """
        Decode up to the last of some frames, and give these.

        :param numbers: of the frames, from 0
        :return: the number, and (H, W, 3) uint8 RGB
        """
        last = max(numbers)
        for number, _, image in self._decode(numbers):
            yield number, image
            if number == last:
                return

    def _decode(
        self, numbers: Collection[int] | None = None
    ) -> Iterator[tuple[int, int, np.ndarray]]:
        self.loss, self.notes = None, ()
        with _open(self._path) as (container, stream):
            notes = _describe_streams(self._path, container)
            stream.thread_type = 'AUTO'
            reformatter = VideoReformatter()
            reading = _Reading(container, stream, self.rate_hz or NOMINAL_RATE_HZ)
            damage = None
            try:
                for number, frame in enumerate(reading):
                    if number == 0:
                        self.notes = (*notes, *_describe_rotation(self._path, frame))
                        _keep_memory(PIXEL_BYTES * frame.width * frame.height)
                    if numbers is not None and number not in numbers:
                        continue
                    # One thread: the decoder has its own, and more cost at these sizes.
                    picture = reformatter.reformat(frame, format=PIXEL_FORMAT, threads=1)
                    image = np.ascontiguousarray(picture.to_ndarray())
                    yield number, reading.time_ns, image
            except av.FFmpegError as error:
                damage = error.strerror
            self.loss = reading.describe_loss(damage)
            self.notes += reading.describe_gaps(self._path)


class _Reading:
    """
    One pass through the packets of a stream; counts frames and takes their times.

    :param rate_hz: for frames without a time of their own
    """

    def __init__(self, container: InputContainer, stream: VideoStream, rate_hz: float) -> None:
        self._container = container
        self._stream = stream
        self._demuxed = _demux(container, stream)
        self._period_ns = round(SECOND_NS / rate_hz)
        self._packets = 0
        self._discarded = 0
        self._frames = 0
        self._interlaced = False
        self._decoding_times: deque[int] = deque()
        self.time_ns = -self._period_ns
        """Of the newest frame."""
        self._end_ns = 0
        self._gaps: list[int] = []

    def __iter__(self) -> Iterator[VideoFrame]:
        """
        Decode until the end or the first damage.

        :raises av.FFmpegError: at the first frame that is damaged: what is concealed of it, and
            what is built on it, is no picture of anything
        """
        for packet in self._demuxed:
            self._count(packet)
            if packet.is_corrupt and self._stream.codec.name in WHOLE_PICTURES:
                raise av.InvalidDataError(0, 'an incomplete picture')
            for frame in packet.decode():
                if frame.is_corrupt:
                    raise av.InvalidDataError(0, 'damaged pixels')
                previous_ns, self.time_ns = self.time_ns, self._find_time_ns(frame)
                if self._frames and self.time_ns - previous_ns > LARGEST_STEP * self._period_ns:
                    self._gaps.append(self.time_ns - previous_ns)
                self._end_ns = self.time_ns + self._find_duration_ns(frame)
                self._frames += 1
                self._interlaced |= frame.interlaced_frame
                yield frame

    def describe_loss(self, damage: str | None) -> FrameLoss | None:
        """
        Return what is missing, once the pass has ended.

        :param damage: what ended it, ``None`` for the end of the file
        """
        if damage is not None:
            self._count_rest()
        announced = self._count_announced()
        missing = None if announced is None else max(announced - self._frames, 0)
        if damage is None and not self._frames:
            return FrameLoss('no frame decodes', missing or None, announced)
        if damage is None:
            return FrameLoss('the file ends early', missing, announced) if missing else None
        where = f'after frame {self._frames - 1}' if self._frames else 'at the first frame'
        return FrameLoss(f'decoding error {where}: {damage}', missing or None, announced)

    def describe_gaps(self, path: Path) -> tuple[str, ...]:
        """Return a note if frames are further apart than usual, by a pause or by lost ones."""
        if not self._gaps:
            return ()
        longest_s = max(self._gaps) / SECOND_NS
        return (
            f'{path} has {len(self._gaps)} gap(s) between its frames, the longest of '
            f'{longest_s:.4g} s, where {self._period_ns / SECOND_NS:.4g} s is usual',
        )

    def _count(self, packet: Packet) -> None:
        if packet.size:
            self._packets += 1
            # An edit list cuts it away: it is decoded, but never shown.
            self._discarded += packet.is_discard
            if packet.dts is not None:
                self._decoding_times.append(packet.dts)

    def _count_rest(self) -> None:
        """Count the packets behind the damage, as far as the container can be read."""
        with suppress(av.FFmpegError):
            for packet in self._demuxed:
                self._count(packet)

    def _find_time_ns(self, frame: VideoFrame) -> int:
        """Return when a frame is shown, and when it is due where the container has no time."""
        pts = frame.pts
        if self._container.format.name == 'avi':
            # AVI has the order of decoding alone; what FFmpeg derives from it goes back and forth
            # where B-frames are.
            pts = self._decoding_times.popleft() if self._decoding_times else None
        due_ns = self.time_ns + self._period_ns
        if pts is None or self._stream.time_base is None:
            return due_ns
        time_ns = round(pts * self._stream.time_base * SECOND_NS)
        return time_ns if time_ns > self.time_ns or not self._frames else due_ns

    def _find_duration_ns(self, frame: VideoFrame) -> int:
        """Return for how long a frame is shown, which a variable rate makes longer for some."""
        if not frame.duration or self._stream.time_base is None:
            return self._period_ns
        return max(round(frame.duration * self._stream.time_base * SECOND_NS), self._period_ns)

    def _count_announced(self) -> int | None:
        """Return how many frames there should be, ``None`` if nothing says so."""
        name = self._container.format.name
        if name.startswith(FORMAT_WITH_INDEX):
            # After edit lists, and of the fragments so far, whose number no header has.
            return len(self._stream.index_entries) - self._discarded
        if self._stream.frames > 0:
            return self._stream.frames
        counts = []
        duration_s = _duration_s(self._container, self._stream)
        if name in FORMATS_WITH_DURATION and duration_s is not None:
            rest_ns = duration_s * SECOND_NS - self._end_ns
            counts.append(self._frames + round(rest_ns / self._period_ns))
        if self._stream.codec.name in ONE_FRAME_A_PACKET and not self._interlaced:
            counts.append(self._packets - self._discarded)
        return max(counts, default=None)


@contextmanager
def _open(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """
    Open a file and choose its first video stream.

    :raises VideoError: if there is none that can be decoded
    """
    try:
        # The prefix keeps a colon in the name from being read as a protocol.
        container = av.open(
            f'file:{path}', options={'protocol_whitelist': 'file'}, metadata_errors='replace'
        )
    except av.FFmpegError as error:
        raise VideoError(_explain_refusal(path, error)) from error
    with container:
        streams = _video_streams(container)
        # A stream whose first frame is cut off has no decoder, and decoding would crash.
        if not streams or streams[0].codec_context is None:
            raise VideoError(f'no video stream that can be decoded; {CONVERT_IT}')
        yield container, streams[0]


def _keep_memory(frame_bytes: int) -> None:
    """
    Let the C library reuse the memory of frames.

    glibc returns large blocks to the system, and to get them anew, page by page, takes longer than
    to convert a frame, unless a larger one was freed before (``M_MMAP_THRESHOLD`` in mallopt(3)).
    """
    np.empty(frame_bytes + ALLOCATION_MARGIN, np.uint8)


def _explain_refusal(path: Path, error: av.FFmpegError) -> str:
    with path.open('rb') as file:
        is_mp4 = b'ftyp' in file.read(12)
    if is_mp4:
        return (
            'an MP4 whose index (moov) is missing or damaged, as the recording was cut off before '
            'it was written; take another copy or repair it'
        )
    return f'FFmpeg: {error.strerror}; {CONVERT_IT}'


def _video_streams(container: InputContainer) -> list[VideoStream]:
    name = container.format.name
    if name in NO_VIDEOS or name.endswith('_pipe'):
        return []
    return [
        stream
        for stream in container.streams.video
        if not stream.disposition & Disposition.attached_pic
    ]


def _demux(container: InputContainer, stream: VideoStream) -> Iterator[Packet]:
    try:
        yield from container.demux(stream)
    except IndexError:
        # PyAV 18 raises it at the end of MPEG-TS, MPEG-PS and FLV in which FFmpeg finds further
        # streams on the way; the packets of this one have all come by then.
        return


def _measure_rate(container: InputContainer, stream: VideoStream) -> float | None:
    """Return the frames a second by the times of the first packets, without the gaps."""
    packets = islice(_demux(container, stream), PROBED_PACKETS)
    try:
        times = sorted({packet.pts for packet in packets if packet.pts is not None})
    except av.FFmpegError:
        times = []
    steps = [after - before for before, after in pairwise(times)]
    if not steps or stream.time_base is None:
        return float(stream.guessed_rate) if stream.guessed_rate else None
    typical = statistics.median(steps)
    return float(
        1 / (statistics.mean(s for s in steps if s <= LARGEST_STEP * typical) * stream.time_base)
    )


def _duration_s(container: InputContainer, stream: VideoStream) -> float | None:
    """Return the duration that the header gives the video, not one that sound may have."""
    told = re.fullmatch(r'(\d+):(\d+):(\d+(?:\.\d+)?)', stream.metadata.get('DURATION', ''))
    if told is not None:
        return int(told[1]) * 3600 + int(told[2]) * 60 + float(told[3])
    if container.duration is None or len(container.streams) > 1:
        return None
    return container.duration / av.time_base


def _describe_streams(path: Path, container: InputContainer) -> tuple[str, ...]:
    count = len(_video_streams(container))
    return (f'{path} holds {count} video streams, the first was read',) if count > 1 else ()


def _describe_rotation(path: Path, frame: VideoFrame) -> tuple[str, ...]:
    if not frame.rotation:
        return ()
    return (
        f'{path} asks to be shown turned by {frame.rotation} degrees, its pixels came as stored',
    )
