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

"""Videos of tests: every frame one gray level, that says which frame it is."""

from pathlib import Path

import av
import numpy as np

WIDTH, HEIGHT = 64, 48
LEVEL_STEP = 5


def level_of(index: int) -> int:
    """Return the gray level of a frame."""
    return 20 + LEVEL_STEP * index


def index_of(image: np.ndarray) -> int:
    """Return the number of the frame that an image is, (H, W, 3) uint8 RGB."""
    return round((float(image.mean()) - 20) / LEVEL_STEP)


def write_video(
    path: Path,
    indices: range | list[int] = range(8),
    *,
    rate: int = 10,
    codec: str = 'libx264',
    container: dict[str, str] | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    """
    Write frames at their own times.

    :param indices: of the frames; the time of each is its index divided by the rate
    """
    noise = np.random.default_rng(1).integers(-4, 5, (HEIGHT, WIDTH, 3))
    with av.open(str(path), 'w', options=container or {}) as file:
        stream = file.add_stream(codec, rate=rate, options=options or {})
        stream.width, stream.height = WIDTH, HEIGHT
        stream.pix_fmt = 'yuvj420p' if codec == 'mjpeg' else 'yuv420p'
        for index in indices:
            image = np.roll(noise, index, 1) + level_of(index)
            frame = av.VideoFrame.from_ndarray(image.astype(np.uint8), format='rgb24')
            frame.pts = index
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


def cut_off(path: Path, share: float) -> Path:
    """Leave only the first part of a file."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path
