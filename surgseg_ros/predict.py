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

from tqdm import tqdm

from surgseg_ros.data.frame_source import FrameSource
from surgseg_ros.data.image_files import write_image
from surgseg_ros.inference.segmenter import Segmenter
from surgseg_ros.perception.overlay import draw_overlay


@dataclass(frozen=True)
class PredictionReport:
    """How many frames were segmented, and which could not be read."""

    segmented: int
    unreadable: list[str]


def predict(
    source: FrameSource, output: Path, segmenter: Segmenter, overlay: bool
) -> PredictionReport:
    """
    Segment every frame of a source.

    Writes ``<stem>.png``, uint8 class ids of the frame's size, and with ``overlay``
    ``<stem>_overlay.jpg``. Each file is complete once written, so an interruption loses only the
    frames still to come. Unreadable frames are reported and passed over.

    :raises OSError: if a result cannot be written
    """
    output.mkdir(parents=True, exist_ok=True)
    segmented = 0
    unreadable: list[str] = []
    for frame in tqdm(source, unit='frame', desc=source.path.name, file=sys.stderr):
        if frame.image is None:
            unreadable.append(frame.stem)
            continue
        labels = segmenter.segment([frame.image])[0].label_image
        write_image(output / f'{frame.stem}.png', labels)
        if overlay:
            picture = draw_overlay(frame.image, labels, segmenter.label_set)
            write_image(output / f'{frame.stem}_overlay.jpg', picture)
        segmented += 1
    return PredictionReport(segmented, unreadable)
