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

"""
Sizes of images, and image files to write.

:mod:`surgseg_ros.decoding.image_files` reads them.
"""

from pathlib import Path

import cv2
import numpy as np

from surgseg_ros.data.whole_files import replacing

JPEG_SUFFIXES = ('.jpg', '.jpeg')
JPEG_QUALITY = 95


def size_of(image: np.ndarray) -> tuple[int, int]:
    """
    Return (width, height) of an image in px.

    :param image: (H, W) or (H, W, C)
    """
    return image.shape[1], image.shape[0]


def write_image(path: Path, image: np.ndarray, jpeg_quality: int = JPEG_QUALITY) -> None:
    """
    Write an image or a label image; the suffix chooses the format.

    :param image: (H, W, 3) uint8 RGB or (H, W) uint8
    :param jpeg_quality: 0 to 100, without effect on other formats
    :raises OSError: if the file cannot be written
    """
    pixels = cv2.cvtColor(image, cv2.COLOR_RGB2BGR) if image.ndim == 3 else image
    is_jpeg = path.suffix.lower() in JPEG_SUFFIXES
    options = [cv2.IMWRITE_JPEG_QUALITY, jpeg_quality] if is_jpeg else []
    if not cv2.imwrite(str(path), pixels, options):
        raise OSError(f'could not write {path}: is the disk full or the folder read-only?')


def write_image_whole(path: Path, image: np.ndarray, jpeg_quality: int = JPEG_QUALITY) -> None:
    """
    Write like :func:`write_image`, but so that an interrupted call leaves no file of that name.

    :raises OSError: if the file cannot be written
    """
    with replacing(path) as draft:
        write_image(draft, image, jpeg_quality)
