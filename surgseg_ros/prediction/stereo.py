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

"""The work of ``surgseg predict --stereo``: instruments in space from pairs of files."""

from collections import Counter
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
import json
import math
from pathlib import Path
import re
import sys
from typing import Any

import numpy as np
from tqdm import tqdm

from surgseg_ros.calibration.files import StereoCalibrationFile
from surgseg_ros.data.frame_source import FrameSource
from surgseg_ros.data.image_files import size_of
from surgseg_ros.data.image_files import write_image
from surgseg_ros.inference.segmenter import Segmentation
from surgseg_ros.inference.segmenter import Segmenter
from surgseg_ros.perception.instruments import find_instruments
from surgseg_ros.perception.overlay import draw_instruments
from surgseg_ros.perception.overlay import draw_overlay
from surgseg_ros.perception.overlay import draw_positions
from surgseg_ros.perception.region import Region
from surgseg_ros.perception.stereo import locate_instruments
from surgseg_ros.perception.stereo import StereoInstrument
from surgseg_ros.perception.stereo import StereoPoint
from surgseg_ros.perception.stereo_matching import EyeView

SUMMARY_NAME = 'stereo.json'
FRAME_NOTE = (
    'positions in m in the optical frame of the left image: x right, y down, z forward; pixels '
    'of the input images, (0, 0) is the center of the top-left one'
)


_ImagePair = tuple[str, np.ndarray | None, np.ndarray | None]


@dataclass(frozen=True)
class StereoReport:
    """How many pairs were segmented, located instruments, and what had no partner."""

    pairs: int
    instruments: int
    unreadable: list[str]
    unpaired: list[str]


@dataclass(frozen=True)
class _Eye:
    """What was found in the image of one eye."""

    image: np.ndarray
    segmentation: Segmentation
    instruments: list[Region]

    @property
    def view(self) -> EyeView:
        """Return it for the stereo search."""
        return EyeView(self.segmentation.label_image, self.instruments)


def predict_stereo(
    left: FrameSource,
    right: FrameSource,
    calibration: StereoCalibrationFile,
    output: Path,
    segmenter: Segmenter,
    overlay: bool = False,
) -> StereoReport:
    """
    Segment pairs of images and find where the instruments are.

    Writes for every pair ``<stem>.json``, label images ``<stem>_left.png`` and ``_right.png`` and
    with ``overlay`` ``<stem>_stereo.jpg``; at the end ``stereo.json`` with all pairs. Files are
    paired by name, without the words left and right, or by order where no name fits.

    :raises CalibrationError: if the calibration cannot be right
    :raises ValueError: if the images of a pair differ in size
    :raises OSError: if a result cannot be written
    """
    output.mkdir(parents=True, exist_ok=True)
    pairs, unpaired = _pair(left, right)
    records, unreadable = [], []
    for stem, left_image, right_image in tqdm(
        pairs, unit='pair', desc=left.path.name, file=sys.stderr, total=len(left)
    ):
        if left_image is None or right_image is None:
            unreadable.append(stem)
            continue
        size = size_of(left_image)
        if size != size_of(right_image):
            raise ValueError(
                f'{stem}: the left image has {size[0]}x{size[1]} px, the right one '
                '{}x{}; both eyes must have one size'.format(*size_of(right_image))
            )
        fitted = calibration.for_images(size)
        eyes = _segment(segmenter, left_image, right_image)
        found = locate_instruments(eyes['left'].view, eyes['right'].view, fitted)
        records.append(_describe_pair(stem, size, eyes, found))
        _write_json(output / f'{stem}.json', records[-1])
        _write_pictures(output, stem, eyes, found, segmenter, overlay)
    _write_json(output / SUMMARY_NAME, {'note': FRAME_NOTE, 'pairs': records})
    count = sum(len(record['instruments']) for record in records)
    return StereoReport(len(records), count, unreadable, unpaired)


def _pair(left: FrameSource, right: FrameSource) -> tuple[Iterator[_ImagePair], list[str]]:
    """
    Return the pairs of two sources, and the names of what has no partner.

    :raises ValueError: if files of one eye are named alike, or nothing has a partner
    """
    keys = [_keys(source) for source in (left, right)]
    common = set(keys[0]) & set(keys[1])
    if not common and len(left) == len(right):
        by_order = zip(left, right, strict=False)
        return ((frame_key(a.stem), a.image, b.image) for a, b in by_order), []
    if not common:
        raise ValueError(
            f'{left.path} and {right.path} have no names in common and not as many frames; name '
            'the files of a pair alike, but for the words left and right'
        )
    frames = (
        (frame for frame in source if frame_key(frame.stem) in common) for source in (left, right)
    )
    by_name = zip(*frames, strict=False)
    unpaired = sorted(set(keys[0]) ^ set(keys[1]))
    return ((frame_key(a.stem), a.image, b.image) for a, b in by_name), unpaired


def _keys(source: FrameSource) -> list[str]:
    keys = [frame_key(stem) for stem in source.stems]
    name, count = Counter(keys).most_common(1)[0]
    if count > 1:
        raise ValueError(
            f"{source.path} holds {count} images '{name}' that differ only in left and right; "
            'give a folder or a file of one eye'
        )
    return keys


def frame_key(stem: str) -> str:
    """
    Return what the names of both eyes' files have in common.

    >>> frame_key('frame_0001_left'), frame_key('R_12'), frame_key('left')
    ('frame_0001', '12', 'pair')
    """
    without = re.sub(r'(?i)(?<![a-z])(left|right|l|r)(?![a-z])', '', stem)
    return re.sub(r'([_\-. ])[_\-. ]+', r'\1', without).strip('_-. ') or 'pair'


def _segment(
    segmenter: Segmenter, left_image: np.ndarray, right_image: np.ndarray
) -> dict[str, _Eye]:
    results = segmenter.segment([left_image, right_image])
    return {
        eye: _Eye(
            image,
            result,
            find_instruments(
                result.label_image, segmenter.label_set, result.confidence
            ).instruments,
        )
        for eye, image, result in zip(
            ('left', 'right'), (left_image, right_image), results, strict=True
        )
    }


def _describe_pair(
    stem: str, size: tuple[int, int], eyes: dict[str, _Eye], found: Sequence[StereoInstrument]
) -> dict[str, Any]:
    return {
        'pair': stem,
        'note': FRAME_NOTE,
        'image_width': size[0],
        'image_height': size[1],
        'instruments': [_describe_instrument(item, eyes['right']) for item in found],
        'left': [_describe_region(region) for region in eyes['left'].instruments],
        'right': [_describe_region(region) for region in eyes['right'].instruments],
    }


def _describe_instrument(item: StereoInstrument, right: _Eye) -> dict[str, Any]:
    return {
        'class_name': item.region.class_name,
        'score': round(float(item.region.score), 4),
        'left_index': item.left_index,
        'right_index': item.right_index,
        'left': _describe_region(item.region),
        'right': _describe_region(right.instruments[item.right_index]),
        'centroid': _describe_point(item.centroid),
        'tip': None if item.tip is None else _describe_point(item.tip),
        'axis': _numbers(item.axis),
        'axis_std_rad': float(item.axis_std),
        'overlap': round(item.overlap, 4),
    }


def _describe_point(point: StereoPoint) -> dict[str, Any]:
    return {
        'position_m': _numbers(point.position),
        'covariance_m2': [_numbers(row) for row in point.covariance],
        'reprojection_error_px': point.reprojection_error,
        'left_px': _numbers(point.left),
        'right_px': _numbers(point.right),
    }


def _describe_region(region: Region) -> dict[str, Any]:
    return {
        'class_name': region.class_name,
        'centroid_px': _numbers(region.centroid),
        'tip_px': _numbers(region.tip) if region.tip_valid else None,
        'jaw_tips_px': [_numbers(tip) for tip in region.jaw_tips],
        'jaw_angle_rad': None if math.isnan(region.jaw_angle) else region.jaw_angle,
        'entry_px': _numbers(region.entry) if region.entry_valid else None,
        'orientation_rad': region.orientation,
        'area_px': region.area,
        'bounding_box': list(region.bounding_box),
    }


def _numbers(values: Sequence[float] | np.ndarray) -> list[float]:
    return [float(value) for value in values]


def _write_pictures(
    output: Path,
    stem: str,
    eyes: dict[str, _Eye],
    found: Sequence[StereoInstrument],
    segmenter: Segmenter,
    overlay: bool,
) -> None:
    for name, eye in eyes.items():
        write_image(output / f'{stem}_{name}.png', eye.segmentation.label_image)
    if not overlay:
        return
    pictures = []
    for name, eye in eyes.items():
        painted = draw_overlay(eye.image, eye.segmentation.label_image, segmenter.label_set)
        drawn = draw_instruments(painted, eye.instruments)
        pictures.append(draw_positions(drawn, found, name))
    write_image(output / f'{stem}_stereo.jpg', np.hstack(pictures))


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1) + '\n', encoding='utf-8')
