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

"""Tests of what `surgseg predict --stereo` writes."""

import json

import numpy as np
import pytest
from stereo_rods import draw_rods
from stereo_rods import projections
from stereo_rods import Rod

from surgseg_ros.cli import main
from surgseg_ros.data.image_files import write_image
from surgseg_ros.prediction.stereo import frame_key

ROD = Rod((-0.09, -0.03, 0.05), (-0.005, 0.012, 0.08))


@pytest.fixture
def pairs(tmp_path):
    """Write two pairs of pictures of a red rod, and their calibration."""
    for eye in ('left', 'right'):
        (tmp_path / eye).mkdir()
        for index in range(2):
            inside = draw_rods([ROD], eye) > 0
            image = np.full((*inside.shape, 3), 90, np.uint8)
            image[inside] = (230, 30, 30)
            write_image(tmp_path / eye / f'frame{index}_{eye}.png', image)
    left, right = projections()
    content = {'P_left': left.tolist(), 'P_right': right.tolist()}
    (tmp_path / 'calibration.json').write_text(json.dumps(content))
    return tmp_path


def run(folder, checkpoint, *extra):
    return main([
        *('predict', '--stereo', '--left', f'{folder}/left', '--right', f'{folder}/right'),
        *('--calibration', f'{folder}/calibration.json', '--output', f'{folder}/out'),
        *('--checkpoint', str(checkpoint), '--device', 'cpu', *extra),
    ])  # fmt: skip


def test_every_pair_has_its_positions(pairs, red_checkpoint):
    assert run(pairs, red_checkpoint, '--overlay') == 0
    summary = json.loads((pairs / 'out' / 'stereo.json').read_text())
    assert [pair['pair'] for pair in summary['pairs']] == ['frame0', 'frame1']
    record = json.loads((pairs / 'out' / 'frame1.json').read_text())
    (instrument,) = record['instruments']
    centroid = instrument['centroid']
    assert centroid['position_m'][2] == pytest.approx(ROD.depth_at(centroid['left_px']), abs=5e-4)
    assert centroid['reprojection_error_px'] < 1.0
    assert np.linalg.norm(np.subtract(instrument['tip']['position_m'], ROD.end)) < 0.007
    assert instrument['left']['tip_px'] is not None
    for name in ('frame0_left.png', 'frame0_right.png', 'frame0_stereo.jpg'):
        assert (pairs / 'out' / name).is_file()


def test_a_frame_of_one_eye_alone_is_named(pairs, red_checkpoint, capsys):
    (pairs / 'right' / 'frame1_right.png').unlink()
    assert run(pairs, red_checkpoint) == 0
    assert 'no partner: frame1' in capsys.readouterr().err
    assert not (pairs / 'out' / 'frame1.json').exists()


def test_damaged_files_are_named(pairs, red_checkpoint, capsys):
    (pairs / 'right' / 'frame1_right.png').write_bytes(b'no picture')
    assert run(pairs, red_checkpoint) == 1
    assert 'could not read: frame1' in capsys.readouterr().err
    assert (pairs / 'out' / 'frame0.json').exists()


def test_eyes_of_different_sizes_are_refused(pairs, red_checkpoint, capsys):
    write_image(pairs / 'right' / 'frame0_right.png', np.zeros((100, 120, 3), np.uint8))
    assert run(pairs, red_checkpoint) == 1
    assert '120x100' in capsys.readouterr().err


def test_a_bad_calibration_is_refused(pairs, red_checkpoint, capsys):
    left, right = projections()
    content = {'P_left': right.tolist(), 'P_right': left.tolist()}
    (pairs / 'calibration.json').write_text(json.dumps(content))
    assert run(pairs, red_checkpoint) == 1
    assert 'swapped' in capsys.readouterr().err
    assert not (pairs / 'out').exists()


def test_how_the_calibration_was_understood_is_said(pairs, red_checkpoint, capsys):
    assert run(pairs, red_checkpoint) == 0
    said = capsys.readouterr().out
    assert "calibration.json': P of rectified images, lengths in m, baseline 4.40 mm" in said


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['--stereo', '--left', 'x'], '--right, --calibration'),
        ([], '--input'),
        (
            ['--stereo', '--left', 'x', '--right', 'x', '--calibration', 'x', '--input', 'x'],
            'do not go with --stereo',
        ),
    ],
)
def test_arguments_that_do_not_fit(tmp_path, capsys, arguments, message):
    assert main(['predict', '--output', str(tmp_path), *arguments]) == 1
    assert message in capsys.readouterr().err


def test_files_of_both_eyes_in_one_folder_are_refused(pairs, red_checkpoint, capsys):
    (pairs / 'right' / 'frame1_right.png').rename(pairs / 'left' / 'frame1_right.png')
    assert run(pairs, red_checkpoint) == 1
    assert 'of one eye' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('stem', 'key'),
    [
        ('left', 'pair'),
        ('frame_0001_left', 'frame_0001'),
        ('right_17', '17'),
        ('L12', '12'),
        ('0005-R', '0005'),
        ('leftover', 'leftover'),
        ('clip_left_000001', 'clip_000001'),
    ],
)
def test_names_without_the_eye(stem, key):
    assert frame_key(stem) == key
