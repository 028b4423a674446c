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

"""The work of ``surgseg predict``: label images of files."""

from dataclasses import dataclass
from pathlib import Path
import sys

import numpy as np
from tqdm import tqdm

from surgseg_ros.data.frame_source import FrameSource
from surgseg_ros.data.image_files import size_of
from surgseg_ros.data.image_files import write_image
from surgseg_ros.data.label_sets import LabelSet
from surgseg_ros.data.output_names import check_output_names
from surgseg_ros.inference.crop import BorderFinder
from surgseg_ros.inference.crop import CropMode
from surgseg_ros.inference.deadline import Variant
from surgseg_ros.inference.segmenter import Segmenter
from surgseg_ros.perception.overlay import draw_overlay

LARGEST_PIXEL_VALUE = 255
WHOLE_FRAMES = CropMode()


@dataclass(frozen=True)
class PredictionReport:
    """How many frames were segmented, and which could not be decoded."""

    segmented: int
    unreadable: list[str]


def predict(
    source: FrameSource,
    output: Path,
    segmenter: Segmenter,
    overlay: bool = False,
    crop: CropMode = WHOLE_FRAMES,
    mask_factor: int = 1,
) -> PredictionReport:
    """
    Segment every frame of a source.

    Writes ``<stem>.png``, uint8 of the frame's size, class ids times the mask factor, and with
    ``overlay`` ``<stem>_overlay.jpg``. Each file is complete once written, so an interruption
    loses only the frames still to come. Unreadable frames are reported and passed over; what a
    source lacks is in its :attr:`surgseg_ros.data.frame_source.FrameSource.loss` afterwards.

    :param crop: what the network gets to see of a frame; the rest becomes background
    :param mask_factor: see :func:`check_mask_factor`
    :raises ValueError: if a frame is smaller than the crop, the factor is too large, or a result
        would overwrite another or an input
    :raises OSError: if a result cannot be written
    """
    check_mask_factor(mask_factor, segmenter.label_set)
    planned = [path for stem in source.stems for path in _results(output, stem, overlay)]
    check_output_names(planned, source.files)
    output.mkdir(parents=True, exist_ok=True)
    finder = BorderFinder()
    segmented = 0
    unreadable: list[str] = []
    for frame in tqdm(
        source,
        unit='frame',
        desc=source.path.name,
        file=sys.stderr,
        total=source.expected_length,
    ):
        if frame.image is None:
            unreadable.append(frame.stem)
            continue
        labels = segment_frame(frame.image, segmenter, crop, finder)
        label_file, *pictures = _results(output, frame.stem, overlay)
        write_image(label_file, labels * np.uint8(mask_factor))
        for path in pictures:
            write_image(path, draw_overlay(frame.image, labels, segmenter.label_set))
        segmented += 1
    return PredictionReport(segmented, unreadable)


def _results(output: Path, stem: str, overlay: bool) -> list[Path]:
    """Return the files of a frame, the label image first."""
    pictures = [output / f'{stem}_overlay.jpg'] if overlay else []
    return [output / f'{stem}.png', *pictures]


def check_mask_factor(mask_factor: int, label_set: LabelSet) -> None:
    """
    Refuse a factor of the class ids that 8-bit pixels cannot hold.

    The tools of ternaus/robot-surgery-segmentation write and read masks with 255 (binary), 85
    (parts) and 32 (types).

    :raises ValueError: unless it is at least 1 and every class id times it at most 255
    """
    largest = LARGEST_PIXEL_VALUE // (label_set.num_classes - 1)
    if not 1 <= mask_factor <= largest:
        raise ValueError(
            f"mask factor {mask_factor} does not suit task '{label_set.name}': with "
            f'{label_set.num_classes} classes it must be 1 to {largest}'
        )


def segment_frame(
    image: np.ndarray,
    segmenter: Segmenter,
    crop: CropMode,
    finder: BorderFinder,
    variant: Variant | None = None,
) -> np.ndarray:
    """
    Return the label image of a frame, background outside of the crop.

    :param image: (H, W, 3) uint8 RGB
    :param finder: of this camera, for automatic crops
    :param variant: one of the segmenter's; ``None``: the best
    :return: (H, W) uint8 class ids
    :raises ValueError: if the frame is smaller than the crop
    """
    region = crop.select_region(image, finder)
    (result,) = segmenter.segment([region.cut(image)], variant=variant)
    return region.paste(result.label_image, size_of(image))
