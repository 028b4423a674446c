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

"""Instruments as a tracker observes them: points with the uncertainty of their measurement."""

import numpy as np

TIP_STD_WIDTHS = (0.11, 0.05)
"""Standard deviation of a tip along the instrument and across, in minor axis lengths."""
MIN_TIP_STD_PX = 1.5
ENTRY_STD_WIDTHS = 0.1
MIN_ENTRY_STD_PX = 2.0


def tip_covariance(orientation: float, minor_axis_length: float) -> np.ndarray:
    """
    Return the covariance (2, 2) px^2 of a tip in the image: larger along the instrument.

    Measured on simulated instruments: a silhouette ends beyond the tip by a part of its width.

    :param orientation: of the instrument in rad
    :param minor_axis_length: px
    """
    along, across = (max(share * minor_axis_length, MIN_TIP_STD_PX) for share in TIP_STD_WIDTHS)
    direction = np.array([np.cos(orientation), np.sin(orientation)])
    outer = np.outer(direction, direction)
    return along**2 * outer + across**2 * (np.eye(2) - outer)


def entry_covariance(minor_axis_length: float) -> np.ndarray:
    """
    Return the covariance (2, 2) px^2 of where an instrument enters the image.

    :param minor_axis_length: px
    """
    std = max(ENTRY_STD_WIDTHS * minor_axis_length, MIN_ENTRY_STD_PX)
    return std**2 * np.eye(2)
