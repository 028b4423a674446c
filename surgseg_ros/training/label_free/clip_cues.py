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

"""Cues and anchors of a whole clip: computed, or read from and written to pictures."""

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from surgseg_ros.data.image_files import write_image
from surgseg_ros.data.samples import DatasetError
from surgseg_ros.data.samples import read_gray
from surgseg_ros.perception.anchors import Anchors
from surgseg_ros.perception.anchors import make_anchors
from surgseg_ros.perception.cues import center_prior
from surgseg_ros.perception.cues import COLOR
from surgseg_ros.perception.cues import color_cue
from surgseg_ros.perception.cues import LOCATION
from surgseg_ros.perception.cues import location_cue
from surgseg_ros.perception.cues import MIRRORED
from surgseg_ros.perception.cues import OBJECTNESS
from surgseg_ros.perception.cues import OWN_CUES
from surgseg_ros.training.label_free.clip import Clip
from surgseg_ros.training.label_free.objectness import objectness_cue

CUE_FOLDER = 'cues'
ANCHOR_FOLDERS = ('anchors/pos', 'anchors/neg')
"""Of positive and negative anchors, as in the data that the authors released."""

CueMaps = Mapping[str, np.ndarray]
"""(T, H, W) uint8 by the name of the cue, probability times 255."""


def compute_cues(
    clip: Clip, names: Sequence[str], stretch_color: bool = True, use_center_prior: bool = False
) -> CueMaps:
    """
    Compute cues of every frame.

    :param names: of :data:`surgseg_ros.perception.cues.GENERAL_CUES`; others are left to the
        network that they are of, see :func:`predict_cues`
    :param stretch_color: see :func:`surgseg_ros.perception.cues.color_cue`
    :param use_center_prior: take a Gaussian as the location cue instead of the mean color cue
    """
    shape = clip.images.shape[:3]
    cues = {}
    needs_colors = COLOR in names or (LOCATION in names and not use_center_prior)
    if needs_colors:
        colors = np.stack([_to_bytes(color_cue(image, stretch_color)) for image in clip.images])
    if COLOR in names:
        cues[COLOR] = colors
    if OBJECTNESS in names:
        images = tqdm(clip.images, unit='frame', desc=OBJECTNESS)
        cues[OBJECTNESS] = np.stack([_to_bytes(objectness_cue(image)) for image in images])
    if LOCATION in names:
        location = (
            _to_bytes(center_prior(clip.size))
            if use_center_prior
            else np.round(location_cue(colors)).astype(np.uint8)
        )
        cues[LOCATION] = np.broadcast_to(location, shape)
    return cues


def predict_cues(names: Sequence[str], predict: Callable[[bool], np.ndarray]) -> CueMaps:
    """
    Compute the cues of every frame that a trained network gives.

    :param names: of :data:`surgseg_ros.perception.cues.OWN_CUES`; others are left out
    :param predict: returns the (T, H, W) probability of an instrument, told whether to show the
        network mirror images
    """
    return {name: _to_bytes(predict(name == MIRRORED)) for name in names if name in OWN_CUES}


def combine_cues(cues: CueMaps, smoothing: int = 1) -> Anchors:
    """
    Return the anchors of every frame.

    :param smoothing: shrink and enlarge the anchors by this factor
    :return: (T, H, W) float16 each
    """
    length = len(next(iter(cues.values())))
    frames = [
        make_anchors([maps[index] / np.float32(255) for maps in cues.values()])
        for index in range(length)
    ]
    positive, negative = (
        np.stack([_smooth(each, smoothing).astype(np.float16) for each in kind])
        for kind in zip(*frames, strict=True)
    )
    return Anchors(positive, negative)


def write_cues(folder: Path, clip: Clip, cues: CueMaps, anchors: Anchors) -> None:
    """
    Write ``cues/<cue>/<stem>.png``, ``anchors/pos/<stem>.png`` and ``anchors/neg/<stem>.png``.

    The pictures are of the clip's size, 8 bits, probability times 255.

    :raises OSError: if a file cannot be written
    """
    pictures = {f'{CUE_FOLDER}/{name}': maps for name, maps in cues.items()}
    pictures |= dict(zip(ANCHOR_FOLDERS, map(_to_bytes, anchors), strict=True))
    for name, maps in pictures.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for stem, picture in zip(clip.stems, maps, strict=True):
            write_image(folder / name / f'{stem}.png', np.ascontiguousarray(picture))


def read_cues(folder: Path, clip: Clip, names: Sequence[str]) -> CueMaps | None:
    """
    Read cues of every frame, ``None`` if the folder has none of a name.

    :raises DatasetError: if one of the files is missing or no picture
    """
    folders = {name: _find_folder(folder / CUE_FOLDER / name, clip) for name in names}
    if not all(each.is_dir() for each in folders.values()):
        return None
    return {name: _read_maps(each, clip) for name, each in folders.items()}


def read_anchors(folder: Path, clip: Clip) -> Anchors:
    """
    Read the anchors of every frame.

    As in the data that the authors released, the pictures may lie in a folder of the clip's name
    and show the whole frame, border included.

    :return: (T, H, W) float16 each
    :raises DatasetError: if a folder or a file is missing, or a file is no picture
    """
    maps = []
    for name in ANCHOR_FOLDERS:
        found = _find_folder(folder / name, clip)
        if not found.is_dir():
            raise DatasetError(
                f'{folder} has neither {CUE_FOLDER}/<cue> for every cue nor '
                f'{" and ".join(ANCHOR_FOLDERS)}; write them with --save-cues'
            )
        maps.append((_read_maps(found, clip) / np.float32(255)).astype(np.float16))
    return Anchors(*maps)


def _find_folder(folder: Path, clip: Clip) -> Path:
    return folder / clip.name if (folder / clip.name).is_dir() else folder


def _read_maps(folder: Path, clip: Clip) -> np.ndarray:
    return np.stack(
        [_read_map(folder / f'{clip.stems[i]}.png', clip, i) for i in range(len(clip))]
    )


def _read_map(path: Path, clip: Clip, index: int) -> np.ndarray:
    if not path.is_file():
        raise DatasetError(f'{path} is missing; write it again with --save-cues')
    picture = read_gray(path)
    if picture.shape[::-1] == clip.frame_sizes[index]:
        picture = clip.regions[index].cut(picture)
    if picture.shape[::-1] == clip.size:
        return picture
    return cv2.resize(picture, clip.size, interpolation=cv2.INTER_AREA)


def _smooth(values: np.ndarray, factor: int) -> np.ndarray:
    if factor == 1:
        return values
    height, width = values.shape
    size = max(width // factor, 1), max(height // factor, 1)
    small = cv2.resize(values, size, interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)


def _to_bytes(probability: np.ndarray) -> np.ndarray:
    return np.round(probability.astype(np.float32) * 255).astype(np.uint8)
