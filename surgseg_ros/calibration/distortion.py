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

"""Which distortion model coefficients belong to, whatever an exporter calls it."""

from collections.abc import Sequence
import re

import numpy as np

from surgseg_ros.calibration.camera import CalibrationError
from surgseg_ros.calibration.camera import DISTORTION_MODELS
from surgseg_ros.calibration.camera import EQUIDISTANT
from surgseg_ros.calibration.camera import PLUMB_BOB
from surgseg_ros.calibration.camera import RATIONAL_POLYNOMIAL

POLYNOMIAL_COUNTS = {
    **dict.fromkeys((0, 4, 5), PLUMB_BOB),
    **dict.fromkeys((8, 12, 14), RATIONAL_POLYNOMIAL),
}
"""Numbers of coefficients of OpenCV's model, and what ROS calls it then."""
EQUIDISTANT_COUNT = 4
_POLYNOMIAL_NAMES = {
    *('plumbbob', 'rationalpolynomial', 'rational', 'radtan', 'radialtangential'),
    *('brownconrady', 'brown', 'opencv', 'standard', 'thinprism', 'tilted', 'pinholeradtan'),
}
_EQUIDISTANT_NAMES = {
    *('equidistant', 'equi', 'fisheye', 'opencvfisheye', 'kannalabrandt', 'kannalabrandt4'),
    *('kannalabrandt8', 'kb', 'kb4', 'kb8', 'pinholeequi', 'pinholeequidistant'),
}
_NO_DISTORTION = {'none', 'nodistortion', 'undistorted', 'rectified'}
_SILENT_NAMES = {'', 'pinhole', 'perspective'}
"""Camera models that say nothing of the distortion."""


def name_distortion_model(names: Sequence[str], coefficients: np.ndarray) -> str:
    """
    Return the model that coefficients belong to, one of :data:`DISTORTION_MODELS`.

    OpenCV has one polynomial model; how many coefficients it has tells what ROS calls it.

    :param names: all that a file or message says of the model, may be empty
    :param coefficients: D (n,)
    :raises CalibrationError: if the model is unknown, the names contradict each other, or the
        number of coefficients is none of the model
    """
    families = {name: _family(name) for name in names if _squeeze(name) not in _SILENT_NAMES}
    if len(set(families.values())) > 1:
        raise CalibrationError(
            f'the distortion model is called {" and ".join(map(repr, families))}; keep the one '
            'that D was calibrated with'
        )
    family = next(iter(families.values()), PLUMB_BOB)
    called = next(iter(families), PLUMB_BOB)
    count = len(coefficients)
    if family == EQUIDISTANT:
        if count != EQUIDISTANT_COUNT:
            raise CalibrationError(
                f"the distortion model '{called}' has 4 coefficients, D has {count}; correct the "
                'model or D'
            )
        return EQUIDISTANT
    if not family and np.any(coefficients):
        raise CalibrationError(
            f"the distortion model is '{called}', but D is not zero; name the model that D was "
            f'calibrated with: {", ".join(DISTORTION_MODELS)}'
        )
    if count not in POLYNOMIAL_COUNTS:
        raise CalibrationError(
            f"the distortion model '{called}' has 4, 5, 8, 12 or 14 coefficients (k1, k2, p1, p2, "
            f'k3, ...), D has {count}; write all of them, 0 for what was not calibrated'
        )
    return POLYNOMIAL_COUNTS[count]


def _family(name: str) -> str:
    """Return the model that stands for all of a family, an empty string for no distortion."""
    squeezed = _squeeze(name)
    if squeezed in _NO_DISTORTION:
        return ''
    if squeezed in _EQUIDISTANT_NAMES:
        return EQUIDISTANT
    if squeezed in _POLYNOMIAL_NAMES:
        return PLUMB_BOB
    raise CalibrationError(
        f"unknown distortion model '{name[:40]}'; known: {', '.join(DISTORTION_MODELS)}; "
        'calibrate with one of them, or undistort the images'
    )


def _squeeze(name: str) -> str:
    return re.sub(r'[^a-z0-9]', '', name.lower())
