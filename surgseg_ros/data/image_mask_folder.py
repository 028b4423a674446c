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
Any images with masks of equal names: ``images/`` beside ``masks/`` or ``labels/``.

Masks hold class ids, 255 for unlabeled; binary ones may have 255 for the instruments. Nothing on
disk tells which label set is meant, so labels are offered for every task; a check of the samples
names the masks whose values do not fit the one that is wanted.
"""

from pathlib import Path

from surgseg_ros.data.label_decoding import decode_binary_mask
from surgseg_ros.data.label_decoding import scaled_ids
from surgseg_ros.data.label_sets import list_label_sets
from surgseg_ros.data.layout import index_images
from surgseg_ros.data.layout import Layout
from surgseg_ros.data.layout import Listing
from surgseg_ros.data.samples import Decode
from surgseg_ros.data.samples import LabelFiles
from surgseg_ros.data.samples import Sample

MASK_FOLDERS = ('masks', 'labels')

DECODERS: dict[str, Decode] = {
    **{task: scaled_ids(task) for task in list_label_sets()},
    'binary': decode_binary_mask,
}


def is_layout(folder: Path) -> bool:
    """Tell whether a folder has ``images/`` and ``masks/`` or ``labels/``."""
    return (folder / 'images').is_dir() and bool(_mask_folders(folder))


def list_samples(folder: Path) -> Listing:
    """List the images with a mask as one video that is named after the folder."""
    listing = Listing()
    images = index_images(folder / 'images', listing.problems)
    used, *others = _mask_folders(folder)
    masks = index_images(used, listing.problems)
    listing.problems.extend(f'{path}: not read, as {used} is there' for path in others)
    listing.problems.extend(
        f'{path}: no image of this name in images/'
        for stem, path in masks.items()
        if stem not in images
    )
    for stem, image in images.items():
        if stem not in masks:
            listing.problems.append(f'{image}: no mask of this name in {used.name}/')
            continue
        labels = {task: LabelFiles((masks[stem],), DECODERS[task]) for task in DECODERS}
        listing.samples.append(Sample(folder.resolve().name, stem, image, labels))
    return listing


def _mask_folders(folder: Path) -> list[Path]:
    return [folder / name for name in MASK_FOLDERS if (folder / name).is_dir()]


LAYOUT = Layout(
    'image_mask_folder',
    'images/* and masks/*.png (or labels/) of equal names, class ids or 0 and 255',
    is_layout,
    list_samples,
)
