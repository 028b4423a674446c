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
EndoVis 2018 scene segmentation as released: RGB label images.

Allan et al. 2020, "2018 Robotic Scene Segmentation Challenge". ``parts`` and ``binary`` are those
of the articulated instruments; drop-in probe, suction, clamps and needles have no parts. The
masks that ISINet added (``instrument_labels_2017``) are not read.
"""

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
import re

import cv2
import numpy as np

from surgseg_ros.data.label_decoding import refuse_unknown
from surgseg_ros.data.label_sets import get_label_set
from surgseg_ros.data.layouts.base import find_child
from surgseg_ros.data.layouts.base import find_folders
from surgseg_ros.data.layouts.base import index_images
from surgseg_ros.data.layouts.base import join_by_name
from surgseg_ros.data.layouts.base import Layout
from surgseg_ros.data.layouts.base import Listing
from surgseg_ros.data.layouts.base import report_unknown_folders
from surgseg_ros.data.samples import LabelFiles
from surgseg_ros.data.samples import Sample

VIDEO_NAME = re.compile(r'seq_\d+', re.IGNORECASE)
TASK = 'endovis2018_scene'
UNREAD_FOLDERS = ('right_frames', 'instrument_labels_2017')

CLASS_OF_COLOR = {
    (0, 0, 0): 'background',
    (0, 255, 0): 'instrument shaft',
    (0, 255, 255): 'instrument clasper',
    (125, 255, 12): 'instrument wrist',
    (255, 55, 0): 'kidney parenchyma',
    (24, 55, 125): 'covered kidney',
    (187, 155, 25): 'thread',
    (0, 255, 125): 'clamps',
    (255, 255, 125): 'suturing needle',
    (123, 15, 175): 'suction instrument',
    (124, 155, 5): 'small intestine',
    (12, 255, 141): 'ultrasound probe',
}
"""RGB of the release's labels.json."""

PART_OF_CLASS = {'instrument shaft': 1, 'instrument wrist': 2, 'instrument clasper': 3}


@dataclass(frozen=True)
class ColorTable:
    """
    Decode one RGB label file.

    :param classes: class id of each color, 0xRRGGBB
    """

    classes: Mapping[int, int]

    def __call__(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """
        Return (H, W) uint8 class ids.

        :raises ValueError: if the file is no color image, or listing its unknown colors
        """
        colors = _pack(images[0])
        labels = np.zeros(colors.shape, np.uint8)
        known = np.zeros(colors.shape, np.bool_)
        for color, class_id in self.classes.items():
            here = colors == color
            labels[here] = class_id
            known |= here
        unknown = [f'#{color:06x}' for color in np.unique(colors[~known])]
        refuse_unknown(unknown, [f'#{color:06x}' for color in self.classes])
        return labels


def _pack(image: np.ndarray) -> np.ndarray:
    """Return (H, W) int32 0xRRGGBB of a BGR or BGRA image."""
    if image.ndim != 3 or image.shape[2] < 3 or image.dtype != np.uint8:
        raise ValueError('is no 8-bit color image; these labels are RGB colors')
    blue, green, red = (channel.astype(np.int32) for channel in cv2.split(image)[:3])
    return red << 16 | green << 8 | blue


def _table(class_ids: Mapping[str, int]) -> ColorTable:
    """Return the decoder into the given class ids; classes that are missing become background."""
    return ColorTable(
        {
            red << 16 | green << 8 | blue: class_ids.get(name, 0)
            for (red, green, blue), name in CLASS_OF_COLOR.items()
        }
    )


DECODERS = {
    TASK: _table({name: get_label_set(TASK).index(name) for name in CLASS_OF_COLOR.values()}),
    'parts': _table(PART_OF_CLASS),
    'binary': _table(dict.fromkeys(PART_OF_CLASS, 1)),
}


def is_layout(folder: Path) -> bool:
    """Tell whether a folder has ``seq_<n>`` with frames or labels a few levels below."""
    known = ('left_frames', 'labels')
    return any(find_child(video, *known) for video in find_folders(folder, VIDEO_NAME))


def list_samples(folder: Path) -> Listing:
    """List the left frames with their labels."""
    listing = Listing()
    videos = find_folders(folder, VIDEO_NAME)
    for video, elsewhere in join_by_name(videos, listing.problems):
        _list_video(video, elsewhere, listing)
    return listing


def _list_video(video: Path, elsewhere: list[Path], listing: Listing) -> None:
    """
    Add the frames of a video.

    :param elsewhere: folders of its name without frames
    """
    problems = listing.problems
    frames = find_child(video, 'left_frames') or video
    images = index_images(frames, problems)
    label_folders = []
    for place in (video, *elsewhere):
        report_unknown_folders(place, ('left_frames', 'labels'), UNREAD_FOLDERS, problems)
        if folder := find_child(place, 'labels'):
            label_folders.append(folder)
    problems.extend(
        f'{folder}: {label_folders[0]} has labels of this video, too; remove one'
        for folder in label_folders[1:]
    )
    files = index_images(label_folders[0], problems) if label_folders else {}
    problems.extend(
        f'{path}: no image of this name in left_frames/'
        for stem, path in files.items()
        if stem not in images
    )
    for stem, image in images.items():
        if label_folders and stem not in files:
            problems.append(f'{image}: no mask of this name in labels/')
            continue
        labels = {}
        if label_folders:
            labels = {
                task: LabelFiles((files[stem],), decode, are_colors=True)
                for task, decode in DECODERS.items()
            }
        listing.samples.append(Sample(video.resolve().name, stem, image, labels))


LAYOUT = Layout(
    'endovis2018',
    'seq_<n>/left_frames/*.png and seq_<n>/labels/*.png of equal names (RGB), in folders such as '
    'miccai_challenge_release_2/',
    is_layout,
    list_samples,
)
