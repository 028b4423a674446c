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


"""Tests of the metrics of overlap against independent libraries, mask by mask and by hand."""

import numpy as np
import pytest
import torch

import surgseg_ros.models.torchvision_import  # noqa: F401  torchmetrics imports torchvision

# isort: split
from torchmetrics.functional.classification import multiclass_f1_score
from torchmetrics.functional.classification import multiclass_jaccard_index
from torchmetrics.functional.classification import multiclass_recall
from torchmetrics.functional.classification import multiclass_specificity

from surgseg_ros.evaluation.labels import overlap_metrics
from surgseg_ros.evaluation.labels.metrics import confusion_matrix

CLASSES = 5
EXACT = {'rtol': 0, 'atol': 1e-6}


def random_frames(seed: int, count: int = 12) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return truths and predictions that lack classes now and then, or are empty."""
    random = np.random.default_rng(seed)
    frames = []
    for _ in range(count):
        classes = random.choice(CLASSES, random.integers(1, CLASSES + 1), replace=False)
        truth = random.choice(classes, (9, 11)).astype(np.uint8)
        wrong = random.random(truth.shape) < 0.4
        prediction = np.where(wrong, random.integers(0, CLASSES, truth.shape), truth)
        frames.append((truth, prediction.astype(np.uint8)))
    empty = np.zeros((9, 11), np.uint8)
    return [*frames, (empty, empty), (empty, frames[0][1]), (frames[0][0], empty)]


def confusions_of(frames: list[tuple[np.ndarray, np.ndarray]], classes: int = CLASSES):
    return np.stack([confusion_matrix(*frame, classes) for frame in frames])


def iou(truth: np.ndarray, prediction: np.ndarray) -> float:
    return (truth & prediction).sum() / (truth | prediction).sum()


def dice(truth: np.ndarray, prediction: np.ndarray) -> float:
    return 2 * (truth & prediction).sum() / (truth.sum() + prediction.sum())


def classes_in(labels: np.ndarray) -> set[int]:
    return set(np.unique(labels).tolist()) - {0}


@pytest.fixture(params=[0, 1, 2])
def frames(request):
    return random_frames(request.param)


@pytest.mark.parametrize(
    ('function', 'measure'),
    [(overlap_metrics.iou_ternaus, iou), (overlap_metrics.dice_ternaus, dice)],
)
def test_ternaus_mask_by_mask(frames, function, measure):
    expected = []
    for truth, prediction in frames:
        values = [measure(truth == c, prediction == c) for c in classes_in(truth)]
        expected.append(np.mean(values) if values else float(not classes_in(prediction)))
    np.testing.assert_allclose(function(confusions_of(frames)), expected, **EXACT)


def test_challenge_isinet_and_mean_class_iou_mask_by_mask(frames):
    challenge, isinet, by_class = [], [], {c: [] for c in range(1, CLASSES)}
    for truth, prediction in frames:
        either = classes_in(truth) | classes_in(prediction)
        values = {c: iou(truth == c, prediction == c) for c in either}
        for c, value in values.items():
            by_class[c].append(value)
        if values:
            isinet.append(np.mean(list(values.values())))
        if classes_in(truth):
            challenge.append(np.mean([values[c] for c in classes_in(truth)]))
    confusions = confusions_of(frames)
    found = overlap_metrics.iou_challenge(confusions)
    np.testing.assert_allclose(found[~np.isnan(found)], challenge, **EXACT)
    found = overlap_metrics.iou_isinet(confusions)
    np.testing.assert_allclose(found[~np.isnan(found)], isinet, **EXACT)
    expected = [np.mean(values) for values in by_class.values()]
    np.testing.assert_allclose(overlap_metrics.mc_iou(confusions), expected, **EXACT)


def test_pooled_as_torchmetrics(frames):
    truth, prediction = (
        torch.from_numpy(np.concatenate([frame[side].ravel() for frame in frames]).astype(int))
        for side in (0, 1)
    )
    confusions = confusions_of(frames)
    options = {'num_classes': CLASSES, 'average': 'none'}
    expected = multiclass_jaccard_index(prediction, truth, **options)[1:]
    np.testing.assert_allclose(overlap_metrics.iou_pooled(confusions), expected, **EXACT)
    expected = multiclass_f1_score(prediction, truth, **options)[1:]
    np.testing.assert_allclose(overlap_metrics.dice_pooled(confusions), expected, **EXACT)


def test_averages_over_frames_with_the_class_as_torchmetrics(frames):
    functions = {
        overlap_metrics.dice_islam2019: multiclass_f1_score,
        overlap_metrics.sensitivity: multiclass_recall,
        overlap_metrics.specificity: multiclass_specificity,
    }
    for function, reference in functions.items():
        by_class = {c: [] for c in range(1, CLASSES)}
        for truth, prediction in frames:
            values = reference(
                *(torch.from_numpy(labels.astype(int)).ravel() for labels in (prediction, truth)),
                num_classes=CLASSES,
                average='none',
            )
            for c in classes_in(truth):
                if function is not overlap_metrics.specificity or (truth != c).any():
                    by_class[c].append(float(values[c]))
        expected = [np.mean(values) for values in by_class.values()]
        np.testing.assert_allclose(function(confusions_of(frames)), expected, **EXACT)


def test_macro_of_scikit_learn_and_sar_rarp50_as_torchmetrics_and_monai(frames):
    from monai.metrics import compute_iou

    macro, challenge = [], []
    for truth, prediction in frames:
        true, told = (torch.from_numpy(labels.astype(int)) for labels in (truth, prediction))
        options = {'num_classes': CLASSES, 'average': 'none', 'zero_division': 0}
        macro.append(float(multiclass_jaccard_index(told.ravel(), true.ravel(), **options).mean()))
        hot = [
            torch.nn.functional.one_hot(labels, CLASSES).permute(2, 0, 1)[None]
            for labels in (told, true)
        ]
        values = compute_iou(*hot, include_background=False, ignore_empty=False)
        challenge.append(float(values.mean()))
    confusions = confusions_of(frames)
    np.testing.assert_allclose(overlap_metrics.iou_sklearn_macro(confusions), macro, **EXACT)
    np.testing.assert_allclose(overlap_metrics.iou_sar_rarp50(confusions), challenge, **EXACT)


def test_cumulative_by_hand():
    confusions = np.array([
        [[90, 2, 0], [3, 5, 0], [0, 0, 0]],
        [[90, 0, 4], [0, 0, 0], [1, 0, 5]],
    ])  # fmt: skip
    assert overlap_metrics.iou_cumulative(confusions) == pytest.approx((5 + 5) / (10 + 10))
    assert np.isnan(overlap_metrics.iou_cumulative(np.array([[[9, 0], [0, 0]]])))


@pytest.mark.parametrize(
    ('truth', 'prediction', 'expected'),
    [
        # ternaus, challenge, ISINet, SAR-RARP50, scikit-learn; two classes and the background
        ([0, 0, 0, 0], [0, 0, 0, 0], (1, np.nan, np.nan, 1, 1 / 3)),
        ([0, 0, 0, 0], [0, 1, 0, 0], (0, np.nan, 0, 0.5, 3 / 4 / 3)),
        ([0, 1, 0, 0], [0, 0, 0, 0], (0, 0, 0, 0.5, 3 / 4 / 3)),
        ([0, 1, 0, 0], [0, 1, 0, 0], (1, 1, 1, 1, 2 / 3)),
        ([0, 1, 0, 0], [0, 1, 2, 0], (1, 1, 0.5, 0.5, (2 / 3 + 1) / 3)),
        ([0, 1, 255, 0], [0, 1, 2, 0], (1, 1, 1, 1, 2 / 3)),
        ([255, 255, 255, 255], [0, 1, 2, 0], (1, np.nan, np.nan, 1, 0)),
    ],
)
def test_what_is_empty_absent_or_ignored(truth, prediction, expected):
    arrays = (np.array(labels, np.uint8) for labels in (truth, prediction))
    confusions = confusion_matrix(*arrays, 3)[None]
    functions = (
        overlap_metrics.iou_ternaus,
        overlap_metrics.iou_challenge,
        overlap_metrics.iou_isinet,
        overlap_metrics.iou_sar_rarp50,
        overlap_metrics.iou_sklearn_macro,
    )
    np.testing.assert_allclose([f(confusions)[0] for f in functions], expected, **EXACT)


def test_a_class_that_never_occurs_has_no_value():
    confusions = np.array([[[9, 0, 0], [1, 3, 0], [0, 0, 0]]])
    for function in (
        overlap_metrics.mc_iou,
        overlap_metrics.iou_pooled,
        overlap_metrics.dice_pooled,
        overlap_metrics.dice_islam2019,
        overlap_metrics.sensitivity,
        overlap_metrics.specificity,
        overlap_metrics.iou_ignoring_background_confusion,
        overlap_metrics.dice_ignoring_background_confusion,
    ):
        assert np.isnan(function(confusions)).tolist() == [False, True], function.__name__


def test_the_order_of_published_numbers():
    """As TernausNet on types: challenge IoU 35.27, ISINet IoU 12.67, mean class IoU 10.17."""
    truth = np.zeros((4, 20), np.uint8)
    truth[:, :10] = 1
    one_false, many_false = truth.copy(), truth.copy()
    one_false[0, 10:12] = 2
    many_false[0, 10:16] = [2, 3, 4, 5, 6, 7]
    confusions = confusions_of([(truth, one_false)] * 9 + [(truth, many_false)], 8)
    challenge = np.nanmean(overlap_metrics.iou_challenge(confusions))
    isinet = np.nanmean(overlap_metrics.iou_isinet(confusions))
    mean_class = np.nanmean(overlap_metrics.mc_iou(confusions))
    assert challenge == 1.0
    assert isinet == pytest.approx((9 / 2 + 1 / 7) / 10)
    assert mean_class == pytest.approx(1 / 7)
    assert challenge > isinet > mean_class


def test_metrics_without_background_flatter():
    """Two classes often taken for background, hardly for one another."""
    confusions = np.array([[[1000, 13, 7], [14, 32, 1], [7, 0, 6]]])
    np.testing.assert_allclose(overlap_metrics.iou_pooled(confusions), [32 / 60, 6 / 21])
    np.testing.assert_allclose(
        overlap_metrics.iou_ignoring_background_confusion(confusions), [32 / 33, 6 / 7]
    )
    np.testing.assert_allclose(
        overlap_metrics.dice_ignoring_background_confusion(confusions), [64 / 65, 12 / 13]
    )


def test_metrics_without_background_and_nothing_left():
    only_background = np.array([[[9, 1, 0], [2, 0, 0], [0, 0, 5]]])
    np.testing.assert_array_equal(
        overlap_metrics.iou_ignoring_background_confusion(only_background), [0, 1]
    )
    only_false = np.array([[[9, 1, 0], [0, 0, 0], [0, 0, 5]]])
    np.testing.assert_array_equal(
        overlap_metrics.iou_ignoring_background_confusion(only_false), [0, 1]
    )
    binary = np.array([[[9, 1], [2, 3]]])
    assert np.isnan(overlap_metrics.dice_ignoring_background_confusion(binary)).all()
