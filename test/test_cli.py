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

"""Tests of the `surgseg` command."""

import json
import os
import subprocess
import sys

import cv2
import numpy as np
import pytest

from surgseg_ros.cli import main
from surgseg_ros.data.image_files import write_image


@pytest.fixture
def red_frames(tmp_path):
    """Return a folder with two frames that show a red disk, and one with their masks."""
    frames, masks = tmp_path / 'frames', tmp_path / 'masks'
    frames.mkdir()
    masks.mkdir()
    for index in range(2):
        mask = np.zeros((100, 141), np.uint8)
        cv2.circle(mask, (40 + 30 * index, 50), 20, 1, -1)
        image = np.full((100, 141, 3), 80, np.uint8)
        image[mask > 0] = (230, 30, 30)
        write_image(frames / f'f{index}.png', image)
        write_image(masks / f'f{index}.png', mask)
    return frames, masks


def test_predict_and_evaluate(red_frames, red_checkpoint, tmp_path, capsys):
    frames, masks = red_frames
    output = tmp_path / 'labels'
    assert main(['predict', '--input', str(frames), '--output', str(output), '--overlay',
                 '--checkpoint', str(red_checkpoint), '--device', 'cpu']) == 0  # fmt: skip
    assert '2 label images' in capsys.readouterr().out
    assert sorted(path.name for path in output.iterdir()) == [
        'f0.png', 'f0_overlay.jpg', 'f1.png', 'f1_overlay.jpg',
    ]  # fmt: skip
    labels = cv2.imread(str(output / 'f1.png'), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(labels, cv2.imread(str(masks / 'f1.png'), -1))
    result = tmp_path / 'result.json'
    assert main(['evaluate', '--predictions', str(output), '--ground-truth', str(masks),
                 '--task', 'binary', '--json', str(result)]) == 0  # fmt: skip
    assert json.loads(result.read_text())['dice'] == {'instrument': 1.0}


def test_predict_a_video(red_frames, red_checkpoint, tmp_path):
    video = tmp_path / 'clip.avi'
    writer = cv2.VideoWriter(str(video), cv2.VideoWriter.fourcc(*'MJPG'), 10, (140, 100))
    for _ in range(3):
        writer.write(np.zeros((100, 140, 3), np.uint8))
    writer.release()
    output = tmp_path / 'out'
    assert main(['predict', '--input', str(video), '--output', str(output), '--checkpoint',
                 str(red_checkpoint)]) == 0  # fmt: skip
    assert sorted(p.name for p in output.iterdir()) == [f'clip_00000{i}.png' for i in range(3)]


def test_unreadable_frames_are_named_and_the_others_done(
    red_frames, red_checkpoint, tmp_path, capsys
):
    frames, _ = red_frames
    (frames / 'broken.png').write_bytes(b'nothing')
    output = tmp_path / 'labels'
    assert main(['predict', '--input', str(frames), '--output', str(output), '--checkpoint',
                 str(red_checkpoint)]) == 1  # fmt: skip
    assert 'could not read: broken' in capsys.readouterr().err
    assert len(list(output.glob('*.png'))) == 2


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['predict', '--input', 'no/such', '--output', 'x'], 'no/such does not exist'),
        (['predict', '--input', '.', '--output', 'x'], 'holds no images'),
        (['evaluate', '--predictions', '.', '--ground-truth', '.', '--task', 'nose'],
         "unknown task 'nose'"),
        (['train', '--data', 'x', '--output', 'x', '--set', 'speed=1'], 'KEY one of task, size'),
    ],
)  # fmt: skip
def test_errors_are_one_line_with_the_cause(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.count('\n') == 1


def test_models_lists_networks_and_weights(capsys):
    assert main(['models']) == 0
    output = capsys.readouterr().out
    assert '14,906,276' in output
    assert 'mffnet_parts_sim' in output


def test_help_is_quick_and_without_torch():
    code = """
import sys
from surgseg_ros import cli
try:
    cli.main(['--help'])
except SystemExit:
    assert 'torch' not in sys.modules
"""
    finished = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True, check=False, env=os.environ
    )
    assert finished.returncode == 0, finished.stderr
    assert 'surgseg predict --input' in finished.stdout
