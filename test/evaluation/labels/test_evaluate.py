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

"""Tests of scoring folders of label images."""

import json
import sys

import cv2
import numpy as np
import pytest

from surgseg_ros.cli import main
from surgseg_ros.evaluation.labels.evaluate import evaluate
from surgseg_ros.evaluation.labels.evaluate import evaluate_labels
from surgseg_ros.evaluation.labels.evaluate import write_pictures
from surgseg_ros.evaluation.labels.label_folders import EvaluationError
from surgseg_ros.evaluation.labels.pairs import LabelPairs
from surgseg_ros.evaluation.labels.truth import find_truth


@pytest.fixture
def folders(tmp_path):
    truth, prediction = tmp_path / 'truth', tmp_path / 'prediction'
    truth.mkdir()
    prediction.mkdir()
    return truth, prediction


def _write(folder, name, values):
    cv2.imwrite(str(folder / f'{name}.png'), np.array(values, np.uint8))


def _write_frame(folders, name, *values):
    """Write the truth and the prediction of a frame; one of them is both."""
    truth, prediction = folders
    _write(truth, name, values[0])
    _write(prediction, name, values[-1])


def test_parts_pooled_and_per_image(folders):
    truth, prediction = folders
    _write_frame(folders, 'a', [[1, 1, 2, 0]], [[1, 2, 2, 0]])
    _write_frame(folders, 'b', [[0, 0, 0, 1]])
    result = evaluate(prediction, truth, 'parts')
    assert result['frames'] == 2
    assert result['dice']['shaft'] == pytest.approx(4 / 5)
    assert result['dice']['wrist'] == pytest.approx(2 / 3, abs=1e-4)
    assert result['dice']['clasper'] is None
    assert result['dice']['binary'] == 1.0
    assert result['dice']['mean'] == pytest.approx((4 / 5 + 2 / 3) / 2, abs=1e-4)
    assert result['dice_per_image']['shaft'] == pytest.approx((2 / 3 + 1) / 2, abs=1e-4)


def test_binary_accepts_predictions_of_any_task(folders):
    truth, prediction = folders
    _write_frame(folders, 'a', [[255, 255, 0, 0]], [[3, 2, 0, 0]])
    _write_frame(folders, 'b', [[1, 1, 0, 0]], [[3, 2, 1, 0]])
    dice = evaluate(prediction, truth, 'binary')['dice']
    assert dice == {'instrument': pytest.approx(0.8)}


def test_ignored_pixels_do_not_count(folders, tmp_path):
    truth, prediction = folders
    ignore = tmp_path / 'other'
    ignore.mkdir()
    _write_frame(folders, 'a', [[1, 1, 0, 0]], [[1, 1, 1, 0]])
    _write(ignore, 'a', [[0, 0, 1, 0]])
    assert evaluate(prediction, truth, 'binary')['dice']['instrument'] == pytest.approx(0.8)
    assert evaluate(prediction, truth, 'binary', ignore)['dice']['instrument'] == 1.0


def test_errors_name_the_file(folders):
    truth, prediction = folders
    with pytest.raises(EvaluationError, match='holds no label images'):
        evaluate(prediction, truth, 'parts')
    _write(truth, 'a', [[1, 1]])
    with pytest.raises(EvaluationError, match=r'a\.png has no prediction'):
        evaluate(prediction, truth, 'parts')
    _write(prediction, 'a', [[1, 1, 1]])
    with pytest.raises(EvaluationError, match='is 3x1 but its ground truth is 2x1'):
        evaluate(prediction, truth, 'parts')
    _write(prediction, 'a', [[1, 9]])
    with pytest.raises(
        EvaluationError, match=r'a.png: has unknown values 9 .*--prediction-factor'
    ):
        evaluate(prediction, truth, 'parts')


def test_a_data_set_of_videos(tmp_path, capsys):
    for video in ('one', 'two'):
        for folder in ('truth', 'prediction', 'images'):
            (tmp_path / folder / video).mkdir(parents=True)
        _write(tmp_path / 'truth' / video, 'f', 85 * np.eye(40, 60, dtype=np.uint8))
        _write(tmp_path / 'prediction' / video, 'f', np.eye(40, 60))
        _write(tmp_path / 'images' / video, 'f', np.full((40, 60, 3), 90))
    (tmp_path / 'prediction' / 'two' / 'f.png').unlink()
    arguments = [
        *('evaluate', '--task', 'parts', '--predictions', str(tmp_path / 'prediction')),
        *('--ground-truth', str(tmp_path / 'truth'), '--mask-factor', '85'),
        *('--json', str(tmp_path / 'result.json'), '--markdown', str(tmp_path / 'result.md')),
        *('--output', str(tmp_path / 'pictures'), '--images', str(tmp_path / 'images')),
    ]
    assert main(arguments) == 1
    assert 'two/f.png has no prediction' in capsys.readouterr().err
    assert main([*arguments, '--missing', 'zero', '--surface', '--worst', '1']) == 0
    result = json.loads(capsys.readouterr().out)
    assert result == json.loads((tmp_path / 'result.json').read_text())
    assert result['videos']['one']['metrics']['score_sar_rarp50'] == 1.0
    assert result['metrics']['iou_ternaus'] == 0.5
    assert '| iou_ternaus ' in (tmp_path / 'result.md').read_text()
    sheet = cv2.imread(str(tmp_path / 'pictures' / 'worst_frames.jpg'))
    assert sheet.shape == (28 + 40 + 28, 180, 3)
    assert cv2.imread(str(tmp_path / 'pictures' / 'confusion_matrix.png')) is not None


def test_the_account_is_the_last_line_and_in_the_result(folders, capsys):
    truth, prediction = folders
    _write_frame(folders, 'f1', [[0, 1, 255]], [[0, 1, 1]])
    _write(prediction, 'f2', [[0, 1]])
    paths = ['--predictions', str(prediction), '--ground-truth', str(truth)]
    assert main(['evaluate', *paths, '--task', 'parts']) == 0
    printed = capsys.readouterr()
    assert printed.err.splitlines()[-1] == (
        'read 1 frame, used 1; left out: 1 predictions without ground truth (f2.png); '
        '1 px do not count (255 in the truth, or masked by --ignore)'
    )
    account = json.loads(printed.out)['account']
    assert account['is_complete']
    assert account['left_out'][0]['names'] == ['f2.png']
    assert main(['evaluate', *paths[:2], '--ground-truth', 'nowhere', '--task', 'parts']) == 1
    assert 'nowhere does not exist; name the folder' in capsys.readouterr().err


def test_pictures_of_binary_scores_show_predictions_of_parts(folders, tmp_path):
    truth, prediction = folders
    _write_frame(folders, 'f', np.ones((30, 40)), np.full((30, 40), 3))
    _write(tmp_path, 'f', np.full((30, 40, 3), 90))
    pairs = LabelPairs(find_truth(truth, 'binary').sources, prediction, 'binary')
    evaluation = evaluate_labels(pairs)
    write_pictures(tmp_path / 'pictures', evaluation, tmp_path, 1)
    sheet = cv2.imread(str(tmp_path / 'pictures' / 'worst_frames.jpg')).astype(int)
    drawn_truth, drawn_prediction = (sheet[33:53, x : x + 30] for x in (45, 85))
    assert np.abs(drawn_truth - drawn_prediction).max() < 10
    assert np.abs(drawn_truth - 90).max() > 50


def test_images_that_do_not_fit_are_named(folders, tmp_path):
    truth, prediction = folders
    _write_frame(folders, 'f', [[0, 1]])
    pairs = LabelPairs(find_truth(truth, 'parts').sources, prediction, 'parts')
    evaluation, images = evaluate_labels(pairs), tmp_path / 'images'
    images.mkdir()
    with pytest.raises(EvaluationError, match='truth/f has no readable image'):
        write_pictures(tmp_path / 'pictures', evaluation, images, 1)
    _write(images, 'f', np.zeros((4, 5, 3)))
    with pytest.raises(EvaluationError, match=r'f.png is 5x4 but its ground truth is 2x1'):
        write_pictures(tmp_path / 'pictures', evaluation, images, 1)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['--images', 'x'], 'give --output, too'),
        (['--output', 'x', '--worst', '3'], 'give --images, too'),
        (['--output', 'x', '--images', 'no/such'], 'no/such is no folder'),
        (['--output', 'x', '--images', '.', '--worst', '0'], 'expected 1 or more'),
        (['--mask-factor', '300'], 'mask factor 300: expected 1 to 255'),
        (['--prediction-factor', '0'], 'mask factor 0: expected 1 to 255'),
        (['--tracks', '--surface'], '--surface do not go with --tracks'),
    ],
)
def test_options_that_do_not_fit(folders, capsys, arguments, message):
    truth, prediction = folders
    _write_frame(folders, 'f', [[0, 1]])
    common = ['--predictions', str(prediction), '--ground-truth', str(truth), '--task', 'parts']
    assert main(['evaluate', *common, *arguments]) == 1
    assert message in capsys.readouterr().err


def test_without_monai_the_extra_is_named(folders, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, 'monai', None)
    truth, prediction = folders
    _write_frame(folders, 'f', [[0, 1]])
    common = ['--predictions', str(prediction), '--ground-truth', str(truth), '--task', 'parts']
    assert main(['evaluate', *common, '--surface']) == 1
    assert 'pip install surgseg_ros[evaluation]' in capsys.readouterr().err
    assert main(['evaluate', *common]) == 0


def test_metrics_are_listed(capsys):
    assert main(['evaluate', '--list-metrics']) == 0
    assert '`hausdorff_95`' in capsys.readouterr().out
