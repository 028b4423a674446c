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

"""``sensor_msgs/CameraInfo`` from numbers, from calibration files, and back."""

from collections.abc import Callable
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sensor_msgs.msg import CameraInfo

from surgseg_ros.calibration.baseline import BaselineLimits
from surgseg_ros.calibration.baseline import ENDOSCOPE
from surgseg_ros.calibration.camera import CameraCalibration
from surgseg_ros.calibration.camera import EYES
from surgseg_ros.calibration.distortion import name_distortion_model
from surgseg_ros.calibration.files import read_eye


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
    path: str | Path,
    eye: str = 'left',
    image_size: tuple[int, int] | None = None,
    limits: BaselineLimits = ENDOSCOPE,
    report: Callable[[str], object] | None = None,
) -> CameraInfo:
    """
    Read a calibration file of one camera or of both eyes, of any format of :mod:`.calibration`.

    :param path: the file
    :param eye: ``'left'`` or ``'right'``: which camera of a stereo file to take
    :param image_size: (width, height) in px of the images, needed if the file names none
    :param limits: what the baseline can be
    :param report: called with one line that says how the file was understood
    :return: the message, lengths in meters; its header is left to the publisher
    :raises CalibrationError: if the file cannot be read or cannot be right
    """
    if eye not in EYES:
        raise ValueError(f"unknown eye '{eye}'; choose 'left' or 'right'")
    found = read_eye(Path(path), eye, image_size, limits)
    if report is not None:
        report(found.note)
    width, height = found.image_size
    camera = found.camera
    info = CameraInfo(width=width, height=height, distortion_model=camera.distortion_model)
    info.k = camera.camera_matrix.ravel().tolist()
    info.d = camera.distortion.ravel().tolist()
    info.r = camera.rectification.ravel().tolist()
    info.p = camera.projection.ravel().tolist()
    return info


def calibration_of(info: CameraInfo) -> CameraCalibration:
    """
    Return the calibration that a message holds.

    :raises CalibrationError: if its distortion model is unknown or does not fit D
    """
    distortion = np.asarray(info.d, float)
    names = [info.distortion_model] if len(distortion) else []
    return CameraCalibration(
        np.reshape(info.k, (3, 3)),
        distortion,
        np.reshape(info.r, (3, 3)),
        np.reshape(info.p, (3, 4)),
        name_distortion_model(names, distortion),
    )
