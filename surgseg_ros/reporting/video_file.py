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

"""Writing an MP4 file that plays in real time."""

from pathlib import Path

import av
from av.container import OutputContainer
from av.video.stream import VideoStream
import cv2
import numpy as np

from surgseg_ros.data.image_files import size_of

CODEC_OPTIONS = {'preset': 'veryfast', 'crf': '23'}
FRAGMENTS = {'movflags': 'frag_keyframe+empty_moov'}
"""What was encoded before an interruption can be played."""


class VideoFileError(RuntimeError):
    """A video that cannot be written; the message names the file and the remedy."""


class _Encoder:
    """H.264 in yuv420p, which plays in browsers, in an MP4 file of fragments."""

    def __init__(self, path: Path, size: tuple[int, int], rate_hz: int) -> None:
        self._path = path
        self._frames = 0
        try:
            self._container: OutputContainer = av.open(f'file:{path}', 'w', 'mp4', FRAGMENTS)
            self._stream: VideoStream = self._container.add_stream(
                'libx264', rate=rate_hz, options=CODEC_OPTIONS
            )
        except av.FFmpegError as error:
            raise self._failure(error) from error
        self._stream.width, self._stream.height = size
        self._stream.pix_fmt = 'yuv420p'
        # More would take the computer away from what is recorded.
        self._stream.codec_context.thread_count = 1

    def write(self, frame: np.ndarray) -> None:
        picture = av.VideoFrame.from_ndarray(frame, format='rgb24')
        picture.pts = self._frames
        self._frames += 1
        self._mux(picture)

    def close(self) -> None:
        self._mux(None)
        try:
            self._container.close()
        except av.FFmpegError as error:
            raise self._failure(error) from error

    def _mux(self, picture: av.VideoFrame | None) -> None:
        try:
            self._container.mux(self._stream.encode(picture))
        except av.FFmpegError as error:
            raise self._failure(error) from error

    def _failure(self, error: av.FFmpegError) -> VideoFileError:
        return VideoFileError(
            f"cannot write '{self._path}': {error.strerror}; check that the folder can be written "
            'to and the disk is not full'
        )


class VideoFile:
    """
    Write frames that arrive at any pace to a video of constant rate.

    A frame is repeated until the next one is due and left out when two are due at once, so that
    a second of video is a second of the recording.

    :param path: the file, ending in ``.mp4``; replaced if it exists
    :param rate_hz: frames a second
    """

    def __init__(self, path: Path, rate_hz: int) -> None:
        self._path = path
        self._rate_hz = rate_hz
        self._encoder: _Encoder | None = None
        self._size = (0, 0)
        self._start_ns = 0
        self._frames = 0
        self._previous: np.ndarray | None = None

    def write(self, frame: np.ndarray, stamp_ns: int) -> None:
        """
        Append a frame.

        :param frame: (H, W, 3) uint8 RGB; an odd last row or column is cut off, as yuv420p needs
        :param stamp_ns: when the frame was taken, ns
        :raises VideoFileError: if the encoder fails
        """
        frame = frame[: frame.shape[0] // 2 * 2, : frame.shape[1] // 2 * 2]
        if self._encoder is None:
            self._size = size_of(frame)
            self._encoder = _Encoder(self._path, self._size, self._rate_hz)
            self._start_ns = stamp_ns
        elif size_of(frame) != self._size:
            frame = cv2.resize(frame, self._size)
        due = round((stamp_ns - self._start_ns) * 1e-9 * self._rate_hz)
        while self._previous is not None and self._frames < due:
            self._encode(self._previous)
        self._previous = frame
        if self._frames == due:
            self._encode(frame)

    def close(self) -> None:
        """Finish the file; nothing happens when no frame was written."""
        if self._encoder is not None:
            self._encoder.close()
            self._encoder = None

    def _encode(self, frame: np.ndarray) -> None:
        assert self._encoder is not None
        self._encoder.write(frame)
        self._frames += 1
