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
The prepared layout of this package, that of ``cropped_train`` of ternaus' preparation.

``<video>/images/<stem>.png`` or ``.jpg`` without black border, and beside it one folder of PNG
masks for each task: class ids times a factor that makes them visible (prepare_data.py of
ternaus/robot-surgery-segmentation), or plain class ids of the label sets that are not ternaus'.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from surgseg_ros.data.label_decoding import scaled_ids
from surgseg_ros.data.label_decoding import select_classes
from surgseg_ros.data.label_sets import get_label_set
from surgseg_ros.data.label_sets import list_label_sets
from surgseg_ros.data.label_sets import UNLABELED
from surgseg_ros.data.layouts.base import index_images
from surgseg_ros.data.layouts.base import Layout
from surgseg_ros.data.layouts.base import Listing
from surgseg_ros.data.layouts.base import subfolders
from surgseg_ros.data.samples import LabelFiles
from surgseg_ros.data.samples import Sample

IMAGES = 'images'
OTHER_IMAGE_FOLDERS = ('annotations', 'labels', 'masks')
"""Beside images/ they make a folder one of another layout."""


@dataclass(frozen=True)
class MaskFormat:
    """
    How the masks of a task are stored.

    :param folder: name of their folder
    :param factor: pixel value of class 1
    """

    task: str
    folder: str
    factor: int

    def encode(self, labels: np.ndarray) -> np.ndarray:
        """
        Return the pixels to store.

        :param labels: (H, W) uint8 class ids
        :raises ValueError: if pixels are unlabeled and the format has no value for that
        """
        unlabeled = labels == UNLABELED
        taken = self.factor * (get_label_set(self.task).num_classes - 1) == UNLABELED
        if taken and unlabeled.any():
            raise ValueError(
                f'has unlabeled pixels ({UNLABELED}), which {self.folder}/ cannot express'
            )
        return np.where(unlabeled, UNLABELED, labels * np.uint8(self.factor)).astype(np.uint8)


MASK_FORMATS = {
    **{task: MaskFormat(task, f'{task}_masks', 1) for task in list_label_sets()},
    'binary': MaskFormat('binary', 'binary_masks', 255),
    'parts': MaskFormat('parts', 'parts_masks', 85),
    'types': MaskFormat('types', 'instruments_masks', 32),
}
TASK_OF_FOLDER = {form.folder: task for task, form in MASK_FORMATS.items()}

INSTRUMENTS_OF = {
    'parts': {1: 1, 2: 1, 3: 1},
    'types': dict.fromkeys(range(1, get_label_set('types').index('other')), 1),
}
"""Classes that are an instrument in ``binary``; ``other`` is none."""


def is_layout(folder: Path) -> bool:
    """Tell whether a folder has ``<video>/images``, and not the masks of another layout."""
    return any(
        (video / IMAGES).is_dir()
        and not any((video / name).is_dir() for name in OTHER_IMAGE_FOLDERS)
        for video in subfolders(folder)
    )


def list_samples(folder: Path) -> Listing:
    """List the images with the masks of every task that is there."""
    listing = Listing()
    for video in subfolders(folder):
        if (video / IMAGES).is_dir():
            _list_video(video, listing)
        else:
            listing.problems.append(f'{video}: has no {IMAGES}/, so it is no video')
    return listing


def _list_video(video: Path, listing: Listing) -> None:
    images = index_images(video / IMAGES, listing.problems)
    masks = _index_masks(video, listing.problems)
    for files in masks.values():
        listing.problems.extend(
            f'{path}: no image of this name in {IMAGES}/'
            for stem, path in files.items()
            if stem not in images
        )
    for stem, image in images.items():
        labels = _labels_of(masks, stem)
        missing = [MASK_FORMATS[task].folder for task in masks if stem not in masks[task]]
        if missing:
            listing.problems.append(f'{image}: no mask of this name in {", ".join(missing)}/')
        if labels or not masks:
            listing.samples.append(Sample(video.name, stem, image, labels))


def _index_masks(video: Path, problems: list[str]) -> dict[str, dict[str, Path]]:
    """Return the mask files of every task by stem."""
    masks = {}
    for path in subfolders(video):
        if path.name in TASK_OF_FOLDER:
            masks[TASK_OF_FOLDER[path.name]] = index_images(path, problems)
        elif path.name != IMAGES:
            problems.append(
                f'{path}: unknown folder; known are {IMAGES}, {", ".join(TASK_OF_FOLDER)}'
            )
    return masks


def _labels_of(masks: dict[str, dict[str, Path]], stem: str) -> dict[str, LabelFiles]:
    labels = {
        task: LabelFiles((files[stem],), scaled_ids(task, MASK_FORMATS[task].factor))
        for task, files in masks.items()
        if stem in files
    }
    for task, classes in INSTRUMENTS_OF.items():
        if 'binary' not in masks and task in labels:
            decode = select_classes(task, MASK_FORMATS[task].factor, classes)
            labels['binary'] = LabelFiles(labels[task].paths, decode)
            break
    return labels


LAYOUT = Layout(
    'cropped_endovis',
    f'<video>/{IMAGES}/*.png or *.jpg, with masks in '
    f'{", ".join(f"<video>/{form.folder}/" for form in MASK_FORMATS.values())}',
    is_layout,
    list_samples,
)
