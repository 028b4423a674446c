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


"""Tests of the command that scores scenes of real frames."""

import json

import numpy as np
import pytest

from surgseg_ros.cli import main
from surgseg_ros.data.image_files import write_image


@pytest.fixture
def data(tmp_path):
    """Return a folder with one scene of its own and one that nobody describes."""
    mask = np.zeros((32, 48), np.uint8)
    mask[8:20, 10:30] = 1
    image = np.full((32, 48, 3), 80, np.uint8)
    image[mask > 0] = (230, 30, 30)
    for scene in ('own', 'spare'):
        for name, pixels in (('frames', image), ('masks', mask)):
            folder = tmp_path / 'data' / scene / name
            folder.mkdir(parents=True)
            write_image(folder / 'f.png', pixels)
    data = tmp_path / 'data'
    (data / 'own.yaml').write_text('own: {frames: frames, masks: masks}', encoding='utf-8')
    return data


def output_of(data):
    return data.parent / 'out'


def run(data, checkpoint, *more):
    made = ['score-real', '--data', str(data), '--checkpoint', str(checkpoint), '--device', 'cpu']
    return main([*made, '--output', str(output_of(data)), *more])


def test_scores_with_a_description_of_ones_own(data, red_checkpoint, capsys):
    assert run(data, red_checkpoint, '--scenes', str(data / 'own.yaml'), '--frames', '1') == 0
    shown = capsys.readouterr().out
    assert shown.splitlines()[-1].endswith(
        'own.yaml does not describe them (spare); only the first 1 frames of each scene'
    )
    assert 'Real frames choose nothing' in shown
    result = json.loads((output_of(data) / 'scores.json').read_text())
    assert result['averages']['color']['dice']['main'] == 1
    assert result['command'].startswith('surgseg score-real --data')
    assert result['only'] is None
    page = (output_of(data) / 'scores.md').read_text()
    assert page.rstrip() in shown
    assert 'only the first 1 frames of each scene: not to be quoted' in page
    assert (output_of(data) / 'contact_sheet.png').exists()
    assert not (output_of(data) / 'worst.png').exists()  # nothing fails


@pytest.mark.parametrize(
    ('more', 'message'),
    [
        ((), 'no folder of the scenes ev17_ds1_stereo'),
        (('--scenes', 'lost.yaml'), 'lost.yaml cannot be read'),
        (('--scenes', '{data}/own.yaml', '--only', 'spare'), 'describes no scene spare'),
        (('--scenes', '{data}/own.yaml', '--frames', '0'), '--frames 0: expected 1 or more'),
        (('--scenes', '{data}/own.yaml', '--worst', '0'), '--worst 0: expected 1 or more'),
        (('--scenes', '{data}/own.yaml', '--crop', 'half'), "crop 'half' is neither"),
        (('--scenes', '{data}/own.yaml', '--checkpoint', 'nobody'), 'no shipped checkpoint has'),
    ],
)
def test_errors_are_told_and_nothing_is_written(data, red_checkpoint, capsys, more, message):
    assert run(data, red_checkpoint, *(each.format(data=data) for each in more)) == 1
    assert message in capsys.readouterr().err
    assert not output_of(data).exists()


def test_the_help_says_what_the_numbers_are_not_for(capsys):
    with pytest.raises(SystemExit):
        main(['score-real', '--help'])
    shown = capsys.readouterr().out
    assert 'Real frames choose nothing' in shown
    assert 'docs/real_frames.md' in shown
