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


"""Tests of scores of frames that go in one by one."""

from collections.abc import Iterator
import json
import weakref

import numpy as np
import pytest

from surgseg_ros.evaluation.labels.metric_table import METRICS
from surgseg_ros.evaluation.labels.metrics import binary_confusion
from surgseg_ros.evaluation.labels.scores import LabeledFrame
from surgseg_ros.evaluation.labels.scores import score_frames

SHAPE = (24, 32)


def labels(*columns: int) -> np.ndarray:
    """Return an image whose columns are split evenly among classes."""
    return np.repeat(np.array(columns, np.uint8), SHAPE[1] // len(columns))[None].repeat(24, 0)


def frame(video: str, stem: str, truth: np.ndarray, prediction: np.ndarray | None):
    return LabeledFrame(video, stem, truth, prediction)


@pytest.fixture
def scores():
    frames = [
        frame('a', '0', labels(0, 1, 2, 0), labels(0, 1, 2, 0)),
        frame('a', '1', labels(0, 1, 1, 0), labels(0, 1, 0, 0)),
        frame('b', '0', labels(0, 0, 0, 0), labels(0, 0, 0, 0)),
        frame('b', '1', labels(0, 0, 0, 3), None),
        frame('b', '2', labels(0, 0, 0, 0), None),
    ]
    return score_frames(frames, 'parts', surface=True)


def test_overall_and_by_video_by_hand(scores):
    result = scores.to_dict()
    assert result['frames'] == 5
    assert result['missing_predictions'] == 2
    assert result['metrics']['iou_ternaus'] == pytest.approx((1 + 0.5 + 1 + 0 + 0) / 5)
    assert result['metrics']['iou_challenge'] == pytest.approx((1 + 0.5 + 0) / 3)
    assert result['metrics']['mc_iou'] == round((0.75 + 1 + 0) / 3, 4)
    of_a, of_b = (1 + (0.5 + 2) / 3) / 2, (1 + 0 + 0) / 3
    assert result['videos']['a']['metrics']['iou_sar_rarp50'] == round(of_a, 4)
    assert result['videos']['b']['metrics']['iou_sar_rarp50'] == round(of_b, 4)
    assert result['metrics']['iou_sar_rarp50'] == round((of_a + of_b) / 2, 4)
    assert [video['frames'] for video in result['videos'].values()] == [2, 3]
    assert result['deviations']['iou_ternaus'] == round(np.std([1, 0.5, 1, 0, 0]), 4)


def test_distances_by_hand(scores):
    result = scores.to_dict()
    # Frame a/1: the prediction lacks the right one of two stripes of 8 columns.
    assert result['classes']['shaft']['hausdorff'] == pytest.approx((0 + 8) / 2)
    assert result['classes']['clasper']['hausdorff'] is None
    assert result['classes']['clasper']['hausdorff_left_out'] == 1
    assert result['metrics']['hausdorff'] == pytest.approx((4 + 0) / 2)
    of_a, of_b = 1.0, (1 + 0 + 0) / 3
    assert result['metrics']['nsd_sar_rarp50'] == round((of_a + of_b) / 2, 4)
    root = np.sqrt(scores.metric('iou_sar_rarp50') * scores.metric('nsd_sar_rarp50'))
    assert scores.metric('score_sar_rarp50') == pytest.approx(root)


def test_classes_and_binary(scores):
    result = scores.to_dict()
    assert result['classes']['shaft']['frames_in_truth'] == 2
    assert result['classes']['clasper']['frames_predicted'] == 0
    assert result['classes']['wrist']['iou_pooled'] == 1.0
    assert result['binary']['iou_pooled'] == pytest.approx(3 / 5)
    assert 'hausdorff' not in result['binary']
    assert np.sum(result['confusion_matrix']) == 5 * 24 * 32


def test_all_classes_as_one(scores):
    total = scores.records.as_binary().confusions.sum(axis=0)
    np.testing.assert_array_equal(total, binary_confusion(scores.confusion))
    assert total[0, 1] != total[1, 0]


def test_all_metrics_are_in_valid_json(scores):
    result = json.loads(json.dumps(scores.to_dict(), allow_nan=False))
    assert list(result['metrics']) == [metric.name for metric in METRICS]


def test_without_surface_no_distances():
    scores = score_frames([frame('a', '0', labels(1), labels(1))], 'binary')
    assert not [key for key in scores.to_dict()['metrics'] if 'hausdorff' in key or 'nsd' in key]
    with pytest.raises(ValueError, match='surface=True'):
        scores.metric('hausdorff')


def test_nothing_to_see_is_null_not_a_number():
    blank = labels(0)
    result = score_frames([frame('a', '0', blank, blank)], 'types').to_dict()
    text = json.dumps(result, allow_nan=False)
    assert result['metrics']['iou_challenge'] is None
    assert result['metrics']['mc_iou'] is None
    assert result['metrics']['iou_ternaus'] == 1.0
    assert 'NaN' not in text


def test_worst_frames_come_first(scores):
    assert scores.worst_frames(3) == [('b/1', 0.0), ('b/2', 0.0), ('a/1', pytest.approx(2 / 3))]


def test_frames_are_not_kept():
    alive: list[weakref.ref] = []

    def frames() -> Iterator[LabeledFrame]:
        for index in range(20):
            assert sum(reference() is not None for reference in alive) <= 2
            truth = labels(0, 1)
            alive.append(weakref.ref(truth))
            yield frame('a', str(index), truth, truth)

    assert len(score_frames(frames(), 'parts').records.names) == 20


def test_errors_say_which_frame():
    with pytest.raises(ValueError, match='no frames'):
        score_frames([], 'parts')
    with pytest.raises(ValueError, match="unknown task 'nose'"):
        score_frames([], 'nose')
    with pytest.raises(ValueError, match="b/7: predicted class 9 .*task 'parts'"):
        score_frames([frame('b', '7', labels(1), labels(9))], 'parts')
    with pytest.raises(ValueError, match="b/7: truth is .* is the task 'parts' right"):
        score_frames([frame('b', '7', labels(1), labels(1)[:5])], 'parts')
