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

from collections.abc import Sequence
from dataclasses import dataclass
import json
import math
from pathlib import Path
import sys
from typing import Any

import numpy as np
from tqdm import tqdm

from surgseg_ros.calibration.files import StereoCalibrationFile
from surgseg_ros.data.frame_pairs import FramePairs
from surgseg_ros.data.frame_source import FrameSource
from surgseg_ros.data.image_files import size_of
from surgseg_ros.data.image_files import write_image
from surgseg_ros.data.output_names import check_output_names
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


@dataclass(frozen=True)
class StereoReport:
    """
    What became of the frames of both eyes.

    :param pairs: segmented
    :param instruments: located in them
    :param frames: read, of both eyes
    :param unreadable: names of pairs with a frame that cannot be decoded
    :param unpaired: ``left`` or ``right`` and the name of each frame without a partner
    :param rule: how the frames were paired
    :param located_exchanged: instruments that would be located with the eyes exchanged, in pairs
        where none was
    """

    pairs: int
    instruments: int
    frames: int
    unreadable: list[str]
    unpaired: list[str]
    rule: str
    located_exchanged: int

    @property
    def looks_exchanged(self) -> bool:
        """Tell whether every instrument that both eyes see has a negative disparity."""
        return not self.instruments and self.located_exchanged > 0


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

    Writes for every pair ``<name>.json``, label images ``<name>_left.png`` and ``_right.png`` and
    with ``overlay`` ``<name>_stereo.jpg``; at the end ``stereo.json`` with all pairs. See
    :class:`surgseg_ros.data.frame_pairs.FramePairs` for what is a pair.

    :raises CalibrationError: if the calibration cannot be right
    :raises ValueError: if the images of a pair differ in size, nothing has a partner, or a result
        would overwrite another or an input
    :raises OSError: if a result cannot be written
    """
    pairs = FramePairs(left, right)
    results = [path for name in pairs.names for path in _results(output, name, overlay)]
    summary = output / SUMMARY_NAME
    check_output_names([summary, *results], [*calibration.paths, *left.files, *right.files])
    records, unreadable, unpaired = [], [], []
    located_exchanged = 0
    for pair in tqdm(
        pairs, unit='pair', desc=left.path.name, file=sys.stderr, total=pairs.expected_length
    ):
        if pair.left is None or pair.right is None:
            unpaired.append(pair.unpaired_name)
            continue
        left_image, right_image = pair.left.image, pair.right.image
        if left_image is None or right_image is None:
            unreadable.append(pair.name)
            continue
        size = _common_size(pair.name, left_image, right_image)
        fitted = calibration.for_images(size)
        eyes = _segment(segmenter, left_image, right_image)
        found = locate_instruments(eyes['left'].view, eyes['right'].view, fitted)
        if not found:
            exchanged = eyes['right'].view, eyes['left'].view
            located_exchanged += len(locate_instruments(*exchanged, fitted))
        records.append(_describe_pair(pair.name, size, eyes, found))
        output.mkdir(parents=True, exist_ok=True)
        _write_json(output / f'{pair.name}.json', records[-1])
        _write_pictures(output, pair.name, eyes, found, segmenter, overlay)
    if not records:
        raise ValueError(
            f'{left.path} and {right.path} give no pair: '
            f'{len(unpaired)} frames without a partner, {len(unreadable)} pairs unreadable'
        )
    _write_json(summary, {'note': FRAME_NOTE, 'pairs': records})
    return StereoReport(
        pairs=len(records),
        instruments=sum(len(record['instruments']) for record in records),
        frames=2 * (len(records) + len(unreadable)) + len(unpaired),
        unreadable=unreadable,
        unpaired=unpaired,
        rule=pairs.rule,
        located_exchanged=located_exchanged,
    )


def _results(output: Path, name: str, overlay: bool) -> list[Path]:
    """Return the files of a pair."""
    endings = ['.json', '_left.png', '_right.png', *(['_stereo.jpg'] if overlay else [])]
    return [output / f'{name}{ending}' for ending in endings]


def _common_size(name: str, left: np.ndarray, right: np.ndarray) -> tuple[int, int]:
    """
    Return the (width, height) of both images in px.

    :raises ValueError: if they differ
    """
    sizes = [size_of(image) for image in (left, right)]
    if sizes[0] != sizes[1]:
        texts = [f'{width}x{height}' for width, height in sizes]
        raise ValueError(
            f'{name}: the left image has {texts[0]} px, the right one {texts[1]}; both eyes must '
            'have one size'
        )
    return sizes[0]


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
