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

"""Tests of image files: sizes from headers, files that are cut off, files that appear whole."""

import numpy as np
import pytest

from surgseg_ros.data.image_files import is_cut_off
from surgseg_ros.data.image_files import read_image
from surgseg_ros.data.image_files import read_size
from surgseg_ros.data.image_files import write_image
from surgseg_ros.data.image_files import write_image_whole


@pytest.fixture
def picture():
    return np.random.default_rng(0).integers(0, 256, (31, 47, 3)).astype(np.uint8)


@pytest.mark.parametrize('suffix', ['.png', '.jpg', '.bmp'])
def test_size(tmp_path, picture, suffix):
    path = tmp_path / f'a{suffix}'
    write_image(path, picture)
    assert read_size(path) == (47, 31)


def test_size_of_png_comes_from_its_header(tmp_path, picture):
    path = tmp_path / 'a.png'
    write_image(path, picture)
    path.write_bytes(path.read_bytes()[:40])
    assert read_image(path) is None
    assert read_size(path) == (47, 31)
    path.write_bytes(b'no image')
    assert read_size(path) is None


def test_cut_off_jpeg(tmp_path, picture):
    path = tmp_path / 'a.jpg'
    write_image(path, picture)
    whole = path.read_bytes()
    for content, cut_off in ((whole, False), (whole + b'\0' * 9, False), (whole[:-2], True)):
        path.write_bytes(content)
        # OpenCV accepts them all.
        assert read_image(path) is not None
        assert is_cut_off(path) == cut_off


def test_quality(tmp_path, picture):
    sizes = []
    for quality in (50, 100):
        write_image_whole(tmp_path / 'a.jpg', picture, quality)
        sizes.append((tmp_path / 'a.jpg').stat().st_size)
    assert sizes[0] < sizes[1]


def test_what_cannot_be_written_leaves_nothing(tmp_path, picture):
    write_image_whole(tmp_path / 'a.png', picture)
    (tmp_path / 'b.png').mkdir()
    (tmp_path / 'b.png' / 'c').touch()
    with pytest.raises(OSError, match='b.png'):
        write_image_whole(tmp_path / 'b.png', picture)
    assert sorted(path.name for path in tmp_path.iterdir()) == ['a.png', 'b.png']
