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

"""Tests of what plots share."""

import os
import subprocess
import sys

import pytest

from surgseg_ros.decoding.image_files import read_image
from surgseg_ros.reporting.plots import new_figure
from surgseg_ros.reporting.plots import write_figure

LATE = ('matplotlib', 'psutil')
MODULES = (
    *('benchmark.measurement', 'benchmark.performance_page', 'evaluation.labels.evaluate'),
    *('evaluation.tracks.evaluate', 'evaluation.tracks.pictures', 'evaluation.real_frames.tables'),
    *('reporting.plots', 'reporting.text_tables', 'reproduction.page'),
)


def test_a_figure_has_the_pixels_that_were_asked_for(tmp_path):
    figure = new_figure(300, 200)
    figure.subplots().plot([0, 1])
    write_figure(tmp_path / 'a.png', figure)
    picture = read_image(tmp_path / 'a.png')
    assert picture.shape == (200, 300, 3)
    assert picture.min() < 50


def test_a_file_that_cannot_be_written(tmp_path):
    with pytest.raises(OSError, match='no/such/a.png'):
        write_figure(tmp_path / 'no' / 'such' / 'a.png', new_figure(10, 10))
    with pytest.raises(ValueError, match="'nose' is not supported"):
        write_figure(tmp_path / 'a.nose', new_figure(10, 10))


def test_nothing_is_imported_before_it_is_needed():
    imports = '; '.join(f'import surgseg_ros.{name}' for name in MODULES)
    # Other packages may bring one of them, as torch does with its own tools.
    found = f'sorted({set(LATE)} & set(sys.modules))'
    code = f'import sys; {imports}; print({found})'
    command = [sys.executable, '-c', code]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)
    assert done.stdout == '[]\n', done.stderr
