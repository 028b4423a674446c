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
EndoVis 2017 as organized for ISINet: four folds of images without black border.

Gonzalez et al. 2020, "ISINet: An Instance-Based Approach for Surgical Instrument Segmentation",
data/organize2017.py of BCV-Uniandes/ISINet. ``annotations`` holds class ids of ``types``;
``binary_annotations`` one mask (0 or 255) for every visible instrument. ``binary`` is the union
of the latter, so that an instrument below an overlap with class ``other`` counts, as in the
release. ISINet's ``test`` folder has no labels and is not read.
"""

from collections.abc import Sequence
from pathlib import Path
import re

import numpy as np

from surgseg_ros.data.label_decoding import decode_one_value
from surgseg_ros.data.label_decoding import scaled_ids
from surgseg_ros.data.label_decoding import single_channels
from surgseg_ros.data.label_sets import get_label_set
from surgseg_ros.data.label_sets import UNLABELED
from surgseg_ros.data.layouts.base import index_images
from surgseg_ros.data.layouts.base import Layout
from surgseg_ros.data.layouts.base import Listing
from surgseg_ros.data.layouts.base import report_unknown_folders
from surgseg_ros.data.layouts.base import subfolders
from surgseg_ros.data.samples import LabelFiles
from surgseg_ros.data.samples import Sample

FOLD = re.compile(r'fold[0-3]')
FOLDERS = ('images', 'annotations', 'binary_annotations')
FRAME = re.compile(r'(seq\d+)_(frame\d+)')
INSTANCE = re.compile(r'(seq\d+_frame\d+)_class(\d+)_inst\d+')
OTHER = get_label_set('types').index('other')
TYPES = scaled_ids('types')


def union_of_instruments(images: Sequence[np.ndarray]) -> np.ndarray:
    """
    Return (H, W) uint8, 1 where any instrument is.

    :param images: ids of ``types``, then one mask for each instrument
    :raises ValueError: if a file has unknown values, or they differ in size
    """
    single_channels(images)
    types = TYPES(images[:1])
    inside = (types > 0) & (types != OTHER) & (types != UNLABELED)
    masks = [decode_one_value([image]) > 0 for image in images[1:]]
    return np.logical_or.reduce([inside, *masks]).astype(np.uint8)


def is_layout(folder: Path) -> bool:
    """Tell whether a folder has ``fold<0..3>/images`` and ``fold<0..3>/annotations``."""
    return any(
        (fold / 'images').is_dir() and (fold / 'annotations').is_dir() for fold in _folds(folder)
    )


def list_samples(folder: Path) -> Listing:
    """List the images of all folds."""
    listing = Listing()
    for fold in _folds(folder):
        _list_fold(fold, listing)
    return listing


def _folds(folder: Path) -> list[Path]:
    return [path for path in subfolders(folder) if FOLD.fullmatch(path.name)]


def _list_fold(fold: Path, listing: Listing) -> None:
    problems = listing.problems
    report_unknown_folders(fold, FOLDERS, (), problems)
    images = index_images(fold / 'images', problems)
    annotations = index_images(fold / 'annotations', problems)
    instances = _instances_by_image(fold / 'binary_annotations', images, problems)
    problems.extend(
        f'{path}: no image of this name in images/'
        for stem, path in annotations.items()
        if stem not in images
    )
    for stem, image in images.items():
        name = FRAME.fullmatch(stem)
        if name is None:
            problems.append(f'{image}: is not named seq<number>_frame<number>')
        elif stem not in annotations:
            problems.append(f'{image}: no mask of this name in annotations/')
        else:
            labels = _labels_of(annotations[stem], instances.get(stem, []))
            listing.samples.append(Sample(name[1], name[2], image, labels))


def _instances_by_image(
    folder: Path, images: dict[str, Path], problems: list[str]
) -> dict[str, list[Path]]:
    """Return the masks of instruments, class ``other`` left out, by the stem of their image."""
    instances: dict[str, list[Path]] = {}
    for stem, path in index_images(folder, problems).items():
        name = INSTANCE.fullmatch(stem)
        if name is None:
            problems.append(
                f'{path}: is not named seq<number>_frame<number>_class<number>_inst<number>'
            )
        elif name[1] not in images:
            problems.append(f'{path}: no image {name[1]} in images/')
        elif int(name[2]) != OTHER:
            instances.setdefault(name[1], []).append(path)
    return instances


def _labels_of(annotation: Path, instances: list[Path]) -> dict[str, LabelFiles]:
    return {
        'types': LabelFiles((annotation,), TYPES),
        'binary': LabelFiles((annotation, *instances), union_of_instruments),
    }


LAYOUT = Layout(
    'isinet',
    'fold<0..3>/images/seq<n>_frame<n>.png, annotations/ of equal names, and '
    'binary_annotations/seq<n>_frame<n>_class<n>_inst<n>.png',
    is_layout,
    list_samples,
)
