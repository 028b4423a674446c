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
EndoVis 2017 as distributed with AGSD: images, ground truth, cues and anchors.

Liu et al. 2020, "Unsupervised Surgical Instrument Segmentation via Anchor Generation and Semantic
Diffusion". Full HD frames with border; the ground truth is binary. Cues, anchors and predictions
are no labels and are not read here.
"""

from pathlib import Path
import re

from surgseg_ros.data.label_decoding import decode_one_value
from surgseg_ros.data.layouts.base import index_images
from surgseg_ros.data.layouts.base import Layout
from surgseg_ros.data.layouts.base import Listing
from surgseg_ros.data.layouts.base import subfolders
from surgseg_ros.data.layouts.base import uniform_frames
from surgseg_ros.data.samples import LabelFiles
from surgseg_ros.data.samples import Sample

VIDEO_NAME = re.compile(r'instrument_dataset_\d+_(train|test)')
FOLDERS = ('image', 'ground_truth', 'cues', 'anchors', 'prediction')


def is_layout(folder: Path) -> bool:
    """Tell whether a folder has ``image/instrument_dataset_<n>_train`` or ``_test``."""
    images = folder / 'image'
    return images.is_dir() and any(
        VIDEO_NAME.fullmatch(video.name) for video in subfolders(images)
    )


def list_samples(folder: Path) -> Listing:
    """List the images, with ``binary`` labels where there are some."""
    listing = Listing()
    listing.problems.extend(
        f'{path}: unknown folder; known are {", ".join(FOLDERS)}'
        for path in subfolders(folder)
        if path.name not in FOLDERS
    )
    truth = folder / 'ground_truth'
    for video in subfolders(folder / 'image'):
        if VIDEO_NAME.fullmatch(video.name):
            _list_video(video, truth / video.name, listing)
        else:
            listing.problems.append(f'{video}: is not named instrument_dataset_<n>_train or _test')
    if truth.is_dir():
        listing.problems.extend(
            f'{masks}: no folder of this name in image/'
            for masks in subfolders(truth)
            if not (folder / 'image' / masks.name).is_dir()
        )
    return listing


def _list_video(video: Path, truth: Path, listing: Listing) -> None:
    images = index_images(video, listing.problems)
    masks = index_images(truth, listing.problems)
    listing.problems.extend(
        f'{path}: no image of this name in {video}'
        for stem, path in masks.items()
        if stem not in images
    )
    frames, crop = uniform_frames(images, listing.problems)
    for stem, image in frames.items():
        if truth.is_dir() and stem not in masks:
            listing.problems.append(f'{image}: no mask of this name in {truth}')
            continue
        labels = {}
        if stem in masks:
            labels = {'binary': LabelFiles((masks[stem],), decode_one_value)}
        listing.samples.append(Sample(video.name, stem, image, labels, crop))


LAYOUT = Layout(
    'agsd',
    'image/instrument_dataset_<n>_train/*.png (or _test), and ground_truth/ likewise',
    is_layout,
    list_samples,
)
