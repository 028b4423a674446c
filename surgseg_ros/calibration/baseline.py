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

"""How far apart the eyes can be, and in which unit a file says so."""

from collections.abc import Sequence
from dataclasses import dataclass
import math

from surgseg_ros.calibration.camera import CalibrationError

LENGTH_UNITS = {'m': 1.0, 'mm': 1e-3}
AUTO_UNIT = 'auto'
_MILLIMETERS = 1e3
_ZERO_M = 1e-9


@dataclass(frozen=True)
class BaselineLimits:
    """
    The distance of the eyes that a rig can have.

    :param low_mm: smallest
    :param high_mm: largest; the default covers endoscopes, of which the da Vinci's has 4 to 6
    :raises ValueError: if they are no limits
    """

    low_mm: float = 1.0
    high_mm: float = 40.0

    def __post_init__(self) -> None:
        """Refuse what are no limits."""
        if not (0 < self.low_mm < self.high_mm < math.inf):
            raise ValueError(
                f'the limits of the baseline are {self.low_mm:g} and {self.high_mm:g} mm; give a '
                'smallest and a larger one, as 1,40'
            )

    def __str__(self) -> str:
        """Return them for messages."""
        return f'{self.low_mm:g} to {self.high_mm:g} mm'

    def allow(self, baseline: float) -> bool:
        """Tell whether a baseline (m) is within the limits, with a little for rounding."""
        return self.low_mm * (1 - 1e-6) <= baseline * _MILLIMETERS <= self.high_mm * (1 + 1e-6)

    def check(self, baseline: float) -> None:
        """
        Refuse a baseline that cannot be right.

        :param baseline: of the right eye to the right of the left one, in m
        :raises CalibrationError: if it is outside of the limits; the message says why it may be
        """
        millimeters = baseline * _MILLIMETERS
        if abs(baseline) < _ZERO_M:
            raise CalibrationError(
                'the baseline is zero (t, or P[0,3] of the right eye): both eyes were calibrated '
                'alone; calibrate them as a pair'
            )
        if baseline < 0:
            raise CalibrationError(
                f'the baseline is negative ({millimeters:.2f} mm): the right eye would be on the '
                'left; the eyes are swapped, or R and t go from the right eye to the left one, or '
                'P[0,3] of the right eye has the wrong sign (it is -fx times the baseline)'
            )
        if self.allow(baseline):
            return
        guess = ''
        if self.allow(baseline / _MILLIMETERS):
            guess = ': lengths seem to be in millimeters, but were taken for meters'
        elif self.allow(baseline * _MILLIMETERS):
            guess = ': lengths seem to be in meters, but were taken for millimeters'
        raise CalibrationError(
            f'the baseline is {millimeters:g} mm{guess}; {self} can be right. Correct the unit, '
            'or for another rig the limits (--baseline-mm, parameter stereo_baseline_mm)'
        )


ENDOSCOPE = BaselineLimits()


def parse_limits(value: str | Sequence[float]) -> BaselineLimits:
    """
    Return the limits that two numbers in mm, or text such as ``1,40``, say.

    :raises ValueError: if they are no limits
    """
    words = value.split(',') if isinstance(value, str) else value
    try:
        low, high = (float(word) for word in words)
    except (TypeError, ValueError):
        raise ValueError(
            f'the limits of the baseline are two numbers in mm, as 1,40; got {value!r}'
        ) from None
    return BaselineLimits(low, high)


def find_length_unit(baseline: float, unit: str, limits: BaselineLimits) -> str:
    """
    Return the unit of a file's lengths, ``m`` or ``mm``.

    :param baseline: distance of the eyes in the unit of the file; its sign does not matter
    :param unit: ``m``, ``mm`` or ``auto``: the one in which the distance is within the limits
    :raises CalibrationError: if neither or both units could be right
    """
    if unit in LENGTH_UNITS:
        return unit
    if unit != AUTO_UNIT:
        raise CalibrationError(f"unknown length unit '{unit}'; choose auto, m or mm")
    length = abs(baseline)
    if length < _ZERO_M:
        return 'm'
    fitting = [name for name, factor in LENGTH_UNITS.items() if limits.allow(length * factor)]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise CalibrationError(
            f'the baseline is {length:g}, which can be m or mm within {limits}; give '
            '--length-unit m or mm'
        )
    raise CalibrationError(
        f'the baseline is {length:g}, neither in m nor in mm within {limits}; correct t, or '
        'P[0,3] of the right eye, or for another rig the limits (--baseline-mm, parameter '
        'stereo_baseline_mm)'
    )
