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

"""Stereo calibrations from JSON and YAML files."""

from collections.abc import Mapping
from collections.abc import Sequence
import json
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from surgseg_ros.perception.stereo_calibration import CalibrationError
from surgseg_ros.perception.stereo_calibration import CameraCalibration
from surgseg_ros.perception.stereo_calibration import EYES
from surgseg_ros.perception.stereo_calibration import MAX_BASELINE_M
from surgseg_ros.perception.stereo_calibration import StereoCalibration

LENGTH_UNITS = {'m': 1.0, 'mm': 1e-3}
AUTO_UNIT = 'auto'
EYE_SUFFIXES = {'left': ('_left', '_l', '1', ''), 'right': ('_right', '_r', '2')}
TRANSLATION_NAMES = ('t', 'T')
FORMATS = (
    '{"P_left": 3x4, "P_right": 3x4} for rectified images, {"left": {"K", "D", "R", "t"}, '
    '"right": {...}} with the pose of each eye (x_eye = R x + t), or {"K_left", "D_left", '
    '"K_right", "D_right", "R", "t"} with R and t from the left eye to the right one'
)


def read_stereo_calibration(
    path: Path, image_size: tuple[int, int], length_unit: str = AUTO_UNIT
) -> StereoCalibration:
    """
    Read a calibration file, JSON or YAML.

    Understood are :data:`FORMATS`, and ``rectified_pair`` with ``fx, fy, cx, cy, baseline_mm``.

    :param image_size: (width, height) in px
    :param length_unit: of the file: ``m``, ``mm`` or ``auto``, by the size of the baseline
    :raises CalibrationError: if it cannot be read or cannot be right
    """
    content = _read(path)
    try:
        return _parse(content, image_size, length_unit)
    except CalibrationError as error:
        raise CalibrationError(f"'{path}': {error}") from error


def _read(path: Path) -> Mapping[str, Any]:
    try:
        text = path.read_text(encoding='utf-8')
        content = json.loads(text) if path.suffix == '.json' else yaml.safe_load(text)
    except OSError as error:
        raise CalibrationError(f"cannot read the calibration '{path}': {error}") from error
    except (ValueError, yaml.YAMLError) as error:
        raise CalibrationError(f"'{path}' is no valid JSON or YAML: {error}") from error
    if not isinstance(content, Mapping):
        raise CalibrationError(f"'{path}' holds no calibration; expected {FORMATS}")
    return content


def _parse(
    content: Mapping[str, Any], image_size: tuple[int, int], unit: str
) -> StereoCalibration:
    if unit not in (AUTO_UNIT, *LENGTH_UNITS):
        raise CalibrationError(f"unknown length unit '{unit}'; choose auto, m or mm")
    if 'rectified_pair' in content:
        return _from_numbers(content['rectified_pair'])
    if all(f'P_{eye}' in content for eye in EYES):
        left, right = (_matrix(content[f'P_{eye}'], (3, 4), f'P_{eye}') for eye in EYES)
        return _from_projections(left, right, unit)
    nested = all(isinstance(content.get(eye), Mapping) for eye in EYES)
    if nested and all('P' in content[eye] and 'K' not in content[eye] for eye in EYES):
        left, right = (_matrix(content[eye]['P'], (3, 4), f'P of {eye}') for eye in EYES)
        return _from_projections(left, right, unit)
    return _from_raw(content, nested, image_size, unit)


def _from_numbers(pair: Mapping[str, float]) -> StereoCalibration:
    try:
        fx, fy, cx, cy, baseline_mm = (
            float(pair[name]) for name in ('fx', 'fy', 'cx', 'cy', 'baseline_mm')
        )
    except (KeyError, TypeError, ValueError) as error:
        raise CalibrationError(
            f'rectified_pair needs the numbers fx, fy, cx, cy and baseline_mm ({error})'
        ) from error
    left = np.array([[fx, 0, cx, 0], [0, fy, cy, 0], [0, 0, 1, 0]], float)
    right = left.copy()
    right[0, 3] = -fx * baseline_mm * LENGTH_UNITS['mm']
    return _from_projections(left, right, 'm')


def _from_projections(left: np.ndarray, right: np.ndarray, unit: str) -> StereoCalibration:
    for eye, matrix in (('left', left), ('right', right)):
        if np.isfinite(matrix).all() and not np.allclose(matrix[2], (0, 0, 1, 0), atol=1e-6):
            raise CalibrationError(
                f'the last row of P_{eye} is not 0 0 1 0: it is not the projection of a '
                'rectified image; give K, D, R and t of each eye'
            )
    focal = right[0, 0] or 1.0
    scale = _scale(unit, abs(right[0, 3] / focal - left[0, 3] / (left[0, 0] or 1.0)))
    cameras = []
    for matrix in (left, right):
        scaled = matrix.copy()
        scaled[:, 3] *= scale
        cameras.append(CameraCalibration.of_rectified_image(scaled))
    return StereoCalibration(*cameras)


def _from_raw(
    content: Mapping[str, Any], nested: bool, image_size: tuple[int, int], unit: str
) -> StereoCalibration:
    entries = {eye: _eye_entries(content, nested, eye) for eye in EYES}
    matrices, distortions = [], []
    for eye in EYES:
        matrices.append(_matrix(entries[eye].get('K'), (3, 3), f'K of the {eye} eye'))
        distortion = entries[eye].get('D')
        distortions.append(np.zeros(5) if distortion is None else _vector(distortion, 'D'))
    rotation, translation = _relative_pose(content, entries)
    translation = translation * _scale(unit, float(np.linalg.norm(translation)))
    return StereoCalibration.from_raw_pair(
        (matrices[0], matrices[1]),
        (distortions[0], distortions[1]),
        rotation,
        translation,
        image_size,
    )


def _eye_entries(content: Mapping[str, Any], nested: bool, eye: str) -> dict[str, Any]:
    """Return K, D and, where each eye has its own, R and t of an eye."""
    if nested:
        return dict(content[eye])
    found = {}
    for name in ('K', 'D', 'R', *TRANSLATION_NAMES):
        # A lone R or t is that from the left eye to the right one, and no eye's own.
        own = [suffix for suffix in EYE_SUFFIXES[eye] if suffix or name in ('K', 'D')]
        keys = [f'{name}{suffix}' for suffix in own if f'{name}{suffix}' in content]
        if keys:
            found[name] = content[keys[0]]
    return found


def _relative_pose(
    content: Mapping[str, Any], entries: Mapping[str, Mapping[str, Any]]
) -> tuple[np.ndarray, np.ndarray]:
    """Return R (3, 3) and t (3,) that turn a point of the left eye's frame into the right's."""
    if 'R' in content:
        return _pose(content, 'of the pair')
    right_rotation, right_translation = _pose(entries['right'], 'of the right eye')
    if 'R' not in entries['left'] and not any(t in entries['left'] for t in TRANSLATION_NAMES):
        return right_rotation, right_translation
    left_rotation, left_translation = _pose(entries['left'], 'of the left eye')
    rotation = right_rotation @ left_rotation.T
    return rotation, right_translation - rotation @ left_translation


def _pose(entries: Mapping[str, Any], whose: str) -> tuple[np.ndarray, np.ndarray]:
    rotation = _matrix(entries.get('R'), (3, 3), f'R {whose}')
    names = [name for name in TRANSLATION_NAMES if name in entries]
    translation = _vector(entries[names[0]] if names else None, f't {whose}')
    if translation.shape != (3,):
        raise CalibrationError(f't {whose} needs 3 numbers, got {translation.size}')
    return rotation, translation


def _scale(unit: str, baseline: float) -> float:
    """Return the factor that turns lengths of a file into m."""
    if unit != AUTO_UNIT:
        return LENGTH_UNITS[unit]
    return LENGTH_UNITS['mm' if baseline > MAX_BASELINE_M else 'm']


def _vector(value: Any, name: str) -> np.ndarray:
    if value is None:
        raise CalibrationError(f'{name} is missing; expected {FORMATS}')
    try:
        return np.asarray(value, float).ravel()
    except (TypeError, ValueError) as error:
        raise CalibrationError(f'{name} must be numbers') from error


def _matrix(value: Any, shape: Sequence[int], name: str) -> np.ndarray:
    numbers = _vector(value, name)
    if numbers.size != np.prod(shape):
        raise CalibrationError(
            f'{name} must be {shape[0]}x{shape[1]}, got {numbers.size} numbers; expected {FORMATS}'
        )
    return numbers.reshape(shape)
