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

"""Tests of calibration files."""

import json

import numpy as np
import pytest
from stereo_rods import projections
from test_stereo_calibration import DISTORTIONS
from test_stereo_calibration import MATRICES
from test_stereo_calibration import ROTATION
from test_stereo_calibration import TRANSLATION
import yaml

from surgseg_ros.perception.stereo_calibration import CalibrationError
from surgseg_ros.perception.stereo_calibration_file import read_stereo_calibration

SIZE = (960, 540)
LEFT, RIGHT = (matrix.tolist() for matrix in projections())
K = [matrix.tolist() for matrix in MATRICES]
D = [distortion.tolist() for distortion in DISTORTIONS]
R, T = ROTATION.tolist(), TRANSLATION.tolist()
EYE = np.eye(3).tolist()


def read(tmp_path, content, name='calibration.json', **options):
    path = tmp_path / name
    path.write_text(json.dumps(content) if name.endswith('json') else yaml.safe_dump(content))
    return read_stereo_calibration(path, SIZE, **options)


@pytest.mark.parametrize('name', ['calibration.json', 'calibration.yaml'])
@pytest.mark.parametrize(
    'content',
    [{'P_left': LEFT, 'P_right': RIGHT}, {'left': {'P': LEFT}, 'right': {'P': RIGHT}}],
)
def test_projections_of_rectified_images(tmp_path, content, name):
    calibration = read(tmp_path, content, name)
    assert calibration.baseline == pytest.approx(0.0044)
    np.testing.assert_array_equal(calibration.rotation, np.eye(3))


@pytest.mark.parametrize(
    'content',
    [
        {'K_left': K[0], 'D_left': D[0], 'K_right': K[1], 'D_right': D[1], 'R': R, 't': T},
        {'K1': K[0], 'D1': D[0], 'K2': K[1], 'D2': D[1], 'R': R, 'T': T},
        {'left': {'K': K[0], 'D': D[0]}, 'right': {'K': K[1], 'D': D[1], 'R': R, 't': T}},
        {
            'left': {'K': K[0], 'D': D[0], 'R': EYE, 't': [0, 0, 0]},
            'right': {'K': K[1], 'D': [D[1]], 'R': R, 't': [[value] for value in T]},
        },
        {
            'left': {'K': K[0], 'D': D[0], 'R': R, 't': [0.1, 0.2, 0.3]},
            'right': {
                'K': K[1],
                'D': D[1],
                'R': (ROTATION @ ROTATION).tolist(),
                't': (ROTATION @ [0.1, 0.2, 0.3] + TRANSLATION).tolist(),
            },
        },
    ],
    ids=['suffixes', 'numbers', 'nested', 'identity', 'poses'],
)
@pytest.mark.parametrize('unit', [1.0, 1000.0], ids=['m', 'mm'])
def test_raw_pairs(tmp_path, content, unit):
    def scale(entry):
        if isinstance(entry, dict):
            return {
                key: (np.array(value) * unit).tolist() if key in ('t', 'T') else scale(value)
                for key, value in entry.items()
            }
        return entry

    calibration = read(tmp_path, scale(content))
    assert calibration.baseline == pytest.approx(np.linalg.norm(TRANSLATION), rel=1e-6)
    assert not np.allclose(calibration.rotation, np.eye(3), atol=1e-4)
    pixels = np.array([[100.0, 80.0], [700.0, 400.0]])
    np.testing.assert_allclose(
        calibration.unrectify('left', calibration.rectify('left', pixels)), pixels, atol=0.05
    )


def test_numbers_of_a_rectified_pair(tmp_path):
    pair = {'fx': 847.0, 'fy': 847.0, 'cx': 537.0, 'cy': 309.0, 'baseline_mm': 5.5}
    assert read(tmp_path, {'rectified_pair': pair}).baseline == pytest.approx(0.0055)


def test_a_given_unit_is_taken(tmp_path):
    content = {'P_left': LEFT, 'P_right': (projections()[1] * [1, 1, 1, 50]).tolist()}
    assert read(tmp_path, content, length_unit='mm').baseline == pytest.approx(0.00022)
    with pytest.raises(CalibrationError, match='unit'):
        read(tmp_path, content, length_unit='inch')


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ([], 'holds no calibration'),
        ({}, 'P_left'),
        ({'P_left': LEFT, 'P_right': [1, 2]}, '3x4'),
        ({'P_left': LEFT, 'P_right': 'none'}, 'must be numbers'),
        ({'P_left': LEFT, 'P_right': LEFT}, 'baseline is zero'),
        ({'P_left': RIGHT, 'P_right': LEFT}, 'swapped'),
        ({'P_left': LEFT, 'P_right': np.zeros((3, 4)).tolist()}, 'last row'),
        ({'K_left': K[0], 'K_right': K[1], 'R': R}, 't of the pair is missing'),
        ({'K_left': K[0], 'K_right': K[1], 'R': R, 't': [1, 2]}, 'needs 3 numbers'),
        ({'rectified_pair': {'fx': 1.0}}, 'baseline_mm'),
    ],
)
def test_bad_files_are_refused_by_name_and_reason(tmp_path, content, message):
    with pytest.raises(CalibrationError, match=message) as caught:
        read(tmp_path, content)
    assert 'calibration.json' in str(caught.value)


def test_missing_and_broken_files(tmp_path):
    with pytest.raises(CalibrationError, match='cannot read'):
        read_stereo_calibration(tmp_path / 'none.json', SIZE)
    (tmp_path / 'broken.json').write_text('{')
    with pytest.raises(CalibrationError, match='no valid JSON'):
        read_stereo_calibration(tmp_path / 'broken.json', SIZE)
