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

"""Tests of commands without the packages for reports."""

import sys

import numpy as np
import pytest

from surgseg_ros.cli import main
from surgseg_ros.data.image_files import write_image
from surgseg_ros.reporting.packages import check_packages
from surgseg_ros.reporting.packages import MissingPackageError


@pytest.fixture
def without(monkeypatch):
    """Return a function that takes packages away."""
    return lambda *names: [monkeypatch.setitem(sys.modules, name, None) for name in names]


def test_all_that_are_missing_are_named_with_the_remedy(without):
    check_packages('matplotlib', 'psutil')
    without('matplotlib', 'psutil')
    with pytest.raises(MissingPackageError, match='matplotlib psutil; run pip install') as error:
        check_packages('matplotlib', 'psutil')
    assert 'surgseg_ros[reports]' in str(error.value)
    assert 'in a checkout, pip install matplotlib psutil' in str(error.value)


def test_prediction_needs_none_of_them(without, red_checkpoint, tmp_path):
    without('matplotlib', 'psutil')
    write_image(tmp_path / 'a.png', np.zeros((32, 32, 3), np.uint8))
    arguments = ['--input', str(tmp_path / 'a.png'), '--output', str(tmp_path / 'labels')]
    arguments += ['--checkpoint', str(red_checkpoint), '--device', 'cpu']
    assert main(['predict', *arguments]) == 0
    assert (tmp_path / 'labels' / 'a.png').exists()


@pytest.mark.parametrize(
    ('package', 'arguments'),
    [
        ('psutil', ['benchmark']),
        ('matplotlib', ['benchmark', '--plot', 'a.png']),
        ('matplotlib', ['benchmark', '--page', 'a.md']),
        ('matplotlib', ['evaluate', '--tracks', '--output', 'pictures']),
    ],
)
def test_what_could_not_be_reported_does_not_begin(
    package, arguments, without, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    without(package)
    assert main(arguments) == 1
    error = capsys.readouterr().err
    assert f'{package}; run pip install surgseg_ros[reports]' in error
    assert error.count('\n') == 1
    assert list(tmp_path.iterdir()) == []
