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
Any images with masks of equal names: ``images/`` beside ``masks/``, of one or several videos.

``frames/`` and ``labels/`` are other names for them.

Masks hold class ids, 255 for unlabeled; binary ones may have 255 for the instruments. Nothing on
disk tells which label set is meant, so labels are offered for every task; a check of the samples
names the masks whose values do not fit the one that is wanted.
"""

from collections.abc import Sequence
from pathlib import Path

from surgseg_ros.data.label_decoding import decode_binary_mask
from surgseg_ros.data.label_decoding import FACTOR_REMEDY
from surgseg_ros.data.label_decoding import scaled_ids
from surgseg_ros.data.label_sets import list_label_sets
from surgseg_ros.data.layouts.base import find_child
from surgseg_ros.data.layouts.base import holds_images
from surgseg_ros.data.layouts.base import index_images
from surgseg_ros.data.layouts.base import Layout
from surgseg_ros.data.layouts.base import Listing
from surgseg_ros.data.layouts.base import report_unknown_folders
from surgseg_ros.data.layouts.base import subfolders
from surgseg_ros.data.samples import Decode
from surgseg_ros.data.samples import LabelFiles
from surgseg_ros.data.samples import Sample

IMAGE_FOLDERS = ('images', 'frames')
MASK_FOLDERS = ('masks', 'labels')


def decoders(factor: int | None) -> dict[str, Decode]:
    """
    Return the decoder of every task.

    :param factor: the values are class ids times this; ``None``: class ids, or 0 and 255 in
        binary masks
    """
    scaled: dict[str, Decode] = {
        task: scaled_ids(task, factor or 1, FACTOR_REMEDY) for task in list_label_sets()
    }
    return scaled if factor is not None else {**scaled, 'binary': decode_binary_mask}


def is_layout(folder: Path) -> bool:
    """Tell whether a folder, or one in it, has images beside masks."""
    return bool(_list_videos(folder))


def list_samples(folder: Path, factor: int | None = None) -> Listing:
    """
    List the images with a mask; a video is named after its folder.

    :param factor: of :func:`decoders`
    """
    listing = Listing()
    videos = _list_videos(folder)
    for video in videos:
        _add_video(video, decoders(factor), listing)
    if folder not in videos:
        _report_other_folders(folder, videos, listing)
    return listing


def _report_other_folders(folder: Path, videos: list[Path], listing: Listing) -> None:
    """Name what lies beside videos: images without masks, and what is not understood."""
    for path in subfolders(folder):
        if path in videos:
            continue
        images = _existing(path, IMAGE_FOLDERS)
        for each in images:
            listing.unlabeled.extend(f'{path.name}/{stem}' for stem in index_images(each, []))
        if not images and holds_images(path):
            listing.problems.append(f'{path}: has no images/ and masks/, so it is no video')


def _list_videos(folder: Path) -> list[Path]:
    return [path for path in (folder, *subfolders(folder)) if _is_video(path)]


def _is_video(folder: Path) -> bool:
    return bool(_existing(folder, IMAGE_FOLDERS) and _existing(folder, MASK_FOLDERS))


def _add_video(folder: Path, decode: dict[str, Decode], listing: Listing) -> None:
    image_folder, *other_images = _existing(folder, IMAGE_FOLDERS)
    mask_folder, *other_masks = _existing(folder, MASK_FOLDERS)
    known = (*IMAGE_FOLDERS, *MASK_FOLDERS)
    report_unknown_folders(folder, known, (), listing.problems)
    images = index_images(image_folder, listing.problems)
    masks = index_images(mask_folder, listing.problems)
    for other, used in ((other_images, image_folder), (other_masks, mask_folder)):
        listing.problems.extend(f'{path}: not read, as {used} is there' for path in other)
    listing.problems.extend(
        f'{path}: no image of this name in {image_folder.name}/'
        for stem, path in masks.items()
        if stem not in images
    )
    for stem, image in images.items():
        if stem not in masks:
            listing.problems.append(f'{image}: no mask of this name in {mask_folder.name}/')
            continue
        labels = {task: LabelFiles((masks[stem],), each) for task, each in decode.items()}
        listing.samples.append(Sample(folder.resolve().name, stem, image, labels))


def _existing(folder: Path, names: Sequence[str]) -> list[Path]:
    return [path for name in names if (path := find_child(folder, name))]


LAYOUT = Layout(
    'image_mask_folder',
    'images/* and masks/*.png (or frames/, labels/) of equal names, class ids or 0 and 255, for '
    'one video or in a folder each',
    is_layout,
    list_samples,
)
