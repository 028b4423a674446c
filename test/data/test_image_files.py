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

"""Tests of image files that are written: their quality, and that they appear whole."""

import numpy as np
import pytest

from surgseg_ros.data.image_files import write_image_whole


@pytest.fixture
def picture():
    return np.random.default_rng(0).integers(0, 256, (31, 47, 3)).astype(np.uint8)


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
