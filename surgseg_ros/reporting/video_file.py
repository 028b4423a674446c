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
import shutil
import subprocess

import cv2
import numpy as np

from surgseg_ros.data.image_files import size_of


class VideoFileError(RuntimeError):
    """A video that cannot be written; the message names the file and the remedy."""


class _FfmpegEncoder:
    """
    H.264 (yuv420p, plays in browsers) by an ``ffmpeg`` program of its own process.

    The file is written in fragments: what was encoded before an interruption can be played.
    """

    def __init__(self, program: str, path: Path, size: tuple[int, int], rate_hz: int) -> None:
        width, height = size
        command = [program, '-y', '-loglevel', 'error']
        command += ['-f', 'rawvideo', '-pix_fmt', 'rgb24']
        command += ['-s', f'{width}x{height}', '-r', str(rate_hz), '-i', '-']
        command += ['-c:v', 'libx264', '-preset', 'veryfast', '-crf', '23', '-threads', '1']
        command += ['-pix_fmt', 'yuv420p', '-movflags', 'frag_keyframe+empty_moov', str(path)]
        # A session of its own keeps Ctrl-C away from it: it ends when its input is closed.
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self._path = path

    def write(self, frame: np.ndarray) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(np.ascontiguousarray(frame).data)
        except BrokenPipeError as error:
            raise VideoFileError(self._failure()) from error

    def close(self) -> None:
        _, errors = self._process.communicate()
        if self._process.returncode:
            raise VideoFileError(f"ffmpeg failed to write '{self._path}': {errors.decode()}")

    def _failure(self) -> str:
        assert self._process.stderr is not None
        errors = self._process.stderr.read().decode()
        return f"ffmpeg stopped while writing '{self._path}': {errors}"


class _OpenCvEncoder:
    """MPEG-4 part 2 by OpenCV: plays in VLC, mpv and QuickTime, but not in browsers."""

    def __init__(self, path: Path, size: tuple[int, int], rate_hz: int) -> None:
        self._writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*'mp4v'), rate_hz, size)
        if not self._writer.isOpened():
            raise VideoFileError(
                f"OpenCV cannot write '{path}'; check that the folder can be written to, "
                "or install ffmpeg (pip install imageio-ffmpeg, or your system's package)"
            )

    def write(self, frame: np.ndarray) -> None:
        self._writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))

    def close(self) -> None:
        self._writer.release()


class VideoFile:
    """
    Write frames that arrive at any pace to a video of constant rate.

    A frame is repeated until the next one is due and left out when two are due at once, so that
    a second of video is a second of the recording. The encoder is ``ffmpeg`` where there is one
    (package ``imageio-ffmpeg``, or on the ``PATH``), else OpenCV.

    :param path: the file, ending in ``.mp4``; replaced if it exists
    :param rate_hz: frames a second
    """

    def __init__(self, path: Path, rate_hz: int) -> None:
        self._path = path
        self._rate_hz = rate_hz
        self._encoder: _FfmpegEncoder | _OpenCvEncoder | None = None
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
            self._encoder = _open_encoder(self._path, self._size, self._rate_hz)
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


def _open_encoder(
    path: Path, size: tuple[int, int], rate_hz: int
) -> '_FfmpegEncoder | _OpenCvEncoder':
    program = find_ffmpeg()
    if program is None:
        return _OpenCvEncoder(path, size, rate_hz)
    return _FfmpegEncoder(program, path, size, rate_hz)


def find_ffmpeg() -> str | None:
    """Return the path of an ``ffmpeg`` program, or ``None`` if there is none."""
    try:
        import imageio_ffmpeg
    except ImportError:
        return shutil.which('ffmpeg')
    return imageio_ffmpeg.get_ffmpeg_exe()
