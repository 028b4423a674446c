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

"""Tests of `surgseg adapt` on real files."""

import json

import cv2
import numpy as np
import pytest
from rosbags.rosbag2 import Writer
from rosbags.typesys import get_typestore
from rosbags.typesys import Stores

from surgseg_ros.cli import main
from surgseg_ros.data.frame_source import FrameSource
from surgseg_ros.data.image_files import write_image
from surgseg_ros.data.samples import DatasetError
from surgseg_ros.evaluation.labels.metrics import confusion_matrix
from surgseg_ros.evaluation.labels.metrics import dice_per_class
from surgseg_ros.inference.segmenter import Segmenter
from surgseg_ros.simulation import SceneOptions
from surgseg_ros.simulation import StereoEndoscopeSimulator
from surgseg_ros.training.label_free.adapt import adapt
from surgseg_ros.training.label_free.adapt import AdaptationFiles
from surgseg_ros.training.label_free.adapt import remove_small_regions
from surgseg_ros.training.label_free.adaptation import Adaptation
from surgseg_ros.training.label_free.adaptation import make_options

WITHOUT_PAIRS = {'foreground_diffusion': False, 'background_diffusion': False}


@pytest.fixture
def frames(tmp_path):
    """Return a folder with four frames of a gray tool that moves over tissue."""
    folder = tmp_path / 'frames'
    folder.mkdir()
    for index in range(4):
        image = np.full((64, 96, 3), (150, 50, 50), np.uint8)
        image[20:40, 10 * index : 10 * index + 30] = 180
        write_image(folder / f'f{index}.png', image)
    return folder


@pytest.fixture
def corrupt_labels(tmp_path):
    """Return a folder where opening any label of the frames fails."""
    folder = tmp_path / 'labels'
    folder.mkdir()
    for index in range(4):
        (folder / f'f{index}.png').write_bytes(b'no picture')
    return folder


def write_bag(path, folder):
    """Write the frames of a folder as JPEG to one topic of a recording, black to another."""
    types = get_typestore(Stores.ROS2_JAZZY)
    kind = 'sensor_msgs/msg/CompressedImage'
    stamp = types.types['builtin_interfaces/msg/Time'](sec=0, nanosec=0)
    header = types.types['std_msgs/msg/Header'](stamp=stamp, frame_id='')
    with Writer(path, version=9) as writer:
        for topic, gain in (('/left', 1), ('/right', 0)):
            connection = writer.add_connection(topic, kind, typestore=types)
            for index, file in enumerate(sorted(folder.iterdir())):
                data = cv2.imencode('.jpg', gain * cv2.imread(str(file)))[1].reshape(-1)
                message = types.types[kind](header=header, format='jpeg', data=data)
                writer.write(connection, index, types.serialize_cdr(message, kind))
    return path


def run(frames, output, red_checkpoint, files=None, **changes):
    options = make_options(**{'steps': 3, 'size': (96, 64), **WITHOUT_PAIRS, **changes})
    given = AdaptationFiles(output, str(red_checkpoint), **(files or {}))
    return adapt(FrameSource(frames), given, options, device_name='cpu')


def test_a_new_network_for_predict(frames, mffnet_checkpoint, tmp_path):
    """The whole way: command, files, and the checkpoint in the hands of predict."""
    output = tmp_path / 'out' / 'tool.safetensors'
    assert main(['adapt', '--input', str(frames), '--output', str(output), '--steps', '2',
                 '--size', '96x64', '--device', 'cpu', '--save-cues', str(tmp_path / 'saved'),
                 '--predictions', str(tmp_path / 'masks'),
                 '--set', f'feature_checkpoint={mffnet_checkpoint}',
                 '--set', 'feature_size=[96, 64]']) == 0  # fmt: skip
    assert cv2.imread(str(output.with_suffix('.png'))).shape[1] > 1000
    lines = output.with_suffix('.jsonl').read_text().splitlines()
    assert json.loads(lines[-1])['step'] == 2
    assert {path.name for path in tmp_path.glob('saved/cues/*')} == {
        'color', 'objectness', 'location',
    }  # fmt: skip
    assert len(list(tmp_path.glob('saved/anchors/*/f*.png'))) == 8
    segmenter = Segmenter(output, 'cpu', backend='torch')
    assert segmenter.model_name == 'agsd_unet'
    assert 'without labels' in segmenter.info.notice
    assert 'checkpoint random' in segmenter.info.provenance['features']
    assert segmenter.info.provenance['options']['label_share'] == 0
    assert 0 < segmenter.threshold < 1
    image = next(iter(FrameSource(frames))).image
    (result,) = segmenter.segment([image])
    assert result.label_image.shape == (64, 96)
    mask = cv2.imread(str(tmp_path / 'masks' / 'f3.png'), cv2.IMREAD_UNCHANGED)
    assert set(np.unique(mask)) <= {0, 1}


def test_without_labels_no_label_is_opened(frames, corrupt_labels, red_checkpoint, tmp_path):
    output = tmp_path / 'a.safetensors'
    run(frames, output, red_checkpoint, {'labels': corrupt_labels})
    assert output.is_file()
    with pytest.raises(DatasetError, match=r'f0\.png: expected a JPEG'):
        run(frames, output, red_checkpoint, {'labels': corrupt_labels}, label_share=50)
    run(frames, output, red_checkpoint, {'labels': tmp_path / 'nowhere'})


def test_every_second_frame_has_its_labels(frames, corrupt_labels, red_checkpoint, tmp_path):
    labels = np.zeros((64, 96), np.uint8)
    labels[:, 90:] = 7
    for index in (0, 2):
        write_image(corrupt_labels / f'f{index}.png', labels)
    files = {'labels': corrupt_labels}
    result = run(frames, tmp_path / 'a.safetensors', red_checkpoint, files, label_share=50)
    plain = run(frames, tmp_path / 'b.safetensors', red_checkpoint)
    # What the result tells of are the anchors that the network learned from.
    for index in (0, 2):
        np.testing.assert_array_equal(result.anchors.positive[index], labels > 0)
        np.testing.assert_array_equal(result.anchors.negative[index], labels == 0)
    for index in (1, 3):
        np.testing.assert_array_equal(
            result.anchors.positive[index], plain.anchors.positive[index]
        )
    assert 'labels of 50 %' in Segmenter(tmp_path / 'a.safetensors', 'cpu').info.notice


def test_a_checkpoint_of_parts_keeps_its_task(frames, mffnet_checkpoint, tmp_path):
    output = tmp_path / 'a.safetensors'
    result = run(
        frames,
        output,
        mffnet_checkpoint,
        steps=1,
        feature_size=(96, 64),
        foreground_diffusion=True,
    )
    segmenter = Segmenter(output, 'cpu', 'auxiliary', backend='torch')
    assert segmenter.label_set.name == 'parts'
    assert segmenter.info.threshold == 0.5
    assert segmenter.info.provenance['adapted_from'] == 'random'
    assert "'encoder.layer3' of mffnet" in result.features
    assert not np.array_equal(result.before, result.prediction)


def instrument_dice(mask, truth):
    return dice_per_class(confusion_matrix(truth.astype(np.uint8), mask.astype(np.uint8), 2))[1]


def test_a_trained_network_keeps_what_it_knows(tmp_path):
    """Before its own prediction was the anchor, gray tissue and bright drops undid it."""
    folder, options = tmp_path / 'frames', SceneOptions(width=256, height=208, eyes=('left',))
    folder.mkdir()
    with StereoEndoscopeSimulator(options) as simulator:
        truths = []
        for index in range(4):
            frame = simulator.step().left
            write_image(folder / f'{index}.png', frame.image)
            truths.append(frame.labels['binary'] > 0)
    output = tmp_path / 'a.safetensors'
    # After fewer steps the statistics of batch normalization have moved, the weights not yet.
    assert main(['adapt', '--input', str(folder), '--init', 'mffnet_parts_sim', '--steps', '30',
                 '--size', '256x208', '--device', 'cpu', '--output', str(output),
                 '--set', 'pairs_per_batch=1', '--set', 'feature_size=[160, 128]',
                 '--predictions', str(tmp_path / 'masks'), '--threshold', '0.5',
                 '--save-cues', str(tmp_path / 'saved')]) == 0  # fmt: skip
    assert {path.name for path in tmp_path.glob('saved/cues/*')} == {'prediction', 'mirrored'}
    for index, truth in enumerate(truths):
        mask = cv2.imread(str(tmp_path / 'masks' / f'{index}.png'), cv2.IMREAD_UNCHANGED) > 0
        before = cv2.imread(str(tmp_path / f'saved/cues/prediction/{index}.png'), 0) > 127
        assert instrument_dice(mask, truth) > instrument_dice(before, truth) - 0.02


def test_cues_of_a_network_need_one(frames, tmp_path, capsys):
    output = str(tmp_path / 'a.safetensors')
    assert main(['adapt', '--input', str(frames), '--output', output,
                 '--cues-used', 'color,prediction']) == 1  # fmt: skip
    assert 'prediction: these cues are of a trained network; name it (--init)' in (
        capsys.readouterr().err
    )


def test_cues_are_read_back(frames, red_checkpoint, tmp_path):
    first = run(frames, tmp_path / 'a.safetensors', red_checkpoint, {'save_cues': tmp_path / 'c'})
    again = run(frames, tmp_path / 'b.safetensors', red_checkpoint, {'cues': tmp_path / 'c'})
    np.testing.assert_array_equal(first.anchors.positive, again.anchors.positive)
    for cue in (tmp_path / 'c' / 'cues').iterdir():
        cue.rename(tmp_path / f'away_{cue.name}')
    anchors = run(frames, tmp_path / 'b.safetensors', red_checkpoint, {'cues': tmp_path / 'c'})
    np.testing.assert_allclose(anchors.anchors.positive, first.anchors.positive, atol=0.003)
    assert not anchors.cues


def test_an_interrupt_leaves_a_checkpoint(frames, red_checkpoint, tmp_path, monkeypatch):
    take_step = Adaptation._train_step

    def interrupt(self):
        if self.steps_done == 2:
            raise KeyboardInterrupt
        return take_step(self)

    monkeypatch.setattr(Adaptation, '_train_step', interrupt)
    output = tmp_path / 'a.safetensors'
    with pytest.raises(KeyboardInterrupt):
        run(frames, output, red_checkpoint)
    assert Segmenter(output, 'cpu').info.provenance['steps'] == 2


def test_recordings(frames, red_checkpoint, tmp_path, capsys):
    bag = write_bag(tmp_path / 'surgery', frames)
    output = tmp_path / 'a.safetensors'
    arguments = ['--input', str(bag), '--topic', '/left']
    assert main(['adapt', *arguments, '--output', str(output), '--init', str(red_checkpoint),
                 '--steps', '1', '--set', 'foreground_diffusion=false',
                 '--set', 'background_diffusion=false']) == 0  # fmt: skip
    assert '4 frames at' in capsys.readouterr().out
    assert main(['predict', *arguments, '--output', str(tmp_path / 'labels'),
                 '--checkpoint', str(output), '--device', 'cpu']) == 0  # fmt: skip
    assert len(list((tmp_path / 'labels').glob('surgery_00000?.png'))) == 4
    assert main(['predict', '--input', str(bag), '--output', str(tmp_path / 'labels')]) == 1
    assert 'name one of them with --topic: /left, /right' in capsys.readouterr().err


def test_images_of_skin_lesions(frames, red_checkpoint, tmp_path):
    write_image(frames / 'f4.png', np.full((90, 60, 3), (180, 120, 100), np.uint8))
    output = tmp_path / 'a.safetensors'
    assert main(['adapt', '--input', str(frames), '--output', str(output), '--isic',
                 '--init', str(red_checkpoint), '--size', '96x64', '--steps', '1',
                 '--set', 'foreground_diffusion=false', '--threshold', '0.6',
                 '--set', 'background_diffusion=false',
                 '--save-cues', str(tmp_path / 'cues')]) == 0  # fmt: skip
    assert {path.name for path in tmp_path.glob('cues/cues/*')} == {'location', 'objectness'}
    info = Segmenter(output, 'cpu').info
    assert info.resize == 'stretch'
    assert info.threshold == 0.6


def test_setting_tt_predicts_other_frames(frames, red_checkpoint, tmp_path):
    other = tmp_path / 'other'
    other.mkdir()
    write_image(other / 'x.png', np.full((64, 96, 3), 99, np.uint8))
    files = AdaptationFiles(tmp_path / 'a.safetensors', str(red_checkpoint))
    options = make_options(steps=1, size=(96, 64), **WITHOUT_PAIRS)
    result = adapt(
        FrameSource(frames), files, options, test_source=FrameSource(other), device_name='cpu'
    )
    assert result.predicted_clip.stems == ('x',)
    assert len(result.clip) == 4
    assert result.prediction.shape == (1, 64, 96)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (('--input', 'missing'), 'missing does not exist'),
        (('--input', 'frames', '--setting', 'tt'), '--setting tt and --test-input go together'),
        (('--input', 'frames', '--threshold', 'high'), 'expected otsu or a probability'),
        (('--input', 'frames', '--threshold', '1.5'), 'must lie between 0 and 1'),
        (('--input', 'frames', '--label-share', '50'), 'name their folder'),
        (('--input', 'frames', '--output', 'a.pt'), 'must end in .safetensors'),
        (('--input', 'frames', '--cues-used', 'shape'), 'one or more of color'),
        (('--input', 'frames', '--isic', '--cues-used', 'color'), 'skin lesions vary'),
        (('--input', 'frames/f0.png', '--set', 'steps=1'), 'f0.png has 1 frame; pairs'),
        (('--input', 'frames', '--cues', 'frames'), 'neither cues/<cue>'),
    ],
)
def test_errors_say_what_to_do(frames, red_checkpoint, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(frames.parent)
    common = ['--init', str(red_checkpoint), '--set', 'foreground_diffusion=false',
              '--set', 'background_diffusion=false']  # fmt: skip
    output = [] if '--output' in arguments else ['--output', 'a.safetensors']
    assert main(['adapt', *common, *output, *arguments]) == 1
    assert message in capsys.readouterr().err
    assert not (frames.parent / 'a.safetensors').exists()


def test_small_regions_are_left_out():
    mask = np.zeros((8, 8), np.uint8)
    mask[0, :3] = mask[4:7, 4:7] = 1
    assert remove_small_regions(mask, 0).sum() == 3 + 9
    assert remove_small_regions(mask, 4).sum() == 9
    assert remove_small_regions(mask, 4)[5, 5] == 1
    assert remove_small_regions(mask, 10).sum() == 0
