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

"""A clip in memory: some frames of a source, all of one size, to learn from or to predict."""

from dataclasses import dataclass
import math
from pathlib import Path

import numpy as np
from tqdm import tqdm

from surgseg_ros.data.frame_source import FrameSource
from surgseg_ros.data.frame_source import FrameSourceError
from surgseg_ros.data.image_files import size_of
from surgseg_ros.data.samples import DatasetError
from surgseg_ros.data.samples import read_gray
from surgseg_ros.inference.checkpoint_info import FIT
from surgseg_ros.inference.checkpoint_info import STRETCH
from surgseg_ros.inference.crop import BorderFinder
from surgseg_ros.inference.crop import CropMode
from surgseg_ros.inference.crop import Region
from surgseg_ros.inference.preprocessing import fit_network_size
from surgseg_ros.inference.preprocessing import resize_image

WHOLE_FRAMES = CropMode()


@dataclass(frozen=True)
class Clip:
    """
    Frames in the order of the source.

    :param name: of the source
    :param stems: names of the frames
    :param images: (T, H, W, 3) uint8 RGB
    :param regions: the part of each original frame that the image shows
    :param frame_sizes: (width, height) of each original frame in pixels
    :param resize: how the frames got their size, ``'fit'`` or, where they differ in shape,
        ``'stretch'``
    :param read: number of frames that the source gave
    :param unreadable: names of those that could not be decoded
    """

    name: str
    stems: tuple[str, ...]
    images: np.ndarray
    regions: tuple[Region, ...]
    frame_sizes: tuple[tuple[int, int], ...]
    resize: str
    read: int
    unreadable: tuple[str, ...]

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.stems)

    @property
    def size(self) -> tuple[int, int]:
        """Return the (width, height) of the images in pixels."""
        return self.images.shape[2], self.images.shape[1]


@dataclass(frozen=True)
class _KeptFrame:
    """One frame of a clip; see there."""

    index: int
    stem: str
    region: Region
    frame_size: tuple[int, int]
    image: np.ndarray


def load_clip(
    source: FrameSource,
    size: tuple[int, int],
    max_frames: int,
    stride: int,
    crop: CropMode = WHOLE_FRAMES,
) -> Clip:
    """
    Read evenly spaced frames at the size that a network sees them at.

    Frames that cannot be decoded are left out. The number of frames is what the source gives: the
    space between them doubles whenever there are more than its header announces.

    :param size: (width, height) in pixels, see
        :func:`surgseg_ros.inference.preprocessing.fit_network_size`
    :param max_frames: keep no more than so many
    :param stride: of the network
    :param crop: part of each frame that counts
    :raises FrameSourceError: if no frame can be decoded
    :raises ValueError: if a frame is smaller than the crop
    """
    expected = source.expected_length
    step = max(math.ceil((expected or 0) / max_frames), 1)
    finder = BorderFinder()
    kept: list[_KeptFrame] = []
    read, unreadable = 0, []
    for index, frame in enumerate(tqdm(source, total=expected, unit='frame', desc='read')):
        read += 1
        if frame.image is None:
            unreadable.append(frame.stem)
        if index % step or frame.image is None:
            continue
        region = crop.select_region(frame.image, finder)
        shown = resize_image(region.cut(frame.image), fit_network_size(region.size, size, stride))
        kept.append(_KeptFrame(index, frame.stem, region, size_of(frame.image), shown))
        if len(kept) > max_frames:
            step *= 2
            kept = [each for each in kept if each.index % step == 0]
    if not kept:
        raise FrameSourceError(f'{source.path} holds no frame that can be decoded')
    images = [each.image for each in kept]
    resize = FIT
    if len({image.shape for image in images}) > 1:
        resize = STRETCH
        images = [resize_image(image, size) for image in images]
    return Clip(
        source.path.name,
        tuple(each.stem for each in kept),
        np.stack(images),
        tuple(each.region for each in kept),
        tuple(each.frame_size for each in kept),
        resize,
        read,
        tuple(unreadable),
    )


def read_truth(folder: Path, clip: Clip, index: int) -> np.ndarray:
    """
    Read the ground truth of one frame, ``<stem>.png`` of the size of the frame.

    :param index: of the frame in the clip
    :return: (h, w) uint8 class ids or mask values, 0 is background; the part that the clip shows
    :raises DatasetError: if the file is missing, no picture, or of another size
    """
    path = folder / f'{clip.stems[index]}.png'
    if not path.is_file():
        raise DatasetError(f'{path} is missing; labels need the names of the frames')
    labels = read_gray(path)
    if size_of(labels) != clip.frame_sizes[index]:
        raise DatasetError(
            f'{path} is {labels.shape[1]}x{labels.shape[0]}, its frame '
            f'{"x".join(map(str, clip.frame_sizes[index]))}; labels need the size of the frame'
        )
    return clip.regions[index].cut(labels)
