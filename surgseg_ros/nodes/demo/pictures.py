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

"""The picture and the video of a run."""

from pathlib import Path

import cv2
import numpy as np

from surgseg_ros.data.label_sets import LabelSet
from surgseg_ros.reporting.frame_pairing import EyeFrame
from surgseg_ros.reporting.mosaic import draw_mosaic
from surgseg_ros.reporting.mosaic import draw_pair
from surgseg_ros.reporting.mosaic import frame_interest
from surgseg_ros.reporting.video_file import VideoFile

JPEG_QUALITY = 90


class DemoPictures:
    """
    Show a run: ``overlay.jpg`` of the frame with most to see, ``overlay.mp4`` of all frames.

    :param folder: existing folder that the two files are written to
    :param label_set: classes of the label images
    :param video_rate_hz: frames a second of the video
    """

    def __init__(self, folder: Path, label_set: LabelSet, video_rate_hz: int) -> None:
        self._picture_path = folder / 'overlay.jpg'
        self._label_set = label_set
        self._video = VideoFile(folder / 'overlay.mp4', video_rate_hz)
        self._start_ns: int | None = None
        self._interest = 0.0
        self._unsaved: tuple[float, dict[str, EyeFrame]] | None = None

    def add(self, stamp_ns: int, frames: dict[str, EyeFrame]) -> None:
        """
        Show one more frame.

        :param stamp_ns: stamp of the images in ns
        :param frames: by eye
        :raises VideoFileError: if the video cannot be written
        """
        if self._start_ns is None:
            self._start_ns = stamp_ns
        time_s = (stamp_ns - self._start_ns) * 1e-9
        overlays = {eye: frame.overlay for eye, frame in frames.items()}
        self._video.write(draw_pair(overlays, f'{time_s:.2f} s'), stamp_ns)
        truths = [frame.truth for frame in frames.values()]
        interest = frame_interest(truths, self._label_set.num_classes)
        if interest > self._interest:
            self._interest = interest
            self._unsaved = time_s, frames

    def save_picture(self) -> None:
        """Write ``overlay.jpg`` if a frame with more to see has come since the last call."""
        if self._unsaved is None:
            return
        time_s, frames = self._unsaved
        mosaic = draw_mosaic(frames, self._label_set, f'at {time_s:.2f} s')
        self._picture_path.write_bytes(encode_jpeg(mosaic))
        self._unsaved = None

    def close(self) -> None:
        """Write what is left and finish the video."""
        self.save_picture()
        self._video.close()


def encode_jpeg(image: np.ndarray) -> bytes:
    """
    Compress an image.

    :param image: (H, W, 3) uint8 RGB
    """
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    return cv2.imencode('.jpg', bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()
