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

"""From samples of any type to 8 bits."""

from collections.abc import Callable
import logging

import cv2
import numpy as np

from surgseg_ros.decoding.encodings import ImageFormatError

WHOLE_RANGE = 16
_COMMON_BITS = (8, 10, 12, 14)
_NEARLY_BLACK_BELOW = 2 ** _COMMON_BITS[-1]

_logger = logging.getLogger(__name__)


class BitDepth:
    """
    Scale samples to 8 bits, by a rule that depends on the encoding and ``bits`` alone.

    Brightness so does not flicker from image to image:

    - uint8 stays as it is;
    - uint16: ``2 ** bits - 1`` becomes 255;
    - signed and 32-bit integers: the whole range of the type becomes 0 to 255;
    - floating point: 0.0 to 1.0 becomes 0 to 255, as OpenCV shows such images; what is outside is
      clipped, and what is no number becomes 0.

    Cameras of 10, 12 or 14 bits fill 16-bit samples from below. Unless ``bits`` says so, their
    images come out nearly black, which is reported once.

    :param bits: 1 to 16, of uint16; 0 is 16 of which nobody is sure
    :param report: gets the line about images that come out nearly black
    :raises ValueError: if uint16 cannot have so many bits
    """

    def __init__(self, bits: int = 0, report: Callable[[str], None] = _logger.warning) -> None:
        self._report = report
        self.set_bits(bits)

    def set_bits(self, bits: int) -> None:
        """
        Begin anew with a number of bits.

        :raises ValueError: if uint16 cannot have so many
        """
        if not 0 <= bits <= WHOLE_RANGE:
            raise ValueError(f'bits {bits}: expected 1 to {WHOLE_RANGE}, or 0 for the whole range')
        self.bits = bits
        self.remark = ''
        """What was reported, until an image is bright after all."""
        self._is_in_doubt = bits == 0

    def to_eight_bit(self, samples: np.ndarray, name: str = 'the image') -> np.ndarray:
        """
        Scale samples.

        :param samples: any shape, native byte order
        :param name: of the image, for the report
        :return: uint8, rounded; uint8 input is returned as it is
        :raises ImageFormatError: if a uint16 sample is larger than ``bits`` allow (``'bits'``)
        """
        if samples.dtype == np.uint8:
            return samples
        if samples.dtype == np.uint16:
            bits = self.bits or WHOLE_RANGE
            self._look(samples, bits, name)
            return cv2.convertScaleAbs(samples, alpha=255.0 / (2**bits - 1))
        return _scale_other(samples)

    def _look(self, samples: np.ndarray, bits: int, name: str) -> None:
        if bits == WHOLE_RANGE and not self._is_in_doubt:
            return
        largest = int(samples.max(initial=0))
        if largest >= 2**bits:
            raise ImageFormatError(
                'bits',
                f'a sample is {largest}, but with {bits} bits none is above {2**bits - 1}; set '
                f'bits to {largest.bit_length()} or more (option --bits, parameter bits)',
            )
        if self._is_in_doubt and largest >= _NEARLY_BLACK_BELOW:
            self._is_in_doubt, self.remark = False, ''
        elif self._is_in_doubt and largest and not self.remark:
            self.remark = describe_nearly_black(name, largest)
            self._report(self.remark)


def describe_nearly_black(name: str, largest: int) -> str:
    """
    Say that 16-bit samples look like those of fewer bits.

    :param largest: of the samples, below 2 ** 14
    """
    likely = next(bits for bits in _COMMON_BITS if largest < 2**bits)
    return (
        f'{name} is nearly black: its 16-bit samples end at {largest}, as those of {likely} bits '
        f'do; if they are, set bits to {likely} (option --bits, parameter bits), and if the '
        f'picture is just dark, to {WHOLE_RANGE}'
    )


def _scale_other(samples: np.ndarray) -> np.ndarray:
    if samples.dtype.kind == 'f':
        fractions = np.clip(np.nan_to_num(samples), 0.0, 1.0)
    else:
        limits = np.iinfo(samples.dtype)
        fractions = (samples - float(limits.min)) / (float(limits.max) - float(limits.min))
    return np.rint(fractions * 255.0).astype(np.uint8)
