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

"""``sensor_msgs/CameraInfo`` from numbers and from calibration files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from sensor_msgs.msg import CameraInfo
import yaml

_MILLIMETERS_PER_METER = 1000.0
_OPENCV_TAG = '!!opencv-matrix'
_EYES = ('left', 'right')


class CameraInfoError(ValueError):
    """A calibration file that cannot be used; the message names the file and the remedy."""


def make_camera_info(
    width: int,
    height: int,
    fx: float,
    fy: float,
    cx: float,
    cy: float,
    baseline_px_tx: float = 0.0,
    distortion: Sequence[float] = (0.0, 0.0, 0.0, 0.0, 0.0),
) -> CameraInfo:
    """
    Describe one camera of a rectified pair (or a single camera).

    :param width: px
    :param height: px
    :param fx: focal length in px
    :param fy: focal length in px
    :param cx: principal point in px
    :param cy: principal point in px
    :param baseline_px_tx: ``P[3]``: 0 for the left camera, ``-fx * baseline`` (px * m) for the
        right one
    :param distortion: ``plumb_bob`` coefficients k1, k2, t1, t2, k3
    :return: the message; its header is left to the publisher
    """
    info = CameraInfo(width=width, height=height, distortion_model='plumb_bob')
    info.d = [float(value) for value in distortion]
    info.k = [fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0]
    info.r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    info.p = [fx, 0.0, cx, baseline_px_tx, 0.0, fy, cy, 0.0, 0.0, 0.0, 1.0, 0.0]
    return info


def camera_info_from_yaml(
    path: str | Path, eye: str = 'left', image_size: tuple[int, int] | None = None
) -> CameraInfo:
    """
    Read a calibration file.

    Two kinds are understood: the YAML of ROS ``camera_calibration`` (one camera a file), and an
    OpenCV ``FileStorage`` of a stereo calibration with the entries ``M1, D1, M2, D2, R, T``,
    where ``T`` is in millimeters and the image size is not part of the file.

    :param path: the file
    :param eye: ``'left'`` or ``'right'``: which camera of a stereo file to take
    :param image_size: (width, height) in px, needed for a stereo file
    :return: the message, lengths in meters; its header is left to the publisher
    :raises CameraInfoError: if the file is missing, unreadable or incomplete
    """
    if eye not in _EYES:
        raise ValueError(f"unknown eye '{eye}'; choose 'left' or 'right'")
    path = Path(path)
    try:
        text = path.read_text(encoding='utf-8')
    except (OSError, UnicodeDecodeError) as error:
        raise CameraInfoError(
            f"cannot read the calibration file '{path}': {error}; "
            'give the path of a camera calibration YAML'
        ) from error
    if _OPENCV_TAG in text:
        return _from_opencv_stereo(path, text, eye, image_size)
    return _from_ros_yaml(path, text)


def _from_ros_yaml(path: Path, text: str) -> CameraInfo:
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise CameraInfoError(f"'{path}' is not valid YAML: {error}") from error
    if not isinstance(content, dict):
        raise CameraInfoError(f"'{path}' holds no camera calibration (no image_width)")
    info = CameraInfo(
        width=_integer(path, content, 'image_width'),
        height=_integer(path, content, 'image_height'),
        distortion_model=str(content.get('distortion_model', 'plumb_bob')),
    )
    info.k = _matrix(path, content, 'camera_matrix', 9)
    info.d = _matrix(path, content, 'distortion_coefficients', None)
    info.r = _matrix(path, content, 'rectification_matrix', 9)
    info.p = _matrix(path, content, 'projection_matrix', 12)
    return info


def _integer(path: Path, content: dict[str, Any], key: str) -> int:
    value = content.get(key)
    if not isinstance(value, int) or value <= 0:
        raise CameraInfoError(f"'{path}': '{key}' must be a positive integer, got {value!r}")
    return value


def _matrix(path: Path, content: dict[str, Any], key: str, length: int | None) -> list[float]:
    entry = content.get(key)
    data = entry.get('data') if isinstance(entry, dict) else None
    if not isinstance(data, list) or not all(isinstance(value, int | float) for value in data):
        raise CameraInfoError(f"'{path}': '{key}' needs a list of numbers under 'data'")
    if length is not None and len(data) != length:
        raise CameraInfoError(f"'{path}': '{key}' needs {length} numbers, got {len(data)}")
    return [float(value) for value in data]


def _from_opencv_stereo(
    path: Path, text: str, eye: str, image_size: tuple[int, int] | None
) -> CameraInfo:
    if image_size is None:
        raise CameraInfoError(
            f"'{path}' is an OpenCV stereo calibration without an image size; pass image_size"
        )
    names = ('M1', 'D1', 'M2', 'D2', 'R', 'T')
    m1, d1, m2, d2, rotation, translation = (_opencv_matrices(path, text, names)[n] for n in names)
    r1, r2, p1, p2, *_ = cv2.stereoRectify(
        m1,
        d1,
        m2,
        d2,
        image_size,
        rotation,
        translation.reshape(3, 1) / _MILLIMETERS_PER_METER,
        flags=cv2.CALIB_ZERO_DISPARITY,
        alpha=0,
    )
    camera, distortion, rectification, projection = (
        (m1, d1, r1, p1) if eye == 'left' else (m2, d2, r2, p2)
    )
    info = CameraInfo(width=image_size[0], height=image_size[1], distortion_model='plumb_bob')
    info.k = camera.ravel().tolist()
    info.d = distortion.ravel().tolist()
    info.r = rectification.ravel().tolist()
    info.p = projection.ravel().tolist()
    return info


def _opencv_matrices(path: Path, text: str, names: Sequence[str]) -> dict[str, np.ndarray]:
    try:
        storage = cv2.FileStorage(text, cv2.FILE_STORAGE_READ | cv2.FILE_STORAGE_MEMORY)
        matrices = {name: storage.getNode(name).mat() for name in names}
    except cv2.error as error:
        raise CameraInfoError(f"'{path}' is not a readable OpenCV file: {error}") from error
    missing = [name for name, matrix in matrices.items() if matrix is None]
    if missing:
        raise CameraInfoError(
            f"'{path}' lacks {', '.join(missing)}; "
            'an OpenCV stereo calibration has M1, D1, M2, D2, R and T'
        )
    return {name: matrix.astype(np.float64) for name, matrix in matrices.items()}
