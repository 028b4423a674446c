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
"""
Samples: the images of a data set with their label files, whatever their layout on disk.

A reader of a layout only lists files (:mod:`surgseg_ros.data.datasets`); nothing is opened before
an image or its labels are asked for, so unlabeled use never touches a label file.
"""

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path

import numpy as np

from surgseg_ros.data import label_files
from surgseg_ros.data.label_decoding import single_channel
from surgseg_ros.decoding.image_files import ImageFileError
from surgseg_ros.decoding.image_files import load_image

Decode = Callable[[Sequence[np.ndarray]], np.ndarray]
Crop = tuple[int, int, int, int]

PROBLEMS_SHOWN = 5


class DatasetError(ValueError):
    """A data set cannot be used; the message names every file at fault and the remedy."""


def join_problems(problems: Sequence[str]) -> str:
    """Return the problems of files in one line, of many only the first."""
    more = len(problems) - PROBLEMS_SHOWN
    rest = [f'and {more} more faults'] if more > 0 else []
    return '; '.join([*problems[:PROBLEMS_SHOWN], *rest])


@dataclass(frozen=True)
class LabelFiles:
    """
    The files that hold the labels of one image for one task.

    :param paths: usually one file; raw EndoVis 2017 has one for each instrument
    :param decode: turns the files' pixels, as they are stored, into (H, W) uint8 class ids;
        raises ValueError if a pixel has a value that the layout does not know
    :param are_colors: colors are the labels, also those of a palette
    """

    paths: tuple[Path, ...]
    decode: Decode
    are_colors: bool = False

    def read(self) -> np.ndarray:
        """
        Return (H, W) uint8 class ids.

        :raises DatasetError: if a file is unreadable or has unknown values
        """
        images = [read_label_file(path, self.are_colors) for path in self.paths]
        try:
            return self.decode(images)
        except ValueError as error:
            raise DatasetError(f'{", ".join(map(str, self.paths))}: {error}') from error


def read_label_file(path: Path, are_colors: bool = False) -> np.ndarray:
    """
    Return the pixels of a label file as :func:`.label_files.read_label_file` does.

    :raises DatasetError: if the file is unreadable
    """
    try:
        return label_files.read_label_file(path, are_colors)
    except ImageFileError as error:
        raise DatasetError(str(error)) from error


def read_gray(path: Path) -> np.ndarray:
    """
    Return the (H, W) uint8 values of a gray file.

    :raises DatasetError: if the file is unreadable, has more than 8 bits or colors
    """
    try:
        return single_channel(read_label_file(path))
    except DatasetError:
        raise
    except ValueError as error:
        raise DatasetError(f'{path} {error}') from error


@dataclass(frozen=True)
class Sample:
    """
    One image of a data set.

    :param video: the sequence it belongs to, such as ``'instrument_dataset_3'``; images of one
        video resemble each other, so splits keep them together
    :param stem: name within the video, such as ``'frame007'``
    :param image: file
    :param labels: by task; empty without ground truth
    :param crop: x, y, width, height in pixels of the part that counts, cut from image and labels
    """

    video: str
    stem: str
    image: Path
    labels: Mapping[str, LabelFiles] = field(default_factory=dict)
    crop: Crop | None = None

    @property
    def name(self) -> str:
        """Return the name within the data set, such as ``instrument_dataset_3/frame007``."""
        return f'{self.video}/{self.stem}'

    def read_image(self) -> np.ndarray:
        """
        Return (H, W, 3) uint8 RGB.

        :raises DatasetError: if the file is unreadable or smaller than the crop
        """
        try:
            return self._cut(load_image(self.image), self.image)
        except ImageFileError as error:
            raise DatasetError(str(error)) from error

    def read_labels(self, task: str) -> np.ndarray:
        """
        Return (H, W) uint8 class ids of a task.

        :raises DatasetError: if there are none, or a file is unreadable, smaller than the crop or
            has unknown values
        """
        if task not in self.labels:
            raise DatasetError(f"{self.image} has no labels for task '{task}'")
        files = self.labels[task]
        return self._cut(files.read(), files.paths[0])

    def _cut(self, pixels: np.ndarray, path: Path) -> np.ndarray:
        if self.crop is None:
            return pixels
        x, y, width, height = self.crop
        if pixels.shape[0] < y + height or pixels.shape[1] < x + width:
            raise DatasetError(
                f'{path} is {pixels.shape[1]}x{pixels.shape[0]}, too small for the cut of '
                f'{width}x{height} at ({x}, {y})'
            )
        return pixels[y : y + height, x : x + width]
