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
import torch

from surgseg_ros.benchmark import roofline
from surgseg_ros.cli import main
from surgseg_ros.data.image_files import write_image
from surgseg_ros.models import create_model


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


def test_bits_of_16_bit_images(red_frames, red_checkpoint, tmp_path, caplog):
    frames, masks = red_frames
    for path in frames.iterdir():
        cv2.imwrite(str(path), cv2.imread(str(path)).astype(np.uint16) * 16)
    arguments = ['predict', '--input', str(frames), '--output', str(tmp_path / 'out'),
                 '--checkpoint', str(red_checkpoint)]  # fmt: skip
    assert main(arguments) == 0
    (record,) = caplog.records
    assert 'f0.png is nearly black' in record.message
    assert 'as those of 12 bits' in record.message
    assert main([*arguments, '--bits', '12']) == 0
    labels = cv2.imread(str(tmp_path / 'out' / 'f1.png'), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(labels, cv2.imread(str(masks / 'f1.png'), -1))
    assert main([*arguments, '--bits', '10']) == 1
    assert main([*arguments, '--bits', '17']) == 1
    assert len(caplog.records) == 1


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


def test_the_ternaus_way(tmp_path, capsys):
    """Published weights, crop of the left frames, threshold, masks of 0 and 255."""
    model = create_model('unet', 'binary', single_logit=True)
    torch.nn.init.zeros_(model.conv_final.weight)
    torch.nn.init.constant_(model.conv_final.bias, -0.5)  # a probability of 0.38
    weights = tmp_path / 'model_0.pt'
    state = {f'module.{name}': tensor for name, tensor in model.state_dict().items()}
    torch.save({'model': state, 'epoch': 20, 'step': 1}, weights)
    write_image(tmp_path / 'frame000.png', np.zeros((1080, 1920, 3), np.uint8))
    output = tmp_path / 'masks'
    arguments = ['predict', '--input', str(tmp_path / 'frame000.png'), '--output', str(output),
                 '--checkpoint', str(weights), '--device', 'cpu',
                 '--crop', '320,28,64,32', '--mask-factor', '255']  # fmt: skip
    for threshold, value in (('0.3', 255), ('0.5', 0)):
        assert main([*arguments, '--threshold', threshold]) == 0
        mask = cv2.imread(str(output / 'frame000.png'), cv2.IMREAD_UNCHANGED)
        assert mask.shape == (1080, 1920)
        assert (mask[28:60, 320:384] == value).all()
        assert np.count_nonzero(mask) == (64 * 32 if value else 0)
    printed = capsys.readouterr().out
    assert 'U-Net of ternaus/robot-surgery-segmentation' in printed
    assert 'pixel values: 0 background, 255 instrument' in printed


def test_export(red_checkpoint, tmp_path, capsys):
    output = tmp_path / 'red.ts'
    assert main(['export', '--checkpoint', str(red_checkpoint), '--to', 'torchscript',
                 '--output', str(output), '--size', '64x32']) == 0  # fmt: skip
    assert torch.jit.load(str(output))(torch.zeros(1, 3, 32, 64)).shape == (1, 2, 32, 64)
    assert 'outputs differ by at most' in capsys.readouterr().out


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
        (['predict', '--input', 'one.png', '--output', 'x', '--crop', '1,2'], 'four integers'),
        (['export', '--to', 'onnx', '--output', 'x', '--size', '10'], 'expected WIDTHxHEIGHT'),
        (['export', '--to', 'safetensors', '--output', 'x.safetensors', '--set', 'task="binary"'],
         'KEY one of input_size, mean'),
        (['train', '--recipe', 'rasnet', '--show', '--set', 'speed=1'], "a recipe has no 'speed'"),
        (['benchmark', '--sizes', '64x64,9'], 'size 9: expected WIDTHxHEIGHT'),
        (['benchmark', '--json', 'x', '--node', '--rate', '30'], 'stand behind --node'),
    ],
)  # fmt: skip
def test_errors_are_one_line_with_the_cause(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    if 'one.png' in arguments:
        write_image(tmp_path / 'one.png', np.zeros((8, 8, 3), np.uint8))
    assert main(arguments) == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.count('\n') == 1


def test_models_lists_networks_and_weights(capsys):
    assert main(['models']) == 0
    output = capsys.readouterr().out
    row = next(line for line in output.splitlines() if line.startswith('mffnet '))
    assert row.split()[-7:] == ['14,906,276', '121.12', '121.12', '1280x1024', '32', 'main,',
                                'auxiliary']  # fmt: skip
    assert 'mffnet_parts_sim' in output


def test_models_shows_one_network_in_detail(capsys):
    assert main(['models', 'rasnet']) == 0
    output = capsys.readouterr().out
    assert 'EMBC 2019' in output
    assert '322.88 at 1280x1024, 20.18 at 320x256' in output
    assert 'attention=True, pretrained=False' in output
    assert main(['models', 'unknown']) == 1
    assert 'choose one of: agsd_unet' in capsys.readouterr().err


def test_models_as_json(capsys):
    assert main(['models', '--json']) == 0
    content = json.loads(capsys.readouterr().out)
    assert [weights['name'] for weights in content['weights']] == ['mffnet_parts_sim']
    assert 'smp_unet_resnet34' in [model['name'] for model in content['models']]
    assert main(['models', 'mffnet', '--json']) == 0
    model = json.loads(capsys.readouterr().out)
    assert model['gflops']['auxiliary'] == {'1280x1024': 115.0}
    assert model['options']['head_stride'] == 1


def test_benchmark_of_networks(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(roofline, 'SECONDS_PER_MEASUREMENT', 0.0)
    monkeypatch.setitem(roofline.MATRIX_SIDES, 'cpu', (256,))
    files = {kind: tmp_path / f'result.{kind}' for kind in ('json', 'md', 'png')}
    arguments = ['benchmark', '--models', 'color_linear', '--backends', 'eager,torch',
                 '--sizes', '64x48', '--batch', '2', '--repetitions', '1', '--device', 'cpu',
                 '--threads', '1', '--check', '--json', str(files['json']),
                 '--markdown', str(files['md']), '--plot', str(files['png'])]  # fmt: skip
    assert main(arguments) == 0
    output = capsys.readouterr().out
    assert '## 64x48, batch of 2' in output
    assert output.count('| color_linear |') == 2
    result = json.loads(files['json'].read_text())
    assert result['command'].startswith('surgseg benchmark --models color_linear --backends')
    assert [row['backend'] for row in result['rows']] == ['eager', 'torch']
    assert '(result.png)' in files['md'].read_text()
    assert cv2.imread(str(files['png'])) is not None


def test_benchmark_of_a_node_gets_its_own_options(capfd):
    pytest.importorskip('sensor_msgs', reason='the benchmark of a node needs ROS 2')
    assert main(['benchmark', '--node', '--help']) == 0
    assert 'surgseg benchmark --node' in capfd.readouterr().out


def test_help_is_quick_and_without_torch():
    code = """
import sys
from surgseg_ros import cli
try:
    cli.main(['--help'])
except SystemExit:
    assert not {'torch', 'matplotlib', 'psutil', 'tabulate'} & set(sys.modules)
"""
    finished = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True, check=False, env=os.environ
    )
    assert finished.returncode == 0, finished.stderr
    assert 'surgseg predict --input' in finished.stdout
