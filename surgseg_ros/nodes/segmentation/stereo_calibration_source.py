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

"""The stereo calibration from ``sensor_msgs/CameraInfo`` of both eyes."""

from collections.abc import Mapping

import numpy as np
from sensor_msgs.msg import CameraInfo

from surgseg_ros.calibration.baseline import BaselineLimits
from surgseg_ros.calibration.baseline import ENDOSCOPE
from surgseg_ros.calibration.camera import CalibrationError
from surgseg_ros.calibration.camera import CameraCalibration
from surgseg_ros.calibration.camera import EYES
from surgseg_ros.calibration.stereo import StereoCalibration
from surgseg_ros.nodes.messages.camera_info import calibration_of


class StereoCalibrationSource:
    """Keep the calibration that follows from the newest CameraInfo of both eyes."""

    def __init__(self) -> None:
        self._known: tuple[object, ...] | None = None
        self._result: StereoCalibration | CalibrationError | None = None

    def find(
        self,
        infos: Mapping[str, CameraInfo],
        image_size: tuple[int, int],
        are_rectified: bool,
        limits: BaselineLimits = ENDOSCOPE,
    ) -> StereoCalibration:
        """
        Return the calibration; equal messages are looked at once.

        :param infos: of both eyes
        :param image_size: (width, height) of both images in px
        :param are_rectified: whether the images are, so that P alone describes them
        :param limits: what the baseline can be
        :raises CalibrationError: if it cannot be right; the message says why
        """
        known = (image_size, are_rectified, limits, *(_content(infos[eye]) for eye in EYES))
        if known != self._known:
            self._known = known
            self._result = _make(infos, image_size, are_rectified, limits)
        assert self._result is not None
        if isinstance(self._result, CalibrationError):
            raise self._result
        return self._result


def _content(info: CameraInfo) -> tuple[object, ...]:
    numbers = (np.asarray(values, float).tobytes() for values in (info.k, info.d, info.r, info.p))
    return (info.width, info.height, info.distortion_model, *numbers)


def _make(
    infos: Mapping[str, CameraInfo],
    image_size: tuple[int, int],
    are_rectified: bool,
    limits: BaselineLimits,
) -> StereoCalibration | CalibrationError:
    try:
        left, right = (_make_camera(eye, infos[eye], image_size, are_rectified) for eye in EYES)
        calibration = StereoCalibration(left, right, limits)
        calibration.check_image_size(image_size)
    except CalibrationError as error:
        return error
    return calibration


def _make_camera(
    eye: str, info: CameraInfo, image_size: tuple[int, int], is_rectified: bool
) -> CameraCalibration:
    if (info.width, info.height) != image_size:
        raise CalibrationError(
            f'{eye}/camera_info is of images of {info.width}x{info.height} px, the images have '
            f'{image_size[0]}x{image_size[1]} px; let the camera driver publish the camera_info '
            'of these images'
        )
    if is_rectified:
        return CameraCalibration.of_rectified_image(np.reshape(info.p, (3, 4)))
    try:
        return calibration_of(info)
    except CalibrationError as error:
        raise CalibrationError(f'{eye}/camera_info: {error}') from error
