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
EndoVis 2017 robotic instruments as released: training set and labeled test set.

Allan et al. 2019, "2017 Robotic Instrument Segmentation Challenge". Only the left eye is labeled.
The training set has one folder of masks for each instrument, in which gray values are its parts;
the names of these folders are irregular. As in ternaus/robot-surgery-segmentation, ``Other`` is
no instrument in ``binary`` and ``parts`` but class 7 of ``types``, and where masks overlap the
later folder wins; folders come in sorted order here, so that the result does not depend on the
disk.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
import re

import numpy as np

from surgseg_ros.data.label_decoding import decode_foreground
from surgseg_ros.data.label_decoding import look_up
from surgseg_ros.data.label_decoding import scaled_ids
from surgseg_ros.data.label_decoding import single_channels
from surgseg_ros.data.label_decoding import ValueTable
from surgseg_ros.data.label_sets import get_label_set
from surgseg_ros.data.layouts.base import find_folders
from surgseg_ros.data.layouts.base import index_images
from surgseg_ros.data.layouts.base import Layout
from surgseg_ros.data.layouts.base import Listing
from surgseg_ros.data.layouts.base import subfolders
from surgseg_ros.data.layouts.base import uniform_frames
from surgseg_ros.data.layouts.base import unique_names
from surgseg_ros.data.samples import Decode
from surgseg_ros.data.samples import LabelFiles
from surgseg_ros.data.samples import Sample

VIDEO_NAME = re.compile(r'instrument_dataset_\d+')

OTHER = get_label_set('types').index('other')
TYPE_OF_FOLDER = {
    name.replace(' ', '_'): class_id
    for class_id, name in enumerate(get_label_set('types').class_names)
    if class_id > 0
}

TRAINING_PARTS = {0: 0, 10: 1, 20: 2, 30: 3, 40: 0}
"""Background, shaft, wrist, claspers; the probe has a value of its own but is no part."""

TEST_PARTS = ValueTable({0: 0, 30: 1, 100: 2, 255: 3})

TEST_FOLDERS: dict[str, tuple[str, Decode]] = {
    'BinarySegmentation': ('binary', decode_foreground),
    'PartsSegmentation': ('parts', TEST_PARTS),
    'TypeSegmentation': ('types', scaled_ids('types')),
}


@dataclass(frozen=True)
class OverlaidTypes:
    """
    Decode one mask an instrument into ``types``.

    :param classes: class id of each mask, the later one lies on top
    """

    classes: tuple[int, ...]

    def __call__(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """Return (H, W) uint8 class ids; of the first masks alone if others are left out."""
        labels = np.zeros(images[0].shape[:2], np.uint8)
        for values, class_id in zip(single_channels(images), self.classes, strict=False):
            labels[values > 0] = class_id
        return labels


def overlaid_parts(images: Sequence[np.ndarray]) -> np.ndarray:
    """
    Decode one mask an instrument into (H, W) uint8 class ids of ``parts``.

    The later mask lies on top, where it has a part.

    :raises ValueError: if a mask has unknown values
    """
    labels = np.zeros(images[0].shape[:2], np.uint8)
    for values in single_channels(images):
        parts = look_up(values, TRAINING_PARTS)
        np.copyto(labels, parts, where=parts > 0)
    return labels


def type_of_folder(name: str) -> int | None:
    """Return the class id of ``types`` that a folder's name contains, if any."""
    found = (class_id for key, class_id in TYPE_OF_FOLDER.items() if key in name.lower())
    return next(found, None)


def is_layout(folder: Path) -> bool:
    """Tell whether a folder has ``instrument_dataset_<n>/left_frames`` up to two levels below."""
    return any((video / 'left_frames').is_dir() for video in find_folders(folder, VIDEO_NAME))


def list_samples(folder: Path) -> Listing:
    """List the left frames with their labels."""
    listing = Listing()
    for video in unique_names(find_folders(folder, VIDEO_NAME), listing.problems):
        _list_video(video, listing)
    return listing


@dataclass(frozen=True)
class _MaskFolder:
    """The mask files of a folder by stem."""

    folder: Path
    files: dict[str, Path]

    def expected(self, stem: str) -> Path:
        return self.folder / f'{stem}.png'


def _list_video(video: Path, listing: Listing) -> None:
    if not (video / 'left_frames').is_dir():
        listing.problems.append(f'{video}: has no left_frames/')
        return
    images = index_images(video / 'left_frames', listing.problems)
    tested = _test_folders(video, listing.problems)
    instruments = _instrument_folders(video, listing.problems)
    masks = [*tested.values(), *instruments]
    _report_masks_without_image(masks, images, listing.problems)
    frames, crop = uniform_frames(images, listing.problems)
    for stem, image in frames.items():
        missing = [mask.expected(stem) for mask in masks if stem not in mask.files]
        if missing:
            listing.problems.append(f'{image}: lacks the mask {", ".join(map(str, missing))}')
            continue
        labels = {**_training_labels(instruments, stem), **_test_labels(tested, stem)}
        listing.samples.append(Sample(video.resolve().name, stem, image, labels, crop))


def _test_folders(video: Path, problems: list[str]) -> dict[str, _MaskFolder]:
    """Return the folders of masks of the test set, which lie in the video or its ground truth."""
    places = [video / 'ground_truth', video]
    return {
        name: _MaskFolder(place / name, index_images(place / name, problems))
        for place in places
        for name in TEST_FOLDERS
        if (place / name).is_dir()
    }


def _instrument_folders(video: Path, problems: list[str]) -> list[_MaskFolder]:
    """Return the folders of masks of the training set, sorted by name."""
    truth = video / 'ground_truth'
    if not truth.is_dir():
        return []
    folders = []
    for path in sorted(subfolders(truth)):
        if path.name in TEST_FOLDERS:
            continue
        if type_of_folder(path.name) is None:
            problems.append(
                f'{path}: names no instrument; its name must contain one of '
                f'{", ".join(TYPE_OF_FOLDER)}'
            )
            continue
        folders.append(_MaskFolder(path, index_images(path, problems)))
    return folders


def _report_masks_without_image(
    masks: list[_MaskFolder], images: dict[str, Path], problems: list[str]
) -> None:
    paths = (path for mask in masks for stem, path in mask.files.items() if stem not in images)
    problems.extend(f'{path}: no image of this name in left_frames/' for path in paths)


def _training_labels(instruments: list[_MaskFolder], stem: str) -> dict[str, LabelFiles]:
    if not instruments:
        return {}
    classes = [type_of_folder(mask.folder.name) or 0 for mask in instruments]
    paths = [mask.files[stem] for mask in instruments]
    labels = {'types': LabelFiles(tuple(paths), OverlaidTypes(tuple(classes)))}
    own = tuple(path for path, class_id in zip(paths, classes, strict=True) if class_id != OTHER)
    if own:
        labels['binary'] = LabelFiles(own, decode_foreground)
        labels['parts'] = LabelFiles(own, overlaid_parts)
    return labels


def _test_labels(tested: dict[str, _MaskFolder], stem: str) -> dict[str, LabelFiles]:
    labels = {}
    for name, mask in tested.items():
        task, decode = TEST_FOLDERS[name]
        labels[task] = LabelFiles((mask.files[stem],), decode)
    return labels


LAYOUT = Layout(
    'endovis2017',
    'instrument_dataset_<n>/left_frames/*.png with ground_truth/<instrument>/*.png (training) or '
    'BinarySegmentation/, PartsSegmentation/, TypeSegmentation/ (test)',
    is_layout,
    list_samples,
)
