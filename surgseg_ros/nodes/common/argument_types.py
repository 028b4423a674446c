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

"""Types of the command-line arguments of the programs in this folder, for ``add_argument``."""

import argparse
import math


def positive_number(text: str) -> float:
    """
    Return a number greater than 0.

    :raises argparse.ArgumentTypeError: if it is not greater, or infinite
    :raises ValueError: if the text is no number
    """
    value = float(text)
    if not 0.0 < value < math.inf:
        raise argparse.ArgumentTypeError(f'must be greater than 0, got {text}')
    return value


def positive_count(text: str) -> int:
    """
    Return a whole number of at least 1.

    :raises argparse.ArgumentTypeError: if the text is none
    """
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f'must be a whole number of at least 1, got {text}')
    return int(text)


def image_size(text: str) -> tuple[int, int]:
    """
    Return (width, height) in px of a size such as ``1280x1024``.

    :raises argparse.ArgumentTypeError: if the text is none
    """
    width, _, height = text.partition('x')
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise argparse.ArgumentTypeError(f'must be like 1280x1024, got {text}')
    return int(width), int(height)
