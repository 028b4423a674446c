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

"""Tests of `surgseg evaluate --tracks` on small, short scenes."""

import json

import pytest

from surgseg_ros.cli import main
from surgseg_ros.decoding.image_files import read_image
from surgseg_ros.evaluation.tracks.evaluate import evaluate_tracks
from surgseg_ros.evaluation.tracks.evaluate import TrackEvaluationOptions
from surgseg_ros.simulation.memory import keep_freed_memory
from surgseg_ros.simulation.rendering.offscreen import create_gl_context
from surgseg_ros.simulation.rendering.offscreen import RenderingError

SMALL = ('--size', '320x256', '--rate', '10')


@pytest.fixture(scope='module', autouse=True)
def off_screen_gl():
    keep_freed_memory()
    try:
        create_gl_context().free()
    except RenderingError as error:
        pytest.skip(str(error))


def test_scenes_give_tables_json_and_pictures(tmp_path, capsys):
    file, folder = tmp_path / 'new' / 'tracks.json', tmp_path / 'pictures'
    assert main([
        *('evaluate', '--tracks', '--scenes', 'calm,eye_offset', '--seconds', '2', *SMALL),
        *('--task', 'types', '--json', str(file), '--output', str(folder)),
    ]) == 0  # fmt: skip
    printed = capsys.readouterr().out
    (row, *_) = [line for line in printed.splitlines() if line.startswith('| eye_offset ')]
    assert row.split('|')[2].strip() == '20'
    assert 'ok      centroid in the image' in printed
    result = json.loads(file.read_text())
    assert list(result['scenes']) == ['calm', 'eye_offset']
    assert result['settings']['labels'] == 'truth'
    assert result['overall']['frames'] == 40
    for row in (*result['scenes'].values(), result['overall']):
        for place in ('image', 'space'):
            assert row[place]['found'] == row[place]['expected'] > 0
            assert row[place]['identities']['switches'] == 0
            assert row[place]['tracked_centroid']['count'] > 0
        assert row['space']['centroid']['median'] < 1.0
        assert row['times']['locate_instruments']['median_ms'] > 0
    assert all({'text', 'value', 'met'} <= set(target) for target in result['targets'])
    names = sorted(path.name for path in folder.iterdir())
    assert names == ['calm.png', 'error_by_depth.png', 'eye_offset.png']
    assert read_image(folder / 'calm.png').min() < 100


def test_crossing_keeps_identities():
    options = TrackEvaluationOptions(('crossing',), 'parts', (320, 256), 10.0, 5.0)
    result, scores = evaluate_tracks(options)
    for place in ('image', 'space'):
        identities = result['scenes']['crossing'][place]['identities']
        assert (identities['switches'], identities['objects']) == (0, 100)
        assert identities['mota'] >= 0.95
    assert {track for moment in scores['crossing'].image.moments for track in moment.tracks} == {
        1,
        2,
    }


def test_a_blind_eye_gives_no_pairs():
    options = TrackEvaluationOptions(('one_eye_blind',), 'parts', (320, 256), 2.0, 6.0)
    result, scores = evaluate_tracks(options)
    times = result['overall']['times']
    assert times['find_instruments']['count'] == 2 * 12 - 2
    assert times['locate_instruments']['count'] == 12 - 2
    assert len(scores['one_eye_blind'].space.moments) == 10


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['--tracks', '--scenes', 'nowhere'], "no scene 'nowhere'"),
        (['--tracks', '--task', 'sar_rarp50'], "task 'sar_rarp50'"),
        (['--tracks', '--size', 'large'], 'size large'),
        (['--tracks', '--seconds', '0'], 'seconds must be above 0'),
        (['--tracks', '--predictions', 'x'], 'do not go with --tracks'),
        (['--task', 'parts'], '--predictions, --ground-truth, or --tracks'),
    ],
)
def test_arguments_that_do_not_fit(capsys, arguments, message):
    assert main(['evaluate', *arguments]) == 1
    assert message in capsys.readouterr().err


def test_the_network_must_have_the_task(red_checkpoint, capsys):
    arguments = ['--task', 'types', '--checkpoint', str(red_checkpoint), '--device', 'cpu']
    assert main(['evaluate', '--tracks', '--labels', 'network', *arguments]) == 1
    assert "task is 'binary', not 'types'" in capsys.readouterr().err


def test_labels_of_a_network(red_checkpoint):
    from surgseg_ros.inference.segmenter import Segmenter

    options = TrackEvaluationOptions(('calm',), 'binary', (160, 128), 10.0, 0.2)
    result, _ = evaluate_tracks(options, Segmenter(red_checkpoint, 'cpu', backend='torch'))
    assert result['settings']['labels'] == 'red'
    assert result['overall']['frames'] == 2
