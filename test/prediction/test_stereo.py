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
    assert run(pairs, red_checkpoint) == 1
    assert 'no partner: left frame1_left' in capsys.readouterr().err
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
        (
            ['--stereo', '--left', 'x', '--right', 'x', '--calibration', 'x', '--topic', 'x'],
            '--left-topic and --right-topic',
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


def test_exchanged_eyes_are_told(pairs, red_checkpoint, capsys):
    (pairs / 'left').rename(pairs / 'other')
    (pairs / 'right').rename(pairs / 'left')
    (pairs / 'other').rename(pairs / 'right')
    assert run(pairs, red_checkpoint) == 1
    last = capsys.readouterr().out.splitlines()[-1]
    assert 'the eyes look exchanged: every disparity is negative' in last
    assert '2 would be with --left and --right exchanged' in last


def test_the_account_is_one_json_object_for_programs(pairs, red_checkpoint, capsys):
    (pairs / 'left' / 'frame1_left.png').unlink()
    assert run(pairs, red_checkpoint, '--json') == 1
    account = json.loads(capsys.readouterr().out)
    assert (account['read'], account['used']) == (3, 2)
    (left_out,) = account['left_out']
    assert left_out['names'] == ['right frame1_right']
    assert account['notes'] == ['paired by name']


def test_a_pair_named_like_the_summary_is_refused_before_anything_is_written(
    pairs, red_checkpoint, capsys
):
    for eye in ('left', 'right'):
        (pairs / eye / f'frame0_{eye}.png').rename(pairs / eye / f'stereo_{eye}.png')
    assert run(pairs, red_checkpoint) == 1
    assert 'two results would be named' in capsys.readouterr().err
    assert not (pairs / 'out').exists()


def test_results_never_overwrite_what_is_read(pairs, red_checkpoint, capsys):
    (pairs / 'out').mkdir()
    (pairs / 'calibration.json').rename(pairs / 'out' / 'stereo.json')
    arguments = ('--calibration', f'{pairs}/out/stereo.json')
    assert run(pairs, red_checkpoint, *arguments) == 1
    assert 'would overwrite what is read' in capsys.readouterr().err
