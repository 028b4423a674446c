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
disk. The labels of the test set are distributed apart from its frames, in
``instrument_2017_test``; they belong to the frames of the video of the same name.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
import re

import numpy as np

from surgseg_ros.data.label_decoding import decode_one_value
from surgseg_ros.data.label_decoding import look_up
from surgseg_ros.data.label_decoding import scaled_ids
from surgseg_ros.data.label_decoding import single_channels
from surgseg_ros.data.label_decoding import ValueTable
from surgseg_ros.data.label_sets import get_label_set
from surgseg_ros.data.layouts.base import find_child
from surgseg_ros.data.layouts.base import find_folders
from surgseg_ros.data.layouts.base import index_images
from surgseg_ros.data.layouts.base import join_by_name
from surgseg_ros.data.layouts.base import Layout
from surgseg_ros.data.layouts.base import Listing
from surgseg_ros.data.layouts.base import report_unknown_folders
from surgseg_ros.data.layouts.base import subfolders
from surgseg_ros.data.layouts.base import uniform_frames
from surgseg_ros.data.samples import Decode
from surgseg_ros.data.samples import LabelFiles
from surgseg_ros.data.samples import Sample

VIDEO_NAME = re.compile(r'instrument_dataset_\d+', re.IGNORECASE)

OTHER = get_label_set('types').index('other')
TYPE_OF_FOLDER = {
    name.replace(' ', '_'): class_id
    for class_id, name in enumerate(get_label_set('types').class_names)
    if class_id > 0
}

TRAINING_PARTS = {0: 0, 10: 1, 20: 2, 30: 3, 40: 0}
"""Background, shaft, wrist, claspers; the probe has a value of its own but is no part."""

RESCALED_FACTOR = 32
TEST_PARTS = ValueTable({0: 0, 30: 1, 100: 2, 255: 3})

TEST_FOLDERS: dict[str, tuple[str, Decode]] = {
    'BinarySegmentation': ('binary', decode_one_value),
    'PartsSegmentation': ('parts', TEST_PARTS),
    'TypeSegmentation': ('types', scaled_ids('types')),
    'TypeSegmentationRescaled': ('types', scaled_ids('types', RESCALED_FACTOR)),
}
"""The first folder of a task counts; the last one has the same types, made visible."""

FRAMES = 'left_frames'
TRUTH_FOLDERS = ('ground_truth', 'gt')
UNREAD_FOLDERS = ('right_frames',)


@dataclass(frozen=True)
class OverlaidTypes:
    """
    Decode one mask an instrument into ``types``.

    :param classes: class id of each mask, the later one lies on top
    """

    classes: tuple[int, ...]

    def __call__(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """
        Return (H, W) uint8 class ids; of the first masks alone if others are left out.

        :raises ValueError: if the mask of an instrument has unknown values
        """
        labels = np.zeros(images[0].shape[:2], np.uint8)
        for values, class_id in zip(single_channels(images), self.classes, strict=False):
            if class_id != OTHER:
                look_up(values, TRAINING_PARTS)
            labels[values > 0] = class_id
        return labels


def union_of_instruments(images: Sequence[np.ndarray]) -> np.ndarray:
    """
    Decode one mask an instrument into (H, W) uint8 class ids of ``binary``.

    :raises ValueError: if a mask has unknown values
    """
    masks = single_channels(images)
    for values in masks:
        look_up(values, TRAINING_PARTS)
    return np.logical_or.reduce([values > 0 for values in masks]).astype(np.uint8)


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
    """Tell whether a folder has ``instrument_dataset_<n>`` with frames or labels, levels below."""
    known = (FRAMES, *TRUTH_FOLDERS, *TEST_FOLDERS)
    return any(find_child(video, *known) for video in find_folders(folder, VIDEO_NAME))


def list_samples(folder: Path, *more: Path) -> Listing:
    """
    List the left frames with their labels.

    :param more: other folders that hold parts of the same release
    """
    listing = Listing()
    videos = [video for root in (folder, *more) for video in find_folders(root, VIDEO_NAME)]
    for video, elsewhere in join_by_name(videos, listing.problems):
        _list_video(video, elsewhere, listing)
    return listing


@dataclass(frozen=True)
class _MaskFolder:
    """The mask files of a folder by stem."""

    folder: Path
    files: dict[str, Path]

    def expected(self, stem: str) -> Path:
        return self.folder / f'{stem}.png'


def _list_video(video: Path, elsewhere: list[Path], listing: Listing) -> None:
    """
    Add the frames of a video.

    :param elsewhere: folders of its name without frames
    """
    problems = listing.problems
    images = index_images(find_child(video, FRAMES) or video / FRAMES, problems)
    places = _label_places([video, *elsewhere], problems)
    tested = _test_folders(places, problems)
    instruments = _instrument_folders(places, problems)
    masks = [*tested.values(), *instruments]
    _report_masks_without_image(masks, images, problems)
    frames, crop = uniform_frames(images, problems)
    for stem, image in frames.items():
        missing = [mask.expected(stem) for mask in masks if stem not in mask.files]
        if missing:
            problems.append(f'{image}: lacks the mask {", ".join(map(str, missing))}')
            continue
        labels = {**_training_labels(instruments, stem), **_test_labels(tested, stem)}
        listing.samples.append(Sample(video.resolve().name, stem, image, labels, crop))


def _label_places(videos: list[Path], problems: list[str]) -> list[Path]:
    """Return the folders that may hold masks: those of a video, and the ground truth in them."""
    places = []
    for video in videos:
        known = (FRAMES, *TRUTH_FOLDERS, *TEST_FOLDERS)
        report_unknown_folders(video, known, UNREAD_FOLDERS, problems)
        places += [truth for name in TRUTH_FOLDERS if (truth := find_child(video, name))]
        places.append(video)
    return places


def _test_folders(places: list[Path], problems: list[str]) -> dict[str, _MaskFolder]:
    """Return the masks of the test set by task."""
    found: dict[str, _MaskFolder] = {}
    for name, (task, _) in TEST_FOLDERS.items():
        for folder in filter(None, (find_child(place, name) for place in places)):
            if task not in found:
                found[task] = _MaskFolder(folder, index_images(folder, problems))
            elif found[task].folder.name.lower() == name.lower():
                problems.append(f'{folder}: {found[task].folder} has these masks, too; remove one')
    return found


def _instrument_folders(places: list[Path], problems: list[str]) -> list[_MaskFolder]:
    """Return the folders of masks of the training set, sorted by name."""
    folders = []
    tested = {name.lower() for name in TEST_FOLDERS}
    for truth in places:
        if truth.name.lower() not in TRUTH_FOLDERS:
            continue
        for path in sorted(subfolders(truth)):
            if path.name.lower() in tested:
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
        labels['binary'] = LabelFiles(own, union_of_instruments)
        labels['parts'] = LabelFiles(own, overlaid_parts)
    return labels


def _test_labels(tested: dict[str, _MaskFolder], stem: str) -> dict[str, LabelFiles]:
    decoders = {name.lower(): decode for name, (_, decode) in TEST_FOLDERS.items()}
    return {
        task: LabelFiles((mask.files[stem],), decoders[mask.folder.name.lower()])
        for task, mask in tested.items()
    }


LAYOUT = Layout(
    'endovis2017',
    'instrument_dataset_<n>/left_frames/*.png with ground_truth/<instrument>/*.png (training) or '
    'BinarySegmentation/, PartsSegmentation/, TypeSegmentation/ (test, also in a folder such as '
    'instrument_2017_test/ beside that of the frames)',
    is_layout,
    list_samples,
)
