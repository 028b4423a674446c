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


"""What is kept of every scored frame: a few counts and distances, no images."""

from dataclasses import dataclass

import numpy as np

from surgseg_ros.evaluation.labels.surface_metrics import SurfaceDistances


@dataclass(frozen=True)
class FrameRecords:
    """
    The records of F frames.

    :param names: ``video/stem`` each
    :param videos: video of each
    :param confusions: (F, C, C) int64, rows are the truth
    :param missing: (F,) bool, the frames without prediction; they have the confusion matrix of a
        prediction that is all background, and score 0 in every metric that has a value for them
    :param surfaces: distances of outlines, if they were wanted
    """

    names: tuple[str, ...]
    videos: tuple[str, ...]
    confusions: np.ndarray
    missing: np.ndarray
    surfaces: SurfaceDistances | None = None

    def video_names(self) -> list[str]:
        """Return the videos in the order of their first frames."""
        return list(dict.fromkeys(self.videos))

    def of_video(self, video: str) -> 'FrameRecords':
        """Return the frames of a video."""
        chosen = np.array([name == video for name in self.videos])
        return FrameRecords(
            tuple(np.array(self.names)[chosen].tolist()),
            (video,) * int(chosen.sum()),
            self.confusions[chosen],
            self.missing[chosen],
            None if self.surfaces is None else self.surfaces.select(chosen),
        )

    def as_binary(self) -> 'FrameRecords':
        """Return the frames with all classes but the background as one, without distances."""
        inside, outside = slice(1, None), slice(0, 1)
        cells = [
            [self.confusions[:, rows, columns].sum(axis=(1, 2)) for columns in (outside, inside)]
            for rows in (outside, inside)
        ]
        confusions = np.array(cells).transpose(2, 0, 1)
        return FrameRecords(self.names, self.videos, confusions, self.missing)
