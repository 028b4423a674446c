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


"""Tests of reading label files: what is stored, not what is shown."""

import cv2
import numpy as np
from PIL import Image
import pytest

from surgseg_ros.data.label_files import read_label_file
from surgseg_ros.decoding.image_files import ImageFileError

IDS = np.array([[0, 1, 2, 3], [3, 2, 1, 0]], np.uint8)
VOC = (0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0)


def write_palette(path, colors, indices=IDS, **options):
    image = Image.fromarray(indices, mode='P')
    image.putpalette(colors)
    image.save(path, **options)
    return path


@pytest.mark.parametrize('name', ['m.png', 'M.PNG', 'm.tif', 'm.bmp'])
def test_indices_of_a_palette_are_the_values(tmp_path, name):
    path = write_palette(tmp_path / name, VOC)
    np.testing.assert_array_equal(read_label_file(path), IDS)
    assert read_label_file(path, are_colors=True)[0, 1].tolist() == [0, 0, 128]


@pytest.mark.parametrize(
    'colors',
    [
        (0, 0, 0, 255, 255, 255),  # a mask
        tuple(value for gray in range(4) for value in (gray,) * 3),  # what no palette would show
    ],
)
def test_gray_palettes_that_leave_no_doubt(tmp_path, colors):
    indices = IDS % (len(colors) // 3)
    path = write_palette(tmp_path / 'm.png', colors, indices)
    np.testing.assert_array_equal(read_label_file(path), indices)


@pytest.mark.parametrize(
    ('colors', 'why'),
    [
        ((0, 0, 0, 30, 30, 30, 100, 100, 100, 255, 255, 255), r'gray values .*1: 30, 2: 100'),
        ((255, 0, 0, 0, 0, 0, 0, 255, 0, 0, 0, 255), 'black at index 1 of its palette'),
        ((255, 255, 255, 0, 0, 0), 'black at index 1'),
    ],
)
def test_palettes_of_programs_that_shrink_files_are_refused(tmp_path, colors, why):
    path = write_palette(tmp_path / 'm.png', colors, IDS % (len(colors) // 3))
    with pytest.raises(ImageFileError, match=rf'm\.png has .*{why}.*save it as a gray image'):
        read_label_file(path)


def test_damaged_palettes_and_several_pages_are_named(tmp_path):
    path = write_palette(tmp_path / 'm.png', VOC, np.tile(IDS, (40, 40)))
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(ImageFileError, match=r'm\.png.*'):
        read_label_file(path)
    page = Image.fromarray(IDS, mode='P')
    page.putpalette(VOC)
    page.save(tmp_path / 's.tif', save_all=True, append_images=[page])
    with pytest.raises(ImageFileError, match=r's\.tif.*2 pages'):
        read_label_file(tmp_path / 's.tif')


def test_sixteen_bits_come_as_they_are(tmp_path):
    cv2.imwrite(str(tmp_path / 'm.png'), IDS.astype(np.uint16))
    np.testing.assert_array_equal(read_label_file(tmp_path / 'm.png'), IDS.astype(np.uint16))
